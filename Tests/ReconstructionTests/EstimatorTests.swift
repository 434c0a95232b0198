import Essentials
import Interpolation
import Runs
import Testing
import TestSupport

@testable import Reconstruction

/// Interpolators as estimators: which observations they take, and that they give what they give alone.
@Suite struct EstimatorTests {
  private let area = Area(spacing: 2, originX: 3, originY: 5)
  private let station = SIMD3<Float>(20, 10, 25)

  /// A hill with ripples [dB].
  private var truth: ChannelFingerprint {
    ChannelFingerprint(
      rows: 16, columns: 16,
      values: (0..<256).map { pixel in
        let (row, column) = (Float(pixel / 16), Float(pixel % 16))
        return -80 - 0.1 * (row - 5) * (row - 5) - 0.3 * column + Float(pixel * 7 % 11) / 10
      })
  }

  @Test(arguments: InterpolationMethod.allCases) func coarseMaps(_ method: InterpolationMethod) throws {
    let grid = try SamplingGrid(rows: 16, columns: 16, magnification: 4)
    let coarse = grid.decimate(StationMap(truth, station: station, at: "here"))
    let estimator = try InterpolationEstimator.make(method, ObservationGeometry(grid: grid, area: area, at: "maps"))
    let estimate = try estimator.estimate([.grid(GridObservation(coarse: coarse))], keys: [0])[0][0]
    let alone = try method.make(grid: grid, area: area).interpolate(coarse)
    #expect(estimator.name == method.rawValue && estimate.map == alone.map && estimate.deviation == alone.deviation)
    #expect(estimator.hasDeviation == (method == .kriging) && estimate.draws.isEmpty)
  }

  /// Values at any places: kriging takes them, and on a grid's places gives what it gives on the grid, but for the search.
  @Test func scatteredValues() throws {
    let places = (0..<60).map { number -> SIMD2<Double> in
      let (row, column) = (number * 37 % 160, number * 53 % 157)
      return SIMD2(Double(row) / 10, Double(column) / 10)
    }
    let values = places.map { truth[Int($0.x.rounded()) % 16, Int($0.y.rounded()) % 16] }
    let samples = ScatteredSamples(positions: places, values: values)
    let geometry = ObservationGeometry(.scattered, rows: 16, columns: 16, area: area, at: "drive.csv")
    let estimator = try InterpolationEstimator.make(.kriging, geometry)
    let observed = ScatteredObservation(samples: samples, station: station, at: "drive.csv, run 1")
    let estimate = try estimator.estimate([.scattered(observed)], keys: [0])[0][0]
    let alone = try ScatteredKriging(samples, extent: 16, station: station, area: area).interpolated(
      rows: 16, columns: 16)
    #expect(estimate.map == alone.map && estimate.deviation == alone.deviation && estimate.deviation != nil)
    let one = ScatteredSamples(positions: [SIMD2(1, 1)], values: [-80])
    let few = fault {
      try estimator.estimate([.scattered(ScatteredObservation(samples: one, at: "drive.csv, run 2"))], keys: [0])
    }
    #expect(few?.place.hasPrefix("drive.csv, run 2") == true)
  }

  /// What an estimator does not take is refused before any work, by the name of what was found.
  @Test(arguments: InterpolationMethod.allCases) func whatIsNotTaken(_ method: InterpolationMethod) throws {
    func refusal(_ kind: ObservationKind) -> Fault? {
      fault {
        try InterpolationEstimator.make(
          method, ObservationGeometry(kind, rows: 16, columns: 16, area: area, at: "scene"))
      }
    }
    #expect(refusal(.stations)?.place == "scene" && refusal(.stations)?.found == "stations")
    #expect((refusal(.scattered) == nil) == (method == .kriging))
  }

  @Test func whatExcludesItself() throws {
    var request = SamplingRequest()
    #expect(request.chosenEstimate == .draw && request.drawCount == 1)
    request.draws = 4
    #expect(request.chosenEstimate == .mean && request.drawCount == 4)
    request.estimate = .draw
    #expect(fault { try request.validate() }?.place == "`estimate`")
    request.estimate = .direct
    request.draws = 1
    #expect(request.drawCount == 0 && fault { try request.validate() } == nil)
    request.keepsDraws = true
    #expect(fault { try request.validate() }?.place == "`keep_draws`")
    #expect(SamplingRequest().asked.isEmpty && request.asked == [.estimate, .keepDraws])
    #expect(fault { try request.require(only: [.estimate, .keepDraws], by: "GAN") } == nil)
    let useless = fault { try request.require(only: [.draws, .keepDraws], by: "GAN") }
    #expect(useless?.place == "`estimate`" && useless?.expected == "of such options `draws`, `keep_draws`")
  }
}
