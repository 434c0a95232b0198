import Essentials
import Interpolation
import Testing

@Suite struct UpsamplerTests {
  /// Float32 rounding of values up to 200 through two passes of four products.
  static let rounding: Float = 1e-4

  static func map(_ rows: Int, _ columns: Int, _ value: (Double, Double) -> Double) -> ChannelFingerprint {
    ChannelFingerprint(
      rows: rows, columns: columns,
      values: (0..<(rows * columns)).map { Float(value(Double($0 / columns), Double($0 % columns))) })
  }

  static func roundTrip(
    _ truth: ChannelFingerprint, _ method: UpsamplingMethod, _ magnification: Int, offset: Int = 0
  ) throws -> ChannelFingerprint {
    let grid = try SamplingGrid(
      rows: truth.rows, columns: truth.columns, magnification: magnification, offset: offset)
    let coarse = try decimate(truth, magnification: magnification, offset: offset)
    return try Upsampler(grid: grid, method: method).interpolate(StationMap(coarse)).map
  }

  static func largestError(_ a: ChannelFingerprint, _ b: ChannelFingerprint) -> Float {
    zip(a.values, b.values).map { abs($0 - $1) }.max() ?? 0
  }

  @Test(arguments: UpsamplingMethod.allCases, [2, 4, 8, 16])
  func samplesKeepTheirValuesAtTheirPixels(_ method: UpsamplingMethod, _ magnification: Int) throws {
    let truth = Self.map(32, 48) { y, x in -90 + 0.3 * y * x - 0.01 * y * y * x }
    for offset in [0, magnification / 2, magnification - 1] {
      let fine = try Self.roundTrip(truth, method, magnification, offset: offset)
      #expect(
        try decimate(fine, magnification: magnification, offset: offset)
          == decimate(truth, magnification: magnification, offset: offset))
    }
  }

  @Test(arguments: [UpsamplingMethod.bilinear, .bicubic], [2, 4, 8, 16])
  func linearMapsAreReproducedAlsoBeyondTheLastSample(
    _ method: UpsamplingMethod, _ magnification: Int
  ) throws {
    let truth = Self.map(32, 64) { y, x in -120 + 1.5 * y - 0.7 * x }
    for offset in [0, magnification - 1] {
      let fine = try Self.roundTrip(truth, method, magnification, offset: offset)
      #expect(Self.largestError(fine, truth) < Self.rounding)
    }
  }

  @Test func bicubicReproducesQuadraticsInside() throws {
    let truth = Self.map(64, 64) { y, x in 0.02 * y * y - 0.03 * x * x + 0.01 * y * x - x + 5 }
    let cubic = try Self.roundTrip(truth, .bicubic, 8)
    let linear = try Self.roundTrip(truth, .bilinear, 8)
    var inside: Float = 0, outside: Float = 0, insideLinear: Float = 0
    for row in 0..<64 {
      for column in 0..<64 {
        let error = abs(cubic[row, column] - truth[row, column])
        // The kernel reaches one sample back and two ahead: those must be samples, not extrapolations.
        if (8..<48).contains(row), (8..<48).contains(column) {
          inside = max(inside, error)
          insideLinear = max(insideLinear, abs(linear[row, column] - truth[row, column]))
        } else {
          outside = max(outside, error)
        }
      }
    }
    #expect(inside < Self.rounding)
    #expect(insideLinear > 0.1)
    #expect(outside > 0.1)
  }

  @Test func nearestTakesTheLaterSampleHalfway() throws {
    let fine = try Upsampler(
      grid: SamplingGrid(coarseRows: 1, coarseColumns: 3, magnification: 4), method: .nearest
    ).interpolate(StationMap(ChannelFingerprint(rows: 1, columns: 3, values: [1, 2, 3]))).map
    #expect(fine.rows == 4)
    for row in 0..<4 {
      #expect((0..<12).map { fine[row, $0] } == [1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3])
    }
  }

  @Test(arguments: [UpsamplingMethod.bilinear, .bicubic])
  func oneSampleIsAConstantAndTwoAreALine(_ method: UpsamplingMethod) throws {
    let grid = try SamplingGrid(coarseRows: 1, coarseColumns: 2, magnification: 4)
    let coarse = ChannelFingerprint(rows: 1, columns: 2, values: [10, 14])
    let fine = try Upsampler(grid: grid, method: method).interpolate(StationMap(coarse)).map
    for row in 0..<4 {
      for column in 0..<8 { #expect(abs(fine[row, column] - Float(10 + column)) < Self.rounding) }
    }
  }

  @Test func threeSamplesUseTheKernelThatFits() throws {
    // By hand: sample -1 is 2·0 - 3 = -3, sample 3 is 2·4 - 3 = 5; halfway weights -1/16, 9/16, 9/16, -1/16.
    let grid = try SamplingGrid(coarseRows: 1, coarseColumns: 3, magnification: 2)
    let coarse = ChannelFingerprint(rows: 1, columns: 3, values: [0, 3, 4])
    let fine = try Upsampler(grid: grid, method: .bicubic).interpolate(StationMap(coarse)).map
    let last: Float = (-3 + 9 * 4 + 9 * 5 - 6) / 16
    let expected: [Float] = [0, (3 + 27 - 4) / 16, 3, (0 + 27 + 36 - 5) / 16, 4, last]
    for column in 0..<6 { #expect(abs(fine[0, column] - expected[column]) < 1e-6) }
  }

  @Test func aHalfPixelOfMisregistrationIsFarWorse() throws {
    let truth = Self.map(64, 64) { y, x in -80 - 20 * ((y - 20) * (y - 20) + (x - 40) * (x - 40) + 400) / 4000
    }
    let aligned = try Self.roundTrip(truth, .bicubic, 4)
    // The same samples, taken for the centres (1.5, 5.5, ...) of their cells, rounded down to 1.
    let shiftedGrid = try SamplingGrid(rows: 64, columns: 64, magnification: 4, offset: 1)
    let coarse = try decimate(truth, magnification: 4)
    let shifted = try Upsampler(grid: shiftedGrid, method: .bicubic)
      .interpolate(StationMap(coarse)).map
    func squares(_ map: ChannelFingerprint) -> Float {
      zip(map.values, truth.values).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
    #expect(squares(shifted) > 18 * squares(aligned))
  }

  @Test func holesAreFilledFromTheNearestSampleAndDoNotLeak() throws {
    let grid = try SamplingGrid(coarseRows: 3, coarseColumns: 3, magnification: 2)
    var coarse = ChannelFingerprint(rows: 3, columns: 3, repeating: -70)
    coarse[0, 0] = -60
    coarse[1, 1] = .nan
    coarse[2, 2] = .infinity
    let valid = (0..<9).map { $0 != 4 && $0 != 8 }
    let observation = StationMap(coarse, mask: Mask(valid))
    let fine = try Upsampler(grid: grid, method: .bicubic).interpolate(observation).map
    #expect(fine.values.allSatisfy { $0.isFinite })
    #expect(fine[2, 2] == -70)
    #expect(fine[4, 4] == -70)
  }

  @Test func fillingFindsTheNearestLikeAFullSearch() throws {
    let rows = 9, columns = 14
    let map = SamplingGridTests.numbered(rows, columns)
    for step in 2...40 {
      let valid = (0..<(rows * columns)).map { ($0 * 7919 + step) % step == 0 }
      let result = try filled(StationMap(map, mask: Mask(valid)))
      for place in 0..<(rows * columns) {
        let (row, column) = (place / columns, place % columns)
        let nearest = valid.indices.filter { valid[$0] }.min { a, b in
          func distance(_ i: Int) -> Int {
            (i / columns - row) * (i / columns - row) + (i % columns - column) * (i % columns - column)
          }
          return (distance(a), a) < (distance(b), b)
        }
        #expect(result.values[place] == map.values[try #require(nearest)])
      }
    }
  }

  @Test func aMapOfTheWrongShapeOrWithoutAnySampleIsAFault() throws {
    let upsampler = try Upsampler(rows: 8, columns: 8, magnification: 2, method: .bilinear)
    #expect(throws: Fault.self) {
      try upsampler.interpolate(StationMap(ChannelFingerprint(rows: 4, columns: 3, repeating: 0)))
    }
    let empty = StationMap(
      ChannelFingerprint(rows: 4, columns: 4, repeating: 0),
      mask: Mask([Bool](repeating: false, count: 16)))
    #expect(throws: Fault.self) { try upsampler.interpolate(empty) }
  }
}
