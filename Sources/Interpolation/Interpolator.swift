import Essentials

extension StationMap {
  /// The numbers of the samples that hold a value.
  ///
  /// - Throws: `Fault` when one of them is not finite.
  func usableSamples() throws -> [Int] {
    let usable = map.values.indices.filter { mask?[$0] != false }
    if let place = usable.first(where: { !map.values[$0].isFinite }) {
      throw Fault(
        "a sample is no number", at: "row \(place / map.columns), column \(place % map.columns) of the coarse map",
        expected: "dB", found: "\(map.values[place])", hint: "mark places without a value as not valid")
    }
    return usable
  }
}

/// A fine map inferred from a coarse one.
public struct InterpolatedMap: Equatable, Sendable {
  /// The estimate, in the coarse map's unit.
  public var map: ChannelFingerprint
  /// The estimate's predictive standard deviation, in the same unit, from methods that know it.
  public var deviation: ChannelFingerprint?

  /// - Parameters:
  ///   - map: the estimate.
  ///   - deviation: its predictive standard deviation; nil from methods that do not know it.
  public init(map: ChannelFingerprint, deviation: ChannelFingerprint? = nil) {
    self.map = map
    self.deviation = deviation
  }

  /// Puts exact samples, which are known exactly, at their pixels.
  mutating func restore(_ samples: [Float], at pixels: [Int]) {
    for (value, pixel) in zip(samples, pixels) {
      map.values[pixel] = value
      deviation?.values[pixel] = 0
    }
  }
}

/// A way from a coarse map to a fine one that needs no training.
public protocol Interpolator: Sendable {
  /// As it stands in tables: "bicubic".
  var name: String { get }
  /// Where the samples lie.
  var grid: SamplingGrid { get }
  /// The fine map of one coarse map.
  ///
  /// - Parameter coarse: the samples, measured or decimated, in the grid's order.
  /// - Throws: `Fault` when the coarse map has not the grid's shape, or too few valid samples.
  func interpolate(_ coarse: StationMap) throws -> InterpolatedMap
}
