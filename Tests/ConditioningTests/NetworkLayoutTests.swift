import Essentials
import Testing

@testable import Conditioning

@Suite struct NetworkLayoutTests {
  @Test func patchesBecomeChannelsPixelAfterPixel() {
    let layout = NetworkLayout(rows: 2, columns: 4, patch: 2, channels: 1)
    let first: [Float] = [0, 1, 2, 3, 10, 11, 12, 13], second = first.map { $0 + 100 }
    #expect(
      layout.pack([first, second]) == [
        0, 100, 1, 101, 10, 110, 11, 111,  // the left patch: its first row, then its second
        2, 102, 3, 103, 12, 112, 13, 113,
      ])
  }

  @Test(arguments: [(1, 1), (1, 3), (2, 1), (2, 2), (4, 3)])
  func unpackingGivesTheMapBack(patch: Int, channels: Int) {
    let layout = NetworkLayout(rows: 8, columns: 12, patch: patch, channels: channels)
    let map = (0..<96).map { Float($0) }
    #expect(layout.pack(map).withUnsafeBufferPointer(layout.unpack) == map)
    #expect(layout.places * patch * patch == 96)
  }

  @Test func theEightViewsOfASquareAreDifferentAndTurnBack() {
    let map = (0..<64).map { Float($0) }
    let plain = NetworkLayout(rows: 8, columns: 8, patch: 2, channels: 1)
    let views = GridSymmetry.allCases.map { plain.seen(as: $0).pack(map) }
    #expect(Set(views).count == 8 && GridSymmetry.allCases[0] == .identity)
    for (view, symmetry) in zip(views, GridSymmetry.allCases) {
      #expect(view.withUnsafeBufferPointer(plain.seen(as: symmetry).unpack) == map)
    }
  }

  /// Patches that do not divide a side are filled with the map's reflection, which is cut off again.
  @Test(arguments: GridSymmetry.allCases, [(5, 7), (4, 5), (3, 3)])
  func patchesThatDoNotDivideASide(symmetry: GridSymmetry, side: (rows: Int, columns: Int)) {
    let layout = NetworkLayout(rows: side.rows, columns: side.columns, patch: 3, channels: 2, symmetry: symmetry)
    let map = (0..<side.rows * side.columns).map { Float($0) }
    let packed = layout.pack(map)
    #expect(packed.count == layout.places * 18 && layout.places >= 1)
    #expect(packed.withUnsafeBufferPointer(layout.unpack) == map)
    #expect(packed.allSatisfy { map.contains($0) })
  }

  @Test func reflectionBeginsAtTheBorder() {
    let layout = NetworkLayout(rows: 2, columns: 3, patch: 2, channels: 1)
    #expect(layout.pack([0, 1, 2, 3, 4, 5]) == [0, 1, 3, 4, 2, 2, 5, 5])
  }

  @Test func aViewIsTheMapTurned() {
    // 0 1 2    transposed, the grid's last row first: 3 0 / 4 1 / 5 2
    // 3 4 5
    let symmetry = GridSymmetry.allCases.first { $0.transposes && $0.mirrorsRows && !$0.mirrorsColumns }
    let layout = NetworkLayout(
      rows: 2, columns: 3, patch: 1, channels: 1, symmetry: symmetry ?? .identity)
    #expect(layout.placeRows == 3 && layout.placeColumns == 2)
    #expect(layout.pack([0, 1, 2, 3, 4, 5]) == [3, 0, 4, 1, 5, 2])
  }
}

@Suite struct ResidualFormTests {
  /// A slope with a step: smooth in most places, not in all.
  static let map = ChannelFingerprint(
    rows: 16, columns: 16,
    values: (0..<256).map { pixel in
      let (row, column) = (Float(pixel / 16), Float(pixel % 16))
      return -80 - 0.3 * row + 0.01 * column * column - (column + row > 17 ? 12 : 0)
    })

  static var plain: MapConditioner {
    get throws {
      try MapConditioner(
        layout: NetworkLayout(rows: 16, columns: 16, patch: 1, channels: 1), magnifications: [4], upsampling: .bicubic,
        normaliser: Normaliser(), area: Area())
    }
  }

  static func conditioner(_ patch: Int) throws -> MapConditioner {
    try MapConditioner(
      form: .residual, layout: NetworkLayout(rows: 16, columns: 16, patch: patch, channels: 1),
      magnifications: [2, 4], upsampling: .bicubic, normaliser: Normaliser(), area: Area())
  }

  /// A value of its own at holes would have to be guessed: a network that cannot know where they are learns nothing else.
  @Test func holesAreAnsweredByTheInterpolation() throws {
    let flags = (0..<256).map { $0 / 16 < 5 || $0 % 16 != 7 }
    let fine = StationMap(Self.map, mask: Mask(flags), at: "map")
    let seen = try Self.plain.condition(fine, magnification: 4, training: true)
    let target = try #require(seen.target)
    let whole = try #require(
      try Self.plain.condition(StationMap(Self.map, at: "map"), magnification: 4, training: true).target)
    for place in 0..<256 {
      if !flags[place] { #expect(target[place] == seen.condition[place] && target[place] != 0) }
      // Columns 7 hold no sample: elsewhere nothing has changed.
      if flags[place] { #expect(target[place] == whole[place]) }
    }
  }

  /// What is expected but for a plane is the base; holes count nothing; the target brings the base to the map.
  @Test func whatIsExpectedIsCorrectedAtTheSamples() throws {
    let conditioner = try MapConditioner(
      form: .residual, base: .bilinear, expected: "expected_gain",
      layout: NetworkLayout(rows: 16, columns: 16, patch: 1, channels: 1), magnifications: [4], upsampling: .bicubic,
      normaliser: Normaliser(), area: Area(),
      conditions: [ConditionScale(name: "expected_gain", mean: -90, deviation: 10)])
    let flags = (0..<256).map { $0 / 16 < 5 || $0 % 16 != 7 }
    var fine = StationMap(Self.map, mask: Mask(flags), at: "map")
    fine.conditions = [Self.map.values.indices.map { Self.map.values[$0] + 3 - 0.5 * Float($0 / 16) }]
    let seen = try conditioner.condition(fine, magnification: 4, training: true)
    let none = [Float](repeating: 0, count: 256).withUnsafeBufferPointer(seen.decibels)
    for (value, expected) in zip(none.values, Self.map.values) { #expect(abs(value - expected) < 1e-4) }
    let weights = try #require(seen.weights)
    for place in 0..<256 { #expect(flags[place] == (weights[place] > 0)) }
    #expect(abs(weights.reduce(0, +) - 256) < 1e-2)

    fine.conditions = [[Float](repeating: -80, count: 256)]
    let other = try conditioner.condition(fine, magnification: 4, training: true)
    let back = try #require(other.target).withUnsafeBufferPointer(other.decibels)
    for place in 0..<256 where flags[place] { #expect(abs(back.values[place] - Self.map.values[place]) < 1e-4) }
  }

  @Test(arguments: [1, 2], [2, 4])
  func theTargetIsWhatBringsTheInterpolationToTheMap(patch: Int, magnification: Int) throws {
    let conditioner = try Self.conditioner(patch)
    let fine = StationMap(Self.map, station: SIMD3(4, 9, 25), at: "map")
    let conditioned = try conditioner.condition(fine, magnification: magnification, training: true)
    let target = try #require(conditioned.target)
    #expect(conditioned.condition.count == 256 * ResidualForm.channels && target.count == 256)
    let back = target.withUnsafeBufferPointer(conditioned.decibels)
    for (value, expected) in zip(back.values, Self.map.values) {
      #expect(abs(value - expected) < 1e-4)  // rounding of values near -100 dB, 7.6e-6 each, over a few operations
    }
    // Nothing drawn: kriging, which has the samples' own values at their places.
    let none = [Float](repeating: 0, count: 256).withUnsafeBufferPointer(conditioned.decibels)
    for row in stride(from: 0, to: 16, by: magnification) {
      for column in stride(from: 0, to: 16, by: magnification) {
        #expect(abs(none[row, column] - Self.map[row, column]) < 1e-3)
      }
    }
  }

  @Test(arguments: GridSymmetry.allCases)
  func whatIsSeenTurnedComesBackAsItWas(_ symmetry: GridSymmetry) throws {
    let plain = try Self.conditioner(2).condition(.init(Self.map, at: "map"), magnification: 4, training: true)
    let seen = plain.seen(as: symmetry)
    func map(_ conditioned: ConditionedMap) throws -> ChannelFingerprint {
      try #require(conditioned.target).withUnsafeBufferPointer(conditioned.decibels)
    }
    #expect(try map(seen).values == map(plain).values)
    #expect(seen.seen(as: .identity).condition == plain.condition)
    #expect(seen.weights.map { $0.sorted() } == plain.weights.map { $0.sorted() })
    #expect(seen.seen(as: .identity).weights == plain.weights)
    #expect(symmetry == .identity || seen.condition != plain.condition)
  }

  /// Weighted squared errors in the network's units are squared errors in dB, but for one factor a map; and the unit is
  /// larger where the map is rough.
  @Test(arguments: [1, 2]) func weightsMakeDecibelsOfUnits(patch: Int) throws {
    let fine = StationMap(Self.map, at: "map")
    let conditioned = try Self.conditioner(patch).condition(fine, magnification: 4, training: true)
    let weights = try #require(conditioned.weights)
    #expect(abs(weights.reduce(0, +) / 256 - 1) < 1e-5)
    func decibels(_ value: Float) -> [Float] {
      [Float](repeating: value, count: 256).withUnsafeBufferPointer(conditioned.decibels).values
    }
    let units = zip(decibels(1), decibels(0)).map { $0 - $1 }
    let weightMap = weights.withUnsafeBufferPointer(conditioned.layout.unpack)
    let mean = units.map { $0 * $0 }.reduce(0, +) / 256
    for (unit, weight) in zip(units, weightMap) { #expect(abs(unit * unit / mean - weight) < 1e-2) }
    func across(_ columns: Range<Int>) -> Float {
      let sums = columns.map { column in (0..<8).reduce(0) { $0 + units[$1 * 16 + column] } }
      return sums.reduce(0, +) / Float(columns.count)
    }
    #expect(across(11..<15) > 1.5 * across(1..<5))
    #expect(try Self.plain.condition(fine, magnification: 4, training: true).weights == nil)
  }

  @Test func planesSayWhereSamplesLieAndWhetherTheStationIsKnown() throws {
    let conditioner = try Self.conditioner(1)
    func planes(_ station: SIMD3<Float>?) throws -> [[Float]] {
      let fine = StationMap(Self.map, station: station, at: "map")
      let condition = try conditioner.condition(fine, magnification: 4, training: true).condition
      let count = ResidualForm.channels
      return (0..<count).map { plane in (0..<256).map { condition[$0 * count + plane] } }
    }
    let known = try planes(SIMD3(1, 1, 21.5)), unknown = try planes(nil)
    #expect(known[3].reduce(0, +) == 16 && known[3][0] == 1 && known[3][4 * 16 + 8] == 1 && known[3][1] == 0)
    #expect(abs(known[4][0] - 1.30103) < 1e-4)  // lg 20 m, straight below the station
    #expect(known[5].allSatisfy { $0 == 1 } && unknown[5].allSatisfy { $0 == 0 })
    #expect(unknown[4].allSatisfy { $0 == 0 })
  }

  @Test func aMagnificationThatWasNotPreparedIsSaid() throws {
    let conditioner = try Self.conditioner(1)
    let error = #expect(throws: Fault.self) {
      try conditioner.condition(.init(Self.map, at: "map"), magnification: 8, training: true)
    }
    #expect(error?.expected == "2, 4")
  }
}
