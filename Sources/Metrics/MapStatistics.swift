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
    /// ...to below here [m].
    public let to: Double
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

/// A quotient of sums over maps, with the standard error that linearisation gives (Cochran, "Sampling Techniques",
/// section 2.11).
struct RatioEstimate {
  private var terms: [(numerator: Double, denominator: Double)] = []

  mutating func add(_ numerator: Double, over denominator: Double) {
    if denominator > 0 { terms.append((numerator, denominator)) }
  }

  /// The quotient, or its square root where the terms are sums of squares; nil when nothing was added.
  func estimate(root: Bool = false) -> MapStatistics.Estimate? {
    guard !terms.isEmpty else { return nil }
    let below = terms.reduce(0) { $0 + $1.denominator }
    let ratio = terms.reduce(0) { $0 + $1.numerator } / below
    var error: Double?
    if terms.count > 1 {
      let squares = terms.reduce(0) {
        $0 + ($1.numerator - ratio * $1.denominator) * ($1.numerator - ratio * $1.denominator)
      }
      error = (squares * Double(terms.count) / Double(terms.count - 1)).squareRoot() / below
    }
    guard root else { return .init(value: ratio, standardError: error) }
    let value = ratio.squareRoot()
    return .init(value: value, standardError: error.map { value > 0 ? $0 / (2 * value) : 0 })
  }
}
