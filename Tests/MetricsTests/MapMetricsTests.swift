import Essentials
import Foundation
import Interpolation
import Metrics
import Testing
import TestSupport

@Suite struct MapMetricsTests {
  static func upsampled(
    _ map: ChannelFingerprint, _ method: UpsamplingMethod, _ magnification: Int
  ) throws -> ChannelFingerprint {
    let upsampler = try Upsampler(
      rows: map.rows, columns: map.columns, magnification: magnification, method: method)
    return try upsampler.interpolate(
      StationMap(decimate(map, magnification: magnification))
    ).map
  }

  /// The reference upsamples in double precision, we in single: a map's error differs by about 1e-5 dB where it is
  /// 0.01 dB and more, so its square relatively by 2e-3 at worst (x2 bicubic on the smooth map), else far less.
  @Test func interpolationErrorsEqualAnIndependentComputation() throws {
    for (expected, map) in try SyntheticMap.load() {
      for row in expected.upsampling {
        let method = try #require(UpsamplingMethod(rawValue: row.method))
        let metrics = try MapMetrics(
          comparing: Self.upsampled(map, method, row.magnification), to: map)
        let tolerance = 2e-3 * min(row.mse, 0.1) + 1e-4 * max(row.mse - 0.1, 0)
        #expect(
          abs(metrics.mse - row.mse) < tolerance, "\(expected.name) x\(row.magnification) \(row.method)")
      }
    }
  }

  @Test func everyMetricEqualsAnIndependentComputation() throws {
    for (expected, map) in try SyntheticMap.load() {
      let estimate = try Self.upsampled(map, .bicubic, 4)
      var (holedEstimate, holedTruth) = (estimate, map)
      for (i, valid) in expected.flags.enumerated() where !valid {
        holedEstimate.values[i] = .nan
        holedTruth.values[i] = -.infinity
      }
      let cases: [(SyntheticMap.Expected, MapMetrics)] = [
        (expected.all, try MapMetrics(comparing: estimate, to: map)),
        (
          expected.masked,
          try MapMetrics(comparing: holedEstimate, to: holedTruth, mask: Mask(expected.flags))
        ),
        (expected.interior, try MapMetrics(comparing: estimate, to: map, region: .interior(margin: 8))),
        (
          expected.border,
          try MapMetrics(
            comparing: holedEstimate, to: holedTruth, mask: Mask(expected.flags), region: .border(margin: 8))
        ),
      ]
      for (want, got) in cases {
        // Single-precision upsampling against double, as above.
        #expect(abs(got.nmse / want.nmse - 1) < 2e-3)
        #expect(abs(got.mse / want.mse - 1) < 2e-3)
        #expect(abs(got.psnr - want.psnr) < 0.01)
        #expect(abs(try #require(got.ssim) - want.ssim) < 1e-6)
        #expect(abs(got.rmseDB / want.rmseDB - 1) < 1e-3)
        #expect(abs(got.maeDB / want.maeDB - 1) < 2e-3)
        #expect(got.pixels == want.pixels)
      }
    }
  }

  @Test func aKnownErrorByHand() throws {
    // Range -100...-49: 5 grey levels a dB; one pixel of four is off by 2 dB.
    let truth = ChannelFingerprint(rows: 2, columns: 2, values: [-100, -49, -80, -60])
    let estimate = ChannelFingerprint(rows: 2, columns: 2, values: [-100, -49, -82, -60])
    let metrics = try MapMetrics(comparing: estimate, to: truth)
    #expect(metrics.mse == 25)
    #expect(abs(metrics.nmse - 100 / (255.0 * 255 + 100 * 100 + 200 * 200)) < 1e-15)
    #expect(abs(metrics.psnr - 34.1514) < 1e-4)
    #expect(metrics.rmseDB == 1 && metrics.maeDB == 0.5 && metrics.ssim == nil && metrics.pixels == 4)
  }

  @Test func equalMapsHaveTheHighestPSNR() throws {
    let map = try SyntheticMap.load()[0].map
    let metrics = try MapMetrics(comparing: map, to: map)
    #expect(metrics.psnr == MapMetrics.highestPSNR && metrics.mse == 0 && metrics.nmse == 0)
    #expect(abs(try #require(metrics.ssim) - 1) < 1e-12)
    #expect(try JSONDecoder().decode(MapMetrics.self, from: JSONEncoder().encode(metrics)) == metrics)
  }

  @Test func theScaleIsTheTruthsNotTheEstimates() throws {
    let map = try SyntheticMap.load()[0].map
    var shifted = map
    for i in shifted.values.indices { shifted.values[i] += 1 }
    let range = try #require(map.values.max()) - (try #require(map.values.min()))
    let metrics = try MapMetrics(comparing: shifted, to: map)
    // One dB everywhere, to float32 rounding at -120 dB (7.6e-6 dB).
    #expect(abs(metrics.mse.squareRoot() - 255 / Double(range)) < 1e-4)
    #expect(abs(metrics.rmseDB - 1) < 1e-5)
  }

  /// 100 dB on 255 levels: one pixel of four is off by 2 dB, 5.1 levels.
  @Test func aFixedScaleIsTheSameForAllMaps() throws {
    let scale = MetricScale.fixed(ValueRange(minimum: -150, maximum: -50))
    for level: Float in [-90, -60] {
      let truth = ChannelFingerprint(rows: 2, columns: 2, repeating: level)
      var estimate = truth
      estimate[1, 0] -= 2
      let metrics = try MapMetrics(comparing: estimate, to: truth, scale: scale)
      #expect(abs(metrics.mse - 5.1 * 5.1 / 4) < 1e-9 && metrics.rmseDB == 1)
      let grey = Double(level + 150) * 2.55
      #expect(abs(metrics.nmse - 5.1 * 5.1 / (4 * grey * grey)) < 1e-12)
      #expect(try GreyScale(of: truth, scale: scale).grey(level) == grey)
      // What lies beyond the scale is not clamped.
      estimate[1, 0] = level + 102
      let far = try MapMetrics(comparing: estimate, to: truth, scale: scale)
      #expect(abs(far.mse.squareRoot() - 51 * 2.55) < 1e-9)
    }
    let hollow = ChannelFingerprint(rows: 1, columns: 2, values: [.nan, -80])
    #expect(throws: Fault.self) { try MapMetrics(comparing: hollow, to: hollow, scale: scale) }
    #expect(throws: Fault.self) { try GreyScale(of: hollow, mask: Mask([false, false]), scale: scale) }
    let seen = try MapMetrics(comparing: hollow, to: hollow, mask: Mask([false, true]), scale: scale)
    #expect(seen.pixels == 1 && seen.psnr == MapMetrics.highestPSNR)
  }

  @Test func badMapsAreFaults() throws {
    let good = ChannelFingerprint(rows: 2, columns: 2, values: [1, 2, 3, 4])
    let constant = ChannelFingerprint(rows: 2, columns: 2, repeating: 3)
    var broken = good
    broken[1, 0] = .nan
    func fault(
      _ estimate: ChannelFingerprint, _ truth: ChannelFingerprint, _ valid: [Bool]? = nil
    ) -> Fault? {
      #expect(throws: Fault.self) { try MapMetrics(comparing: estimate, to: truth, mask: valid.map { Mask($0) }) }
    }
    #expect(fault(good, constant)?.what == "the true map is constant")
    #expect(fault(broken, good)?.place == "row 1, column 0")
    #expect(fault(good, broken)?.place == "row 1, column 0")
    #expect(fault(ChannelFingerprint(rows: 1, columns: 4, values: good.values), good)?.found == "1x4")
    #expect(fault(good, good, [false, false, false, false])?.what == "the true map has no valid pixel")
    #expect(throws: Fault.self) {
      try MapMetrics(comparing: good, to: good, region: .interior(margin: 1))
    }
  }
}
