/// One statistic of a set of maps beside that of a reference set.
public struct MapStatisticsRow: Codable, Equatable, Sendable {
  /// What is compared, with its unit.
  public let name: String
  /// The set's.
  public let value: MapStatistics.Estimate
  /// The reference's.
  public let reference: MapStatistics.Estimate
  /// What the difference may be: a fixed tolerance, or three standard errors of the reference where that is more.
  public let allowed: Double
  /// The difference over the standard error that the difference has by this set's own scatter from map to map: what tells
  /// chance from a real difference where the reference has too few maps to know its own scatter. Nil unless this set has
  /// more maps than the reference, and several.
  public let deviations: Double?

  /// The difference.
  public var difference: Double { value.value - reference.value }
  /// Whether the difference is allowed.
  public var isWithin: Bool { abs(difference) <= allowed }
}

extension MapStatistics {
  /// Shares of the percentiles of the ranges.
  static let rangeShares = [0.05, 0.5, 0.95]

  /// Percentiles of the maps' ranges as sets of `size` maps show them: the extreme percentiles of few maps lie nearer
  /// to the middle than those of many.
  fileprivate func rangesInSets(of size: Int) -> [Estimate] {
    guard size < count else { return range }
    return Percentiles.resampled(ranges, size: size, shares: Self.rangeShares)
      .map { Estimate(value: $0.mean, standardError: $0.deviation) }
  }

  /// Every statistic that both sets have, side by side.
  ///
  /// The deviation and autocorrelation of shadow fading are compared where the reference has one link state only: in a
  /// mixture they hang on where its edges happen to lie.
  ///
  /// - Parameter reference: the set to be held against.
  public func compared(with reference: MapStatistics) -> [MapStatisticsRow] {
    var comparison = Comparison(mine: self, theirs: reference)
    comparison.addLevels()
    if reference.lineOfSight.map({ $0.value == 0 || $0.value == 1 }) ?? true { comparison.addShadowFading() }
    comparison.addRoughness()
    comparison.addFading()
    comparison.addRanges()
    comparison.add("share in line of sight", \.lineOfSight, Tolerance.lineOfSight)
    return comparison.rows
  }
}

/// How far the statistics of simulated maps may lie from a reference's, where the reference is known better.
private enum Tolerance {
  static let power = 1.0  // dB, mean by distance
  static let shadowFading = 0.4  // dB
  static let shadowCorrelation = 0.06
  static let roughness = 0.15  // relative
  static let fading = 0.15  // dB
  static let fadingCorrelation = 0.1
  static let range = 3.0  // dB
  static let lineOfSight = 0.05
}

/// The rows of a comparison as they come together.
private struct Comparison {
  typealias Estimate = MapStatistics.Estimate
  let mine: MapStatistics
  let theirs: MapStatistics
  var rows: [MapStatisticsRow] = []

  mutating func add(_ name: String, _ value: Estimate?, _ reference: Estimate?, _ tolerance: Double) {
    guard let value else { return }
    // A set of the reference's size scatters by the square root of the counts' quotient more than this one, and the
    // difference of the two by one more under the root.
    let quotient = Double(mine.count) / Double(theirs.count)
    add(name, value, reference, tolerance, scatter: value.standardError.map { $0 * (quotient + 1).squareRoot() })
  }

  mutating func add(
    _ name: String, _ statistic: (MapStatistics) -> Estimate?, _ tolerance: Double
  ) { add(name, statistic(mine), statistic(theirs), tolerance) }

  private mutating func add(
    _ name: String, _ value: Estimate, _ reference: Estimate?, _ tolerance: Double, scatter: Double?
  ) {
    guard let reference else { return }
    let known = mine.count > theirs.count ? scatter.flatMap { $0 > 0 ? $0 : nil } : nil
    rows.append(
      .init(
        name: name, value: value, reference: reference,
        allowed: max(tolerance, 3 * (reference.standardError ?? 0)),
        deviations: known.map { (value.value - reference.value) / $0 }))
  }

  mutating func addLevels() {
    for bin in theirs.bins {
      let own = mine.bins.first { $0.from == bin.from }
      add("mean power at \(bin.name) m, dB", own?.power, bin.power, Tolerance.power)
    }
    add("power + pathloss, dB", \.excess, Tolerance.power)
  }

  mutating func addShadowFading() {
    add("shadow fading, pooled deviation, dB", \.shadowFading, Tolerance.shadowFading)
    add("shadow fading, mean of the maps' deviations, dB", \.shadowFadingPerMap, Tolerance.shadowFading)
    addLags("shadow fading", \.shadowAutocorrelation, Tolerance.shadowCorrelation)
  }

  mutating func addRoughness() {
    func relative(_ name: String, _ statistic: (MapStatistics) -> Estimate?) {
      add(name, statistic, Tolerance.roughness * (statistic(theirs)?.value ?? 0))
    }
    relative("residual of a 5 x 5 median, dB", \.path.medianResidual)
    relative("mean absolute x-gradient, dB/m", \.path.gradient)
    relative("coherent: residual of a 5 x 5 median, dB", \.coherent?.medianResidual)
    relative("coherent: mean absolute x-gradient, dB/m", \.coherent?.gradient)
  }

  mutating func addFading() {
    add("coherent - path power, deviation, dB", \.fading, Tolerance.fading)
    addLags("coherent - path power", \.fadingAutocorrelation, Tolerance.fadingCorrelation)
  }

  private mutating func addLags(
    _ name: String, _ lags: (MapStatistics) -> [MapStatistics.Lag], _ tolerance: Double
  ) {
    for lag in lags(theirs) {
      let own = lags(mine).first { $0.distance == lag.distance }
      add("\(name), autocorrelation at \(Int(lag.distance)) m", own?.correlation, lag.correlation, tolerance)
    }
  }

  /// Of sets of the reference's size: their scatter is what the percentiles of its ranges are known to.
  mutating func addRanges() {
    let sets = mine.rangesInSets(of: theirs.count)
    for (share, (own, reference)) in zip(MapStatistics.rangeShares, zip(sets, theirs.range)) {
      add(
        "range of a map, \(Int(100 * share)) %, dB", own, reference, Tolerance.range, scatter: own.standardError)
    }
  }
}
