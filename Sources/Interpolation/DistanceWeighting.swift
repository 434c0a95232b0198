import Essentials
import Foundation

/// A station's map as the mean of other stations' maps, each counting d^-p at the distance d between the stations (Shepard's
/// rule; BS-1-to-N's eq. 35).
public struct DistanceWeighting: Sendable {
  /// p.
  public let power: Double
  /// As it stands in tables.
  public static let name = "distance weighting"

  /// - Parameter power: p, 0 or more.
  public init(power: Double = 2) {
    precondition(power >= 0 && power.isFinite, "\(power)")
    self.power = power
  }

  /// What each source counts; their sum is 1.
  ///
  /// - Parameters:
  ///   - sources: places of the known stations [pixels], one at least.
  ///   - target: place of the other one [pixels]; distances count as one pixel at least.
  public func weights(_ sources: [SIMD2<Double>], at target: SIMD2<Double>) -> [Double] {
    precondition(!sources.isEmpty, "one source at least")
    let distances = sources.map { source in
      let way = source - target
      return max(1, (way.x * way.x + way.y * way.y).squareRoot())
    }
    // Relative to the nearest, or high powers of great distances would all be 0.
    let nearest = distances.min() ?? 1
    let weights = distances.map { pow($0 / nearest, -power) }
    let sum = weights.reduce(0, +)
    return weights.map { $0 / sum }
  }

  /// The target's map [dB]: at each place of the sources that hold a value there.
  ///
  /// - Parameters:
  ///   - sources: the known maps [dB], one at least, of one size.
  ///   - positions: where their stations stand [pixels].
  ///   - target: where the other one stands [pixels].
  /// - Returns: the map; where no source holds a value, the least value of all.
  public func map(of sources: [StationMap], at positions: [SIMD2<Double>], for target: SIMD2<Double>)
    -> ChannelFingerprint
  {
    let weights = weights(positions, at: target)
    let least = sources.compactMap { ValueRange.extremes(of: $0)?.minimum }.min() ?? 0
    let first = sources[0].map
    let values = first.values.indices.map { place in
      // In double precision: of far sources alone, high powers leave less than a float can hold.
      var sum = 0.0, total = 0.0
      for (source, weight) in zip(sources, weights) where source.mask?[place] != false {
        sum += weight * Double(source.map.values[place])
        total += weight
      }
      return total > 0 ? Float(sum / total) : least
    }
    return ChannelFingerprint(rows: first.rows, columns: first.columns, values: values)
  }
}
