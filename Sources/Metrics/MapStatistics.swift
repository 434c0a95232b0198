import Essentials

/// What a set of channel power maps looks like: level over distance, shadow fading, roughness, ranges. Each number
/// with its standard error over maps.
public struct MapStatistics: Codable, Equatable, Sendable {
  /// A number, and how well the set of maps determines it.
  public struct Estimate: Codable, Equatable, Sendable {
    /// The estimate.
    public let value: Double
    /// Its standard error over maps; nil with fewer than two maps.
    public let standardError: Double?
  }

  /// Mean power between two 2-D distances from the station.
  public struct DistanceBin: Codable, Equatable, Sendable {
    /// From here [m]...
    public let from: Double
    /// ...to below here [m]; nil for the last bin, which is open.
    public let to: Double?
    /// What to call it: "30-45 m", or "130 m and more".
    public var name: String { to.map { "\(Int(from))-\(Int($0)) m" } ?? "\(Int(from)) m and more" }
    /// Mean power [dB] over all places of all maps at these distances.
    public let power: Estimate
  }

  /// A correlation between places at a distance along x or y.
  public struct Lag: Codable, Equatable, Sendable {
    /// Distance [m].
    public let distance: Double
    /// Correlation, the mean of each map removed.
    public let correlation: Estimate
  }

  /// Statistics of one layer of power maps [dB].
  public struct Roughness: Codable, Equatable, Sendable {
    /// Standard deviation [dB] of what a 5 x 5 median takes away (edges mirrored).
    public let medianResidual: Estimate
    /// Mean absolute slope along x [dB/m].
    public let gradient: Estimate
  }

  /// Number of maps.
  public let count: Int
  /// Mean power over distance; empty without stations.
  public let bins: [DistanceBin]
  /// The same of places in line of sight; empty where not all states are known or there is one only.
  public let directBins: [DistanceBin]
  /// The same of places out of line of sight.
  public let hiddenBins: [DistanceBin]
  /// What 5, 50 and 95 % of a map's places do not exceed [dB], the mean over maps.
  public let levels: [Estimate]
  /// Roughness of the maps.
  public let path: Roughness
  /// 5th, 50th and 95th percentile over maps of a map's range [dB].
  public let range: [Estimate]
  /// The range of every map [dB], ascending.
  public let ranges: [Double]
  /// Mean of power + pathloss [dB].
  public let excess: Estimate?
  /// Standard deviation of power + pathloss [dB], each map's mean removed, pooled over maps.
  public let shadowFading: Estimate?
  /// Mean over maps of a map's own standard deviation of power + pathloss [dB].
  public let shadowFadingPerMap: Estimate?
  /// Autocorrelation of power + pathloss.
  public let shadowAutocorrelation: [Lag]
  /// Roughness of the coherent power.
  public let coherent: Roughness?
  /// Standard deviation of coherent - path power [dB], each map's mean removed.
  public let fading: Estimate?
  /// Autocorrelation of coherent - path power.
  public let fadingAutocorrelation: [Lag]
  /// Share of places in line of sight.
  public let lineOfSight: Estimate?
}

extension MapStatistics {
  /// The statistics of a set of maps.
  ///
  /// - Parameter surveys: one a map, in the maps' order.
  /// - Returns: nil when there is no map.
  public init?(_ surveys: [MapSurvey]) {
    guard let path = Self.roughness(surveys.map { $0.path }) else { return nil }
    count = surveys.count
    self.path = path
    ranges = surveys.map(\.range).sorted()
    range = Percentiles.estimates(ranges, Self.rangeShares)
    lineOfSight = Estimate(surveys.map(\.lineOfSight))
    let hasBoth = lineOfSight.map { $0.value > 0 && $0.value < 1 } ?? false
    bins = Self.bins(surveys.map(\.bins))
    directBins = hasBoth ? Self.bins(surveys.map(\.directBins)) : []
    hiddenBins = hasBoth ? Self.bins(surveys.map(\.hiddenBins)) : []
    levels = Self.rangeShares.indices.compactMap { level in
      Estimate(surveys.map { .init(sum: $0.levels[level], over: 1) })
    }
    excess = Estimate(surveys.map { $0.excess.map { .init(sum: $0, over: 1) } })
    shadowFading = Estimate(surveys.map(\.shadow))?.squareRoot
    shadowFadingPerMap = Estimate(
      surveys.map { $0.shadow.map { .init(sum: ($0.sum / $0.over).squareRoot(), over: 1) } })
    shadowAutocorrelation = Self.lags(MapSurveyor.shadowLags, surveys.map(\.shadowLags))
    coherent = Self.roughness(surveys.compactMap(\.coherent))
    fading = Estimate(surveys.map(\.fading))?.squareRoot
    fadingAutocorrelation = Self.lags(MapSurveyor.fadingLags, surveys.map(\.fadingLags))
  }

  private static func bins(_ maps: [[MapSurvey.Quotient]]) -> [DistanceBin] {
    let ends = MapSurveyor.edges.dropFirst().map { $0 } + [nil]
    return MapSurveyor.edges.indices.compactMap { bin in
      Estimate(maps.map { $0.isEmpty ? nil : $0[bin] })
        .map { DistanceBin(from: MapSurveyor.edges[bin], to: ends[bin], power: $0) }
    }
  }

  private static func roughness(_ maps: [MapSurvey.Roughness]) -> Roughness? {
    guard let residual = Estimate(maps.map(\.residual)), let gradient = Estimate(maps.map(\.gradient)) else {
      return nil
    }
    return Roughness(medianResidual: residual.squareRoot, gradient: gradient)
  }

  private static func lags(_ distances: [Double], _ maps: [[MapSurvey.Quotient?]]) -> [Lag] {
    distances.indices.compactMap { index in
      Estimate(maps.map { $0.isEmpty ? nil : $0[index] })
        .map { Lag(distance: distances[index], correlation: $0) }
    }
  }
}

extension MapStatistics.Estimate {
  /// A quotient of sums over maps, with the standard error that linearisation gives (Cochran, "Sampling Techniques",
  /// section 2.11); nil when no map has a share in it.
  init?(_ maps: [MapSurvey.Quotient?]) {
    let shares = maps.compactMap(\.self).filter { $0.over > 0 }
    guard !shares.isEmpty else { return nil }
    let below = shares.reduce(0) { $0 + $1.over }
    let ratio = shares.reduce(0) { $0 + $1.sum } / below
    value = ratio
    guard shares.count > 1 else {
      standardError = nil
      return
    }
    let squares = shares.reduce(0) { $0 + ($1.sum - ratio * $1.over) * ($1.sum - ratio * $1.over) }
    standardError = (squares * Double(shares.count) / Double(shares.count - 1)).squareRoot() / below
  }

  /// Of a mean square, the deviation, its error to first order.
  var squareRoot: Self {
    let root = value.squareRoot()
    return .init(value: root, standardError: standardError.map { root > 0 ? $0 / (2 * root) : 0 })
  }
}
