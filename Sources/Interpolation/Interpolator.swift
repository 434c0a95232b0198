import Essentials

/// A coarse map as measured or decimated.
public struct CoarseObservation: Equatable, Sendable {
  /// The samples, in dB unless said otherwise.
  public var map: ChannelFingerprint
  /// Which samples hold a value, `[row, column]`; nil: all.
  public var valid: [Bool]?
  /// Where the base station stands (x, y, z) [m], where that is known.
  public var station: SIMD3<Float>?

  /// - Parameters:
  ///   - map: the samples.
  ///   - valid: which samples hold a value, one flag a sample; nil: all.
  ///   - station: where the base station stands (x, y, z) [m]; nil where that is not known.
  public init(map: ChannelFingerprint, valid: [Bool]? = nil, station: SIMD3<Float>? = nil) {
    precondition(valid.map { $0.count == map.values.count } ?? true, "one flag a sample")
    self.map = map
    self.valid = valid
    self.station = station
  }

  /// The numbers of the valid samples.
  ///
  /// - Throws: `Fault` when one of them is not finite.
  func usableSamples() throws -> [Int] {
    let usable = map.values.indices.filter { valid?[$0] ?? true }
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
  /// - Throws: `Fault` when the coarse map has not the grid's shape, or too few valid samples.
  func interpolate(_ coarse: CoarseObservation) throws -> InterpolatedMap
}
