import Essentials
import Metrics
import Testing

@testable import ChannelModels

/// Drawn cities beside real ones.
@Suite struct CityGeneratorTests {
  /// Between what four of five of 29 windows of Munich, Paris, Florence and San Francisco lie (256 m, OpenStreetMap):
  /// `ckm inspect data` of them.
  private static let real: [String: ClosedRange<Double>] = [
    "building share": 0.3654...0.4725,
    "buildings a hectare": 1.007...6.287,
    "building area, median, m2": 341.2...2867,
    "building area, 90 %, m2": 1370...7642,
    "wall length, m a hectare": 427.2...747.2,
    "street width, 25 %, m": 6...18.6,
    "street width, median, m": 12.75...40.8,
    "street width, 75 %, m": 25.85...89.7,
    "walls along two directions, 0-1": 0.1489...0.6572,
    "courtyards, share of the area": 0.003046...0.07147,
    "courtyards a hectare": 0.4272...3.51,
    "line of sight at 10 m, share": 0.9402...0.9821,
    "line of sight at 20 m, share": 0.7635...0.9293,
    "line of sight at 40 m, share": 0.3866...0.7912,
    "line of sight at 80 m, share": 0.1477...0.5295,
    "line of sight at 160 m, share": 0.03778...0.2136,
  ]

  @Test func drawnCitiesMeasureLikeRealOnes() throws {
    let grid = AreaGrid(columns: 256, rows: 256)
    let surveys = (0..<60).map { environment in
      let city = CityGenerator.city(CitySection(), grid: grid, seed: 7, environment: environment)
      return CitySurveyor(city.outdoors, columns: grid.columns, spacing: grid.spacing).survey()
    }
    let statistics = try #require(CityStatistics(surveys))
    #expect(statistics.entries.map(\.name).sorted() == Self.real.keys.sorted())
    for entry in statistics.entries {
      let range = try #require(Self.real[entry.name])
      #expect(range.contains(entry.median), "\(entry)")
      // Nor are they all the same.
      #expect(entry.high - entry.low > 0.4 * (range.upperBound - range.lowerBound), "\(entry)")
    }
  }

  /// Whatever the area and the distance between places.
  @Test(arguments: [(64, 1.0), (100, 5.0), (300, 0.5)])
  func citiesFillTheirArea(_ side: Int, _ spacing: Double) {
    let grid = AreaGrid(columns: side, rows: side / 2, spacing: spacing)
    let shares = (0..<12).map {
      CityGenerator.city(CitySection(), grid: grid, seed: 2, environment: $0).buildingShare
    }
    let mean = shares.reduce(0, +) / 12
    #expect((0.2...0.6).contains(mean), "\(shares)")
    #expect(Set(shares).count > 6)
  }
}
