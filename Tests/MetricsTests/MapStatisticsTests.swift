import Essentials
import Tensors
import Testing

@testable import Metrics

/// Statistics of sets of maps against values known in closed form.
@Suite struct MapStatisticsTests {
  @Test func aPlaneHasItsSlopeItsRangeAndNoResidualInside() throws {
    var map = ChannelFingerprint(rows: 12, columns: 20, repeating: 0)
    for row in 0..<12 { for column in 0..<20 { map[row, column] = 0.5 * Float(column) } }
    let median = MapStatisticsAccumulator.median(map)
    for row in 0..<12 {
      for column in 2..<18 { #expect(median[row * 20 + column] == map[row, column]) }
      #expect(median[row * 20] == 0.5)  // 1 0 | 0 1 2: the middle of five mirrored columns
    }
    var accumulator = MapStatisticsAccumulator(spacing: 2, origin: SIMD2(0, 0))
    accumulator.add(map)
    let statistics = try #require(accumulator.statistics())
    #expect(abs(statistics.path.gradient.value - 0.25) < 1e-6)
    #expect(statistics.range[1].value == 9.5)
    #expect(statistics.range[1].standardError == nil)
    #expect(statistics.bins.isEmpty)
    #expect(statistics.shadowFading == nil)
  }

  @Test func distanceBinsAndExcessFollowThePathloss() throws {
    var accumulator = MapStatisticsAccumulator(spacing: 1, origin: SIMD2(1, 1)) { distance, lineOfSight in
      distance + (lineOfSight ? 100 : 0)
    }
    for station in [SIMD2(4.0, 7.0), SIMD2(30.0, 2.0)] {
      var map = ChannelFingerprint(rows: 32, columns: 32, repeating: 0)
      for row in 0..<32 {
        for column in 0..<32 {
          let (x, y) = (Double(column + 1) - station.x, Double(row + 1) - station.y)
          map[row, column] = Float(-100 - (x * x + y * y).squareRoot() - 0.75)
        }
      }
      accumulator.add(map, station: station, lineOfSight: .init(rows: 32, columns: 32, repeating: 1))
    }
    let statistics = try #require(accumulator.statistics())
    #expect(abs(try #require(statistics.excess).value + 0.75) < 1e-4)
    #expect(try #require(statistics.shadowFading).value < 1e-4)
    let first = try #require(statistics.bins.first)
    #expect(first.from == 0 && first.to == 10 && first.power.value < -100.75 && first.power.value > -110.75)
    #expect(statistics.lineOfSight?.value == 1)
  }

  @Test func whiteFadingHasItsDeviationAndNoCorrelation() throws {
    // 20 maps of 1,024 values: the deviation of 2 is known to 0.01, a correlation to 0.005.
    var accumulator = MapStatisticsAccumulator(spacing: 1, origin: SIMD2(0, 0))
    for sample in 0..<20 {
      let noise = RandomStream(seed: 1, purpose: .test).gaussian(1024, sample: sample)
      accumulator.add(
        .init(rows: 32, columns: 32, repeating: -90),
        coherent: .init(rows: 32, columns: 32, values: noise.map { 2 * $0 - 90 }))
    }
    let statistics = try #require(accumulator.statistics())
    #expect(abs(try #require(statistics.fading).value - 2) < 0.05)
    for lag in statistics.fadingAutocorrelation { #expect(abs(lag.correlation.value) < 0.03) }
    let error = try #require(statistics.fading?.standardError)
    #expect(error > 0.003 && error < 0.03)
  }

  @Test func comparisonAllowsTheLargerOfToleranceAndThreeStandardErrors() throws {
    func statistics(_ level: Float, _ count: Int) throws -> MapStatistics {
      var accumulator = MapStatisticsAccumulator(spacing: 5, origin: SIMD2(0, 0))
      for sample in 0..<count {
        let noise = RandomStream(seed: 2, purpose: .test).gaussian(64, sample: sample)
        let shift = 4 * RandomStream(seed: 3, purpose: .test).gaussian(1, sample: sample)[0]
        accumulator.add(
          .init(rows: 8, columns: 8, values: noise.map { $0 + level + shift }), station: SIMD2(0, 0))
      }
      return try #require(accumulator.statistics())
    }
    let reference = try statistics(-80, 9)
    let rows = try statistics(-80, 9).compared(with: reference)
    #expect(rows.allSatisfy { $0.isWithin && $0.difference == 0 })
    let bin = try #require(rows.first)
    #expect(abs(bin.allowed - 3 * (bin.reference.standardError ?? 0)) < 1e-12 && bin.allowed > 1)
    let far = try statistics(-60, 9).compared(with: reference)
    #expect(far.first?.isWithin == false)
  }

  @Test func rangesOfFewMapsAreComparedAtTheirOwnSize() {
    // The 95th percentile of 1,000 values spread evenly over 0...1 is 0.95; sets of eight show it at the position
    // 0.95 x 7 + 1 = 7.65 of 9 steps, 0.85, give or take a tenth.
    let values = (0..<1000).map { Double($0) / 999 }
    #expect(abs(Percentiles.of(values, 0.95) - 0.95) < 1e-9)
    let spread = Percentiles.resampled(values, size: 8, shares: [0.95])[0]
    #expect(abs(spread.mean - 0.85) < 0.02)
    #expect(abs(spread.deviation - 0.11) < 0.03)
  }
}
