/// One statistic of a set of maps.
public struct MapStatisticsEntry: Equatable, Sendable {
  /// What it is, with its unit.
  public let name: String
  /// The number.
  public let estimate: MapStatistics.Estimate
  let kind: Kind

  /// What sort of statistic it is: how far it may lie from a reference's.
  enum Kind: Equatable, Sendable {
    case power, shadowFading, shadowCorrelation, roughness, fading, fadingCorrelation, lineOfSight
    /// A percentile of the ranges, by its place in the list of shares.
    case range(Int)

    /// How far the statistics of simulated maps may lie from a reference's, where the reference is known better.
    func tolerance(of reference: Double) -> Double {
      switch self {
      case .power: 1  // dB
      case .shadowFading: 0.4  // dB
      case .shadowCorrelation: 0.06
      case .roughness: 0.15 * reference
      case .fading: 0.15  // dB
      case .fadingCorrelation: 0.1
      case .range: 3  // dB
      case .lineOfSight: 0.05
      }
    }

    /// Whether it says nothing of a mixture of link states: there it hangs on where the edges happen to lie.
    var isOfOneState: Bool { self == .shadowFading || self == .shadowCorrelation }
  }
}

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

  /// Every statistic, in the order of a report.
  public var entries: [MapStatisticsEntry] {
    var entries: [MapStatisticsEntry] = []
    func add(_ name: String, _ estimate: Estimate?, _ kind: MapStatisticsEntry.Kind) {
      if let estimate { entries.append(.init(name: name, estimate: estimate, kind: kind)) }
    }
    func add(_ name: String, _ lags: [Lag], _ kind: MapStatisticsEntry.Kind) {
      for lag in lags { add("\(name), autocorrelation at \(Int(lag.distance)) m", lag.correlation, kind) }
    }
    for bin in bins { add("mean power at \(bin.name), dB", bin.power, .power) }
    for bin in directBins { add("mean power in line of sight at \(bin.name), dB", bin.power, .power) }
    for bin in hiddenBins { add("mean power out of line of sight at \(bin.name), dB", bin.power, .power) }
    for (share, level) in zip(Self.rangeShares, levels) {
      add("power that \(Int(100 * share)) % of places do not exceed, dB", level, .power)
    }
    add("power + pathloss, dB", excess, .power)
    add("shadow fading, pooled deviation, dB", shadowFading, .shadowFading)
    add("shadow fading, mean of the maps' deviations, dB", shadowFadingPerMap, .shadowFading)
    add("shadow fading", shadowAutocorrelation, .shadowCorrelation)
    add("residual of a 5 x 5 median, dB", path.medianResidual, .roughness)
    add("mean absolute x-gradient, dB/m", path.gradient, .roughness)
    add("coherent: residual of a 5 x 5 median, dB", coherent?.medianResidual, .roughness)
    add("coherent: mean absolute x-gradient, dB/m", coherent?.gradient, .roughness)
    add("coherent - path power, deviation, dB", fading, .fading)
    add("coherent - path power", fadingAutocorrelation, .fadingCorrelation)
    for (index, share) in Self.rangeShares.enumerated() {
      add("range of a map, \(Int(100 * share)) %, dB", range[index], .range(index))
    }
    add("share in line of sight", lineOfSight, .lineOfSight)
    return entries
  }

  /// Every statistic that both sets have, side by side.
  ///
  /// The deviation and autocorrelation of shadow fading are compared where the reference has one link state only.
  ///
  /// - Parameter reference: the set to be held against.
  public func compared(with reference: MapStatistics) -> [MapStatisticsRow] {
    let mixed = reference.lineOfSight.map { $0.value > 0 && $0.value < 1 } ?? false
    let own = entries
    // A set of the reference's size scatters by the square root of the counts' quotient more than this one, and the
    // difference of the two by one more under the root.
    let scatter = (Double(count) / Double(reference.count) + 1).squareRoot()
    let ranges = rangesInSets(of: reference.count)
    return reference.entries.compactMap { entry in
      guard !(mixed && entry.kind.isOfOneState), var value = own.first(where: { $0.name == entry.name })?.estimate
      else { return nil }
      var error = value.standardError.map { scatter * $0 }
      if case .range(let index) = entry.kind {
        value = ranges[index]
        error = value.standardError
      }
      let allowed = max(
        entry.kind.tolerance(of: entry.estimate.value), 3 * (entry.estimate.standardError ?? 0))
      return MapStatisticsRow(
        name: entry.name, value: value, reference: entry.estimate, allowed: allowed,
        deviations: count > reference.count
          ? error.flatMap { $0 > 0 ? (value.value - entry.estimate.value) / $0 : nil } : nil)
    }
  }

  /// Percentiles of the maps' ranges as sets of `size` maps show them: the extreme percentiles of few maps lie nearer
  /// to the middle than those of many.
  private func rangesInSets(of size: Int) -> [Estimate] {
    guard size < count else { return range }
    return Percentiles.resampled(ranges, size: size, shares: Self.rangeShares)
      .map { Estimate(value: $0.mean, standardError: $0.deviation) }
  }
}
