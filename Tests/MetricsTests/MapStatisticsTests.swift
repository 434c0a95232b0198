import Computing
import Essentials
import Testing

@testable import Metrics

/// Statistics of sets of maps against values known in closed form.
@Suite struct MapStatisticsTests {
  @Test func aPlaneHasItsSlopeItsRangeAndNoResidualInside() throws {
    var map = ChannelFingerprint(rows: 12, columns: 20, repeating: 0)
    for row in 0..<12 { for column in 0..<20 { map[row, column] = 0.5 * Float(column) } }
    var residual = Field(map, mask: nil)
    residual.subtractMedian()
    for row in 0..<12 {
      for column in 2..<18 { #expect(residual.values[row * 20 + column] == 0) }
      #expect(residual.values[row * 20] == -0.5)  // 1 0 | 0 1 2: the middle of five mirrored columns
    }
    let surveyor = MapSurveyor(area: Area(spacing: 2, originX: 0, originY: 0))
    let survey = try #require(surveyor.survey(StationMap(map)))
    let statistics = try #require(MapStatistics([survey]))
    #expect(abs(statistics.path.gradient.value - 0.25) < 1e-6)
    #expect(statistics.range[1].value == 9.5)
    #expect(statistics.range[1].standardError == nil)
    #expect(statistics.bins.isEmpty)
    #expect(statistics.shadowFading == nil)
  }

  @Test func distanceBinsAndExcessFollowThePathloss() throws {
    let surveyor = MapSurveyor(area: Area()) { distance, lineOfSight in distance + (lineOfSight ? 100 : 0) }
    let surveys = [SIMD2(4.0, 7.0), SIMD2(30.0, 2.0)].compactMap { station in
      var map = ChannelFingerprint(rows: 32, columns: 32, repeating: 0)
      for row in 0..<32 {
        for column in 0..<32 {
          let (x, y) = (Double(column + 1) - station.x, Double(row + 1) - station.y)
          map[row, column] = Float(-100 - (x * x + y * y).squareRoot() - 0.75)
        }
      }
      return surveyor.survey(
        StationMap(map, station: SIMD3(Float(station.x), Float(station.y), 25)),
        lineOfSight: .init(rows: 32, columns: 32, repeating: 1))
    }
    let statistics = try #require(MapStatistics(surveys))
    #expect(abs(try #require(statistics.excess).value + 0.75) < 1e-4)
    #expect(try #require(statistics.shadowFading).value < 1e-4)
    let first = try #require(statistics.bins.first)
    #expect(first.name == "0-10 m" && first.power.value < -100.75 && first.power.value > -110.75)
    #expect(statistics.bins.last?.to == 45)
    #expect(statistics.lineOfSight?.value == 1)
  }

  @Test func whiteFadingHasItsDeviationAndNoCorrelation() throws {
    // 20 maps of 1,024 values: the deviation of 2 is known to 0.01, a correlation to 0.005.
    let surveyor = MapSurveyor(area: Area(originX: 0, originY: 0))
    let surveys = (0..<20).compactMap { sample in
      let noise = RandomStream(seed: 1, purpose: .test).gaussian(1024, sample: sample)
      return surveyor.survey(
        StationMap(ChannelFingerprint(rows: 32, columns: 32, repeating: -90)),
        coherent: .init(rows: 32, columns: 32, values: noise.map { 2 * $0 - 90 }))
    }
    let statistics = try #require(MapStatistics(surveys))
    #expect(abs(try #require(statistics.fading).value - 2) < 0.05)
    for lag in statistics.fadingAutocorrelation { #expect(abs(lag.correlation.value) < 0.03) }
    let error = try #require(statistics.fading?.standardError)
    #expect(error > 0.003 && error < 0.03)
  }

  /// What a mask takes away must not matter, whatever stands there.
  @Test func onlyValidPlacesCount() throws {
    var map = ChannelFingerprint(
      rows: 24, columns: 24, values: RandomStream(seed: 4, purpose: .test).gaussian(576).map { $0 - 90 })
    var mask = [UInt8](repeating: 1, count: 576)
    for place in 0..<576 where place % 24 >= 16 { mask[place] = 0 }
    var narrow = ChannelFingerprint(rows: 24, columns: 16, repeating: 0)
    for row in 0..<24 { for column in 0..<16 { narrow[row, column] = map[row, column] } }
    for place in 0..<576 where mask[place] == 0 { map.values[place] = .nan }
    let surveyor = MapSurveyor(area: Area(spacing: 5, originX: 0, originY: 0)) { distance, _ in distance }
    func survey(_ map: ChannelFingerprint, _ valid: [UInt8]?) throws -> MapSurvey {
      try #require(
        surveyor.survey(
          StationMap(map, mask: valid.map { Mask(bytes: $0) }, station: SIMD3(3, 4, 25)),
          lineOfSight: .init(rows: map.rows, columns: map.columns, repeating: 1), coherent: map))
    }
    let (masked, whole) = (try survey(map, mask), try survey(narrow, nil))
    #expect(masked.range == whole.range && masked.bins == whole.bins && masked.lineOfSight == whole.lineOfSight)
    #expect(masked.path.gradient == whole.path.gradient)
    #expect(abs((masked.excess ?? 0) - (whole.excess ?? 1)) < 1e-9)
    for (left, right) in zip(masked.shadowLags, whole.shadowLags) {
      // The wide grid has room for lags that the valid part of it has no places for.
      guard let left, let right else { continue }
      #expect(abs(left.sum - right.sum) < 1e-9 && abs(left.over - right.over) < 1e-9)
    }
    mask = [UInt8](repeating: 0, count: 576)
    #expect(surveyor.survey(StationMap(map, mask: Mask(bytes: mask))) == nil)
  }

  @Test func lagsThatTheGridDoesNotHaveAreLeftOut() throws {
    let map = ChannelFingerprint(
      rows: 16, columns: 16, values: RandomStream(seed: 5, purpose: .test).gaussian(256))
    let surveyor = MapSurveyor(area: Area(spacing: 4, originX: 0, originY: 0)) { _, _ in 0 }
    let survey = try #require(surveyor.survey(StationMap(map, station: SIMD3(0, 0, 25))))
    let statistics = try #require(MapStatistics([survey]))
    #expect(statistics.shadowAutocorrelation.map(\.distance) == [20, 40, 60])
  }

  private func fadingStatistics(_ level: Float, _ count: Int) throws -> MapStatistics {
    let surveyor = MapSurveyor(area: Area(spacing: 5, originX: 0, originY: 0))
    let surveys = (0..<count).compactMap { sample in
      let noise = RandomStream(seed: 2, purpose: .test).gaussian(64, sample: sample)
      let shift = 4 * RandomStream(seed: 3, purpose: .test).gaussian(1, sample: sample)[0]
      return surveyor.survey(
        StationMap(
          ChannelFingerprint(rows: 8, columns: 8, values: noise.map { $0 + level + shift }), station: SIMD3(0, 0, 25)))
    }
    return try #require(MapStatistics(surveys))
  }

  @Test func comparisonAllowsTheLargerOfToleranceAndThreeStandardErrors() throws {
    let reference = try fadingStatistics(-80, 9)
    let rows = try fadingStatistics(-80, 9).compared(with: reference)
    #expect(rows.allSatisfy { $0.isWithin && $0.difference == 0 })
    let bin = try #require(rows.first)
    #expect(abs(bin.allowed - 3 * (bin.reference.standardError ?? 0)) < 1e-12 && bin.allowed > 1)
    let far = try fadingStatistics(-60, 9).compared(with: reference)
    #expect(far.first?.isWithin == false)
  }

  /// 90 maps with levels that scatter by 4 dB: sets of nine scatter by 4 / 3 dB, and 90 maps by a tenth of the
  /// square of that more, so 20 dB are 20 / 1.4 = 14.3 deviations, give or take a fifth.
  @Test func scatterOfSmallSetsComesFromTheLargerSet() throws {
    let rows = try fadingStatistics(-60, 90).compared(with: try fadingStatistics(-80, 9))
    let deviations = try #require(rows.first?.deviations)
    #expect(abs(deviations - 14.3) < 3)
    #expect(try fadingStatistics(-60, 9).compared(with: try fadingStatistics(-80, 90)).first?.deviations == nil)
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
