import Computing
import Essentials
import Foundation
import Interpolation
import Testing
import TestSupport

@Suite struct KrigingTests {
  /// Draws of a Gaussian field by a sum of random waves, whose covariance is exp(-d² / (2 length²)).
  static func smoothField(_ rows: Int, _ columns: Int, length: Double, seed: UInt64) -> ChannelFingerprint {
    let waves = 400
    let stream = RandomStream(seed: seed, purpose: .test)
    let steps = stream.gaussian(2 * waves).map { Double($0) / length }
    let phases = stream.uniform(waves, sample: 1).map { 2 * Double.pi * Double($0) }
    return UpsamplerTests.map(rows, columns) { y, x in
      let sum = (0..<waves).reduce(0.0) { $0 + cos(steps[2 * $1] * y + steps[2 * $1 + 1] * x + phases[$1]) }
      return -90 + 5 * (2 / Double(waves)).squareRoot() * sum
    }
  }

  static func coarse(
    _ truth: ChannelFingerprint, _ magnification: Int, station: SIMD3<Float>? = nil
  ) throws -> StationMap {
    StationMap(try decimate(truth, magnification: magnification), station: station)
  }

  static func meanSquare(_ a: ChannelFingerprint, _ b: ChannelFingerprint) -> Double {
    zip(a.values, b.values).reduce(0.0) { $0 + pow(Double($1.0 - $1.1), 2) } / Double(a.values.count)
  }

  @Test(arguments: [4, 8])
  func smoothFieldsAreFarBetterThanBicubicAndTheDeviationCovers(_ magnification: Int) throws {
    let grid = try SamplingGrid(rows: 64, columns: 96, magnification: magnification)
    let kriging = try Kriging(grid: grid)
    var (own, cubic, inside, total) = (0.0, 0.0, 0, 0)
    for seed in 1...8 {
      let truth = Self.smoothField(64, 96, length: 1.75 * Double(magnification), seed: UInt64(seed))
      let coarse = try Self.coarse(truth, magnification)
      let result = try kriging.interpolate(coarse)
      own += Self.meanSquare(result.map, truth)
      cubic += Self.meanSquare(try Upsampler(grid: grid, method: .bicubic).interpolate(coarse).map, truth)
      let deviation = try #require(result.deviation)
      for pixel in truth.values.indices where deviation.values[pixel] > 0 {
        total += 1
        if abs(truth.values[pixel] - result.map.values[pixel]) < 1.645 * deviation.values[pixel] { inside += 1 }
      }
    }
    #expect(own < 0.25 * cubic)
    // Errors of neighbouring pixels go together: eight maps hold a few hundred independent ones.
    #expect((0.83...0.97).contains(Double(inside) / Double(total)))
  }

  @Test func samplesAreKeptAndCertain() throws {
    let truth = Self.smoothField(32, 32, length: 3, seed: 9)
    let grid = try SamplingGrid(rows: 32, columns: 32, magnification: 4, offset: 1)
    let coarse = StationMap(try decimate(truth, magnification: 4, offset: 1))
    let result = try Kriging(grid: grid).interpolate(coarse)
    #expect(try decimate(result.map, magnification: 4, offset: 1) == coarse.map)
    let certain = try decimate(try #require(result.deviation), magnification: 4, offset: 1)
    #expect(certain.values.allSatisfy { $0 == 0 })
  }
}

@Suite struct KrigingRoughMapTests {
  @Test func edgesAreLessCertainThanSmoothParts() throws {
    // A smooth map with some noise, and a round plateau.
    let noise = RandomStream(seed: 5, purpose: .test).gaussian(128 * 128)
    func edge(_ y: Double, _ x: Double) -> Double { hypot(y - 44, x - 60) - 27 }
    let truth = UpsamplerTests.map(128, 128) { y, x in
      let smooth = -80 + 2 * sin(x / 19) + 2 * cos(y / 18)
      return smooth + (edge(y, x) < 0 ? 12 : 0) + 0.2 * Double(noise[Int(128 * y + x)])
    }
    let grid = try SamplingGrid(rows: 128, columns: 128, magnification: 8)
    let kriging = try Kriging(grid: grid)
    let coarse = try KrigingTests.coarse(truth, 8)
    let fit = try kriging.fit(coarse)
    #expect(fit.isRough && fit.crossValidation != nil)
    let deviation = try #require(try kriging.interpolate(coarse).deviation)
    func meanVariance(_ isPart: (Double) -> Bool) -> Float {
      let part = (0..<128 * 128).filter { isPart(edge(Double($0 / 128), Double($0 % 128))) }
      return part.reduce(0) { $0 + deviation.values[$1] * deviation.values[$1] } / Float(part.count)
    }
    #expect(meanVariance { abs($0) < 4 } > 4 * meanVariance { $0 > 25 })
  }
}

/// What may come from outside.
@Suite struct KrigingInputTests {
  @Test func aConstantMapStaysConstantAndIsCertain() throws {
    let grid = try SamplingGrid(rows: 32, columns: 16, magnification: 4)
    for station in [nil, SIMD3<Float>(3, 4, 25)] {
      let coarse = StationMap(ChannelFingerprint(rows: 8, columns: 4, repeating: -77), station: station)
      let result = try Kriging(grid: grid).interpolate(coarse)
      #expect(result.map.values.allSatisfy { abs($0 + 77) < 1e-5 })
      #expect(try #require(result.deviation).values.allSatisfy { $0 < 1e-5 })
    }
  }

  @Test(arguments: [(1, 1), (1, 2), (2, 1), (2, 2), (1, 8), (3, 1)])
  func tinyGridsWork(_ shape: (Int, Int)) throws {
    let grid = try SamplingGrid(coarseRows: shape.0, coarseColumns: shape.1, magnification: 16, offset: 3)
    let coarse = StationMap(
      UpsamplerTests.map(shape.0, shape.1) { -80 + 3 * $0 - 2 * $1 }, station: SIMD3(5, 5, 25))
    let result = try Kriging(grid: grid).interpolate(coarse)
    #expect(result.map.values.allSatisfy { $0.isFinite })
    #expect(try decimate(result.map, magnification: 16, offset: 3) == coarse.map)
    #expect((result.deviation == nil) == (shape == (1, 1)))
    #expect(result.deviation?.values.allSatisfy { $0.isFinite && $0 >= 0 } ?? true)
  }

  @Test func theStationHelps() throws {
    let station = SIMD3<Float>(40, 22, 25)
    let field = KrigingTests.smoothField(128, 128, length: 30, seed: 4)
    var truth = field
    for row in 0..<128 {
      for column in 0..<128 {
        let (x, y) = (Double(column + 1) - 40, Double(row + 1) - 22)
        truth[row, column] += Float(-39.08 * log10((x * x + y * y + 23.5 * 23.5).squareRoot()))
      }
    }
    let kriging = try Kriging(grid: SamplingGrid(rows: 128, columns: 128, magnification: 16))
    let with = try KrigingTests.coarse(truth, 16, station: station)
    let without = try KrigingTests.coarse(truth, 16)
    #expect(
      KrigingTests.meanSquare(try kriging.interpolate(with).map, truth)
        < 0.5 * KrigingTests.meanSquare(try kriging.interpolate(without).map, truth))
    let fit = try kriging.fit(with)
    #expect(fit.covariance == .squaredExponential && fit.crossValidation == nil)
    // The field is drawn with length 30; 64 samples of it tell it to a step or two of the search.
    #expect((20...45).contains(fit.length))
    #expect(abs(try #require(fit.slope) + 39.08) < 15)
    #expect(try kriging.fit(without).slope == nil)
  }

  @Test func badMapsAreFaults() throws {
    let kriging = try Kriging(grid: SamplingGrid(rows: 8, columns: 8, magnification: 2))
    #expect(throws: Fault.self) {
      try kriging.interpolate(StationMap(ChannelFingerprint(rows: 4, columns: 3, repeating: 0)))
    }
    var map = ChannelFingerprint(rows: 4, columns: 4, repeating: -70)
    map[1, 2] = .nan
    let fault = #expect(throws: Fault.self) { try kriging.interpolate(StationMap(map)) }
    #expect(fault?.place == "row 1, column 2 of the coarse map")
    #expect(throws: Fault.self) {
      try kriging.interpolate(StationMap(map, mask: Mask([Bool](repeating: false, count: 16))))
    }
    #expect(throws: Fault.self) {
      try Kriging(grid: SamplingGrid(coarseRows: 2000, coarseColumns: 2, magnification: 2))
    }
  }

  @Test func everyMethodHasTheNameOfItsTables() throws {
    let grid = try SamplingGrid(rows: 8, columns: 8, magnification: 2)
    for method in InterpolationMethod.allCases {
      #expect(try method.make(grid: grid).name == method.rawValue)
    }
  }
}
