import Essentials

/// A map as a network sees it, and the way back.
public struct ConditionedMap: Sendable {
  /// What the network is conditioned on: `[h, w, conditionWidth]`.
  public var condition: [Float]
  /// The interpolated coarse map in the target's units, where a coarse start begins: `[h, w, mapWidth]`.
  public var start: [Float]
  /// The fine map in the network's units, where there is one: `[h, w, mapWidth]`.
  public var target: [Float]?
  /// How much more a squared error counts in dB² than in the network's units, its mean over the map 1, where that is not
  /// the same all over: `[h, w, mapWidth]`.
  public var weights: [Float]?
  /// What the network's units stand for.
  var units: Units
  /// How planes lie in the arrays.
  public private(set) var layout: NetworkLayout

  /// From the network's units to dB.
  enum Units {
    /// [-1, 1] is this range.
    case range(ValueRange)
    /// Deviations from an interpolated map, in units of its own predictive deviation; both [dB], by pixel.
    case residual(base: [Float], deviation: [Float])
  }

  /// The same map, turned or mirrored before the network sees it; what the network draws is turned back by `decibels`.
  public func seen(as symmetry: GridSymmetry) -> ConditionedMap {
    guard symmetry != layout.symmetry else { return self }
    var turned = self
    turned.layout = layout.seen(as: symmetry)
    turned.condition = turned.layout.arrange(condition, of: layout)
    turned.start = turned.layout.arrange(start, of: layout)
    turned.target = target.map { turned.layout.arrange($0, of: layout) }
    turned.weights = weights.map { turned.layout.arrange($0, of: layout) }
    return turned
  }

  /// A map that the network has drawn, in dB.
  ///
  /// - Parameter values: `[h, w, mapWidth]` in the network's units.
  public func decibels(_ values: UnsafeBufferPointer<Float>) -> ChannelFingerprint {
    var map = layout.unpack(values)
    switch units {
    case .range(let range): for pixel in map.indices { map[pixel] = range.denormalise(map[pixel]) }
    case .residual(let base, let deviation):
      for pixel in map.indices { map[pixel] = base[pixel] + deviation[pixel] * map[pixel] }
    }
    return ChannelFingerprint(rows: layout.rows, columns: layout.columns, values: map)
  }
}
