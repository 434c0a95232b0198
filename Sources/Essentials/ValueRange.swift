/// A range of values [dB] that a model sees as [-1, 1].
public struct ValueRange: Codable, Equatable, Sendable {
  /// What becomes -1 [dB].
  public var minimum: Float
  /// What becomes 1 [dB].
  public var maximum: Float

  /// - Parameters:
  ///   - minimum: what becomes -1 [dB].
  ///   - maximum: what becomes 1 [dB]; above `minimum`.
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
  /// - Parameters:
  ///   - values: a map [dB].
  ///   - valid: its mask, 0 where the map holds nothing; nil when every place is valid.
  public static func extremes(
    _ values: some Collection<Float>, valid: [UInt8]? = nil
  ) -> (minimum: Float, maximum: Float)? {
    var minimum = Float.infinity
    var maximum = -Float.infinity
    for (index, value) in values.enumerated() where valid?[index] != 0 {
      minimum = min(minimum, value)
      maximum = max(maximum, value)
    }
    return minimum <= maximum ? (minimum, maximum) : nil
  }
}
