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

  /// The difference.
  public var difference: Double { value.value - reference.value }
  /// Whether the difference is allowed.
  public var isWithin: Bool { abs(difference) <= allowed }
}

extension MapStatistics {
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

  /// Shares of the percentiles of the ranges.
  static let rangeShares = [0.05, 0.5, 0.95]

  /// Percentiles of the maps' ranges as sets of `size` maps show them. The extreme percentiles of few maps lie
  /// nearer to the middle than those of many, so sets are compared at the reference's size; the deviation between such
  /// sets is then the reference's standard error too.
  private func rangesInSets(of size: Int) -> [Estimate] {
    guard size < count else { return range }
    return Percentiles.resampled(ranges, size: size, shares: Self.rangeShares)
      .map { Estimate(value: $0.mean, standardError: $0.deviation) }
  }

  /// Every statistic that both sets have, side by side.
  ///
  /// - Parameter reference: the set to be held against.
  public func compared(with reference: MapStatistics) -> [MapStatisticsRow] {
    var rows: [MapStatisticsRow] = []
    func row(_ name: String, _ mine: Estimate?, _ theirs: Estimate?, _ tolerance: Double) {
      guard let mine, let theirs else { return }
      let allowed = max(tolerance, 3 * (theirs.standardError ?? 0))
      rows.append(.init(name: name, value: mine, reference: theirs, allowed: allowed))
    }
    func relative(_ name: String, _ mine: Estimate?, _ theirs: Estimate?) {
      row(name, mine, theirs, Tolerance.roughness * (theirs?.value ?? 0))
    }
    for bin in reference.bins {
      let end = bin.to == .greatestFiniteMagnitude ? "" : "\(Int(bin.to))"
      row(
        "mean power at \(Int(bin.from))-\(end) m, dB", bins.first { $0.from == bin.from }?.power, bin.power,
        Tolerance.power)
    }
    row("power + pathloss, dB", excess, reference.excess, Tolerance.power)
    row("shadow fading, pooled deviation, dB", shadowFading, reference.shadowFading, Tolerance.shadowFading)
    row(
      "shadow fading, mean of the maps' deviations, dB", shadowFadingPerMap, reference.shadowFadingPerMap,
      Tolerance.shadowFading)
    for lag in reference.shadowAutocorrelation {
      row(
        "shadow fading, autocorrelation at \(Int(lag.distance)) m",
        shadowAutocorrelation.first { $0.distance == lag.distance }?.correlation, lag.correlation,
        Tolerance.shadowCorrelation)
    }
    relative("residual of a 5 x 5 median, dB", path.medianResidual, reference.path.medianResidual)
    relative("mean absolute x-gradient, dB/m", path.gradient, reference.path.gradient)
    relative(
      "coherent: residual of a 5 x 5 median, dB", coherent?.medianResidual, reference.coherent?.medianResidual)
    relative("coherent: mean absolute x-gradient, dB/m", coherent?.gradient, reference.coherent?.gradient)
    row("coherent - path power, deviation, dB", fading, reference.fading, Tolerance.fading)
    for lag in reference.fadingAutocorrelation {
      row(
        "coherent - path power, autocorrelation at \(Int(lag.distance)) m",
        fadingAutocorrelation.first { $0.distance == lag.distance }?.correlation, lag.correlation,
        Tolerance.fadingCorrelation)
    }
    for (share, (mine, theirs)) in zip(Self.rangeShares, zip(rangesInSets(of: reference.count), reference.range)) {
      let spread = count > reference.count ? max(mine.standardError ?? 0, theirs.standardError ?? 0) : 0
      row("range of a map, \(Int(100 * share)) %, dB", mine, theirs, max(Tolerance.range, 3 * spread))
    }
    row("share in line of sight", lineOfSight, reference.lineOfSight, Tolerance.lineOfSight)
    return rows
  }
}
