import Essentials
import Foundation
import Interpolation
import Tensors
import Testing

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
  ) throws -> CoarseObservation {
    CoarseObservation(map: try decimate(truth, magnification: magnification), station: station)
  }

  static func meanSquare(_ a: ChannelFingerprint, _ b: ChannelFingerprint) -> Double {
    zip(a.values, b.values).reduce(0.0) { $0 + pow(Double($1.0 - $1.1), 2) } / Double(a.values.count)
  }

  @Test(arguments: [4, 8])
  func smoothFieldsAreFarBetterThanBicubicAndTheDeviationCovers(_ magnification: Int) throws {
    let grid = try SamplingGrid(rows: 64, columns: 96, magnification: magnification)
    let kriging = try Kriging(grid: grid)
    var (own, cubic, inside, total) = (0.0, 0.0, 0, 0)
    for seed in 1...6 {
      let truth = Self.smoothField(64, 96, length: 12, seed: UInt64(seed))
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
    #expect(own < 0.2 * cubic)
    // Errors of neighbouring pixels go together: six maps hold a few hundred independent ones.
    #expect((0.83...0.97).contains(Double(inside) / Double(total)))
  }

  @Test func samplesAreKeptAndCertain() throws {
    let truth = Self.smoothField(32, 32, length: 3, seed: 9)
    let grid = try SamplingGrid(rows: 32, columns: 32, magnification: 4, offset: 1)
    let coarse = CoarseObservation(map: try decimate(truth, magnification: 4, offset: 1))
    let result = try Kriging(grid: grid).interpolate(coarse)
    #expect(try decimate(result.map, magnification: 4, offset: 1) == coarse.map)
    let certain = try decimate(try #require(result.deviation), magnification: 4, offset: 1)
    #expect(certain.values.allSatisfy { $0 == 0 })
  }
}
