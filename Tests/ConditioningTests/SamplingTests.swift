import Conditioning
import Essentials
import MapStorage
import MessagePassing
import Testing
import TestSupport

@Suite struct SplitTests {
  @Test(arguments: [(1, 0), (2, 1), (6, 1), (8, 1), (9, 2), (24, 4), (1000, 167)])
  func fiveToOne(count: Int, test: Int) {
    let split = Split(count: count, seed: 3)
    #expect(split.test.count == test)
    #expect((split.training + split.test).sorted() == Array(0..<count))
    #expect(split.record.trainingCount == count - test && split.record.testCount == test)
  }

  @Test func functionOfSeedAlone() {
    let split = Split(count: 600, seed: 1)
    #expect(split == Split(count: 600, seed: 1))
    let other = Split(count: 600, seed: 2)
    #expect(split.test != other.test && split.record.testHash != other.record.testHash)
    // Spread: a test set of one end would not be random. The mean of 100 of 600 has a deviation of 16.
    let mean = Double(split.test.reduce(0, +)) / 100
    #expect(abs(mean - 299.5) < 80)
  }

  @Test func wholeEnvironments() {
    let environments = (0..<120).map { Int32($0 % 12) * 5 - 20 }
    let split = Split(count: 120, environments: environments, seed: 4)
    let test = Set(split.test.map { environments[$0] })
    #expect(split.record.byEnvironment && test.count == 2 && split.test.count == 20)
    #expect(test.isDisjoint(with: split.training.map { environments[$0] }))
    let one = Split(count: 12, environments: [Int32](repeating: 7, count: 12), seed: 4)
    #expect(!one.record.byEnvironment && one == Split(count: 12, seed: 4))
  }

  /// The sizes of the public set of cities, 630 to 71, and shares; never all maps test.
  @Test(arguments: [
    (SplitRule.Size.count(71), 701, 71), (.count(49), 50, 49), (.share(0.25), 10, 3), (.share(0.01), 10, 1),
    (.share(0), 10, 0), (.share(0.95), 2, 1), (.count(0), 10, 0), (.count(3), 1, 0),
  ])
  func sizes(size: SplitRule.Size, count: Int, test: Int) {
    var rule = SplitRule()
    rule.size = size
    let split = Split(count: count, rule: rule, seed: 3)
    #expect(split.test.count == test && split.training.count == count - test)
    // A larger test set holds a smaller one of the same seed.
    if test > 1 {
      rule.size = .count(test - 1)
      #expect(Set(split.test).isSuperset(of: Split(count: count, rule: rule, seed: 3).test))
    }
  }

  /// Single maps are drawn also where there are environments, if that is asked for.
  @Test func unitsAreChosen() throws {
    let environments = (0..<120).map { Int32($0 % 12) }
    var rule = SplitRule()
    rule.byEnvironment = false
    #expect(Split(count: 120, environments: environments, rule: rule, seed: 4) == Split(count: 120, seed: 4))
    rule.byEnvironment = true
    rule.size = .count(3)
    let whole = Split(count: 120, environments: environments, rule: rule, seed: 4)
    #expect(whole.test.count == 30 && Set(whole.test.map { environments[$0] }).count == 3)
    let scratch = Scratch()
    let plain = scratch.file("plain.h5")
    let writer = try MapSetWriter.create(
      path: plain, description: MapSetDescription(rows: 4, columns: 4, hasStations: false), count: 2,
      communicator: try Communicator.world())
    try writer.write(
      MapBlock(first: 0, maps: (0..<2).map { ChannelFingerprint(rows: 4, columns: 4, repeating: Float($0)) }))
    try writer.close()
    let maps = try MapSetCollection(paths: [plain])
    #expect(fault { try Split(maps, rule: rule, seed: 4) }?.place.hasSuffix(":/environment") == true)
    rule.byEnvironment = nil
    #expect(fault { try Split(maps, rule: rule, seed: 4) }?.expected == "at most 1 of 2")
    rule.size = .count(1)
    #expect(try Split(maps, rule: rule, seed: 4).test.count == 1)
  }

  @Test func otherMapsAreFound() throws {
    let split = Split(count: 600, seed: 1)
    try split.require(split.record, at: "maps.h5")
    #expect(fault { try Split(count: 601, seed: 1).require(split.record, at: "maps.h5") }?.place == "maps.h5")
    let reader = try MapSetReader(path: fixture("maps/layout.h5"))
    let read = try Split(MapSetCollection(paths: [reader.path]), seed: 5)
    #expect(read.record.byEnvironment && read.test.count == 2 && read.training.count == 4)
  }
}

@Suite struct BatchSamplerTests {
  @Test func everyEpochVisitsEachMapOnce() {
    var sampler = BatchSampler(count: 13, batch: 5, seed: 9)
    let visited = (0..<13).flatMap { sampler.positions(step: $0) }
    #expect(visited.count == 65)
    var orders: Set<[Int]> = []
    for epoch in 0..<5 {
      let part = Array(visited[epoch * 13..<(epoch + 1) * 13])
      #expect(part.sorted() == Array(0..<13))
      orders.insert(part)
      #expect(part == EpochOrder(count: 13, seed: 9, epoch: epoch).positions)
    }
    #expect(orders.count == 5)
  }

  @Test(arguments: [1, 2, 3, 4, 7, 20])
  func sharesOfRanksMakeTheBatch(size: Int) {
    var sampler = BatchSampler(count: 13, batch: 12, seed: 9)
    for step in 0..<10 {
      let whole = sampler.positions(step: step)
      let shares = (0..<size).map { rank in
        var own = BatchSampler(count: 13, batch: 12, seed: 9)
        return own.positions(step: step, share: Share.range(of: 12, rank: rank, size: size))
      }
      #expect(shares.flatMap(\.self) == whole)
      let counts = shares.map(\.count)
      #expect(counts.max()! - counts.min()! <= 1)
    }
  }

  @Test func goesOnAtAnyStep() {
    var one = BatchSampler(count: 7, batch: 20, seed: 1)
    let steps = (0..<6).map { one.positions(step: $0) }
    for step in [5, 0, 3, 1] {
      var fresh = BatchSampler(count: 7, batch: 20, seed: 1)
      #expect(fresh.positions(step: step) == steps[step])
      #expect(one.positions(step: step) == steps[step])
    }
    #expect(one.location(ofSample: 20) == (2, 6))
  }
}

@Suite struct NormalisationTests {
  private let coarse = Self.map([-120, -100, -90, -110])
  private let fine = Self.map([-130, -70, -100])

  private static func map(_ values: [Float], mask: [Bool]? = nil, at place: String = "maps.h5, sample 0") -> StationMap
  {
    StationMap(
      ChannelFingerprint(rows: 1, columns: values.count, values: values), mask: mask.map { Mask($0) }, at: place)
  }

  @Test func rangesOfTheThreeKinds() throws {
    let fixed = ValueRange(minimum: -150, maximum: -50)
    let own = try Normaliser().range(coarse: coarse, fine: fine, training: true)
    #expect(own == ValueRange(minimum: -120, maximum: -90))
    let known = try Normaliser(.fine).range(
      coarse: coarse, fine: fine, training: true)
    #expect(known == ValueRange(minimum: -130, maximum: -70))
    let all = try Normaliser(.dataset, fixed: fixed).range(
      coarse: coarse, training: false)
    #expect(all == fixed)
    #expect(fault { _ = try Normaliser(.fine).range(coarse: coarse, training: false) } != nil)
    #expect(fault { _ = try Normaliser(.dataset).range(coarse: coarse, training: false) } != nil)
  }

  @Test func thereAndBack() {
    let range = ValueRange(minimum: -147, maximum: -47.84)
    #expect(range.normalise(-147) == -1 && range.normalise(-47.84) == 1)
    var values: [Float] = [-147, -100, -47.84, -20, -180]
    let original = values
    values.withUnsafeMutableBufferPointer { Normaliser().normalise($0, range) }
    #expect(values.allSatisfy { abs($0) <= 2 } && values[3] > 1 && values[4] < -1)
    values.withUnsafeMutableBufferPointer { Normaliser().denormalise($0, range) }
    // -180 dB is 2/3 of the range below: within the margin. Float32 rounds -150 to 1.5e-5; four operations.
    for (value, wanted) in zip(values, original) { #expect(abs(value - wanted) < 1e-4) }
  }

  @Test func clampedAtTheMargin() {
    let range = ValueRange(minimum: 0, maximum: 10)
    var values: [Float] = [-100, 100, .nan, 5]
    values.withUnsafeMutableBufferPointer {
      Normaliser(margin: 0.25).normalise($0, range, mask: Mask([true, true, false, true]))
    }
    #expect(values == [-1.25, 1.25, 0, 0])
  }

  @Test func holesDoNotCount() throws {
    let range = try Normaliser().range(
      coarse: Self.map([.nan, -100, -90], mask: [false, true, true]), training: true)
    #expect(range == ValueRange(minimum: -100, maximum: -90))
    #expect(
      fault { _ = try Normaliser().range(coarse: Self.map([1, 2], mask: [false, false]), training: false) }?.what
        == "the map has no valid place")
  }

  @Test func constantMaps() throws {
    let flat = Self.map([-90, -90], at: "maps.h5, sample 7")
    let found = fault { _ = try Normaliser().range(coarse: flat, training: true) }
    #expect(found?.what == "the map is constant" && found?.place == "maps.h5, sample 7")
    let range = try Normaliser().range(coarse: flat, training: false)
    #expect(range.minimum < -90 && range.maximum > -90 && abs(range.denormalise(0) + 90) < 1e-4)
  }

  @Test func rangeOfADataSet() throws {
    let reader = try MapSetReader(path: fixture("maps/layout.h5"))
    let world = try Communicator.world()
    // The least of sample 2 lies beside its hole; the greatest of sample 1 in its corner.
    #expect(
      try ValueRange.covering(MapSetCollection(paths: [reader.path]), samples: [1, 2], communicator: world)
        == ValueRange(minimum: -88.5, maximum: -83))
  }
}
