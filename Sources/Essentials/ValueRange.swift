/// A range of values [dB]: what a model sees as [-1, 1], or what is black and white.
public struct ValueRange: Codable, Equatable, Sendable {
  /// What becomes -1, or black [dB].
  public var minimum: Float
  /// What becomes 1, or white [dB].
  public var maximum: Float

  /// - Parameters:
  ///   - minimum: what becomes -1, or black [dB].
  ///   - maximum: what becomes 1, or white [dB]; above `minimum`.
  public init(minimum: Float, maximum: Float) {
    precondition(maximum > minimum, "a range from \(minimum) to \(maximum)")
    self.minimum = minimum
    self.maximum = maximum
  }

  /// A value [dB] in the model's units.
  public func normalise(_ value: Float) -> Float {
    2 * ((value - minimum) / (maximum - minimum)) - 1
  }

  /// A value of the model's units in dB.
  public func denormalise(_ value: Float) -> Float {
    minimum + (value + 1) * 0.5 * (maximum - minimum)
  }

  /// The least and the greatest value at valid places, or nil where no place is valid.
  ///
  /// - Parameter map: a map [dB].
  public static func extremes(of map: StationMap) -> (minimum: Float, maximum: Float)? {
    var minimum = Float.infinity
    var maximum = -Float.infinity
    for (place, value) in map.map.values.enumerated() where map.mask?[place] != false {
      minimum = min(minimum, value)
      maximum = max(maximum, value)
    }
    return minimum <= maximum ? (minimum, maximum) : nil
  }
}
