import Configuration

/// The coefficients of the dominant path model; the defaults fit six maps of RadioMapSeer's environment 0 at 5.9 GHz.
public struct UrbanLaw: Equatable, Codable, Sendable {
  /// Loss at 1 m in line of sight [dB].
  public var directIntercept = 47.88
  /// Exponent of distance in line of sight.
  public var directExponent = 2.498
  /// Loss at 1 m along a path that bends [dB].
  public var bentIntercept = 48.2
  /// Exponent of its unfolded length.
  public var bentExponent = 2.88
  /// Loss for each degree that it turns [dB].
  public var turn = 0.1525
  /// Degrees of a corner that count, at most.
  public var largestTurn = 80.0
  /// Loss at each corner after the first [dB].
  public var furtherCorner = 1.5
  /// Whether paths lead over roofs too.
  public var overRoofs = true
  /// Loss of a path over roofs beyond that of its length and turns [dB].
  public var roofs = 6.0
  /// Corners of a path, at most.
  public var mostCorners = 8
  /// Paths that lose more are not there [dB].
  public var weakest = 147.0

  /// Nearer than that, distances count as this [m].
  static let nearest = 1.0

  /// RadioMapSeer's.
  public init() {}
}

extension UrbanLaw: ConfigurationSection {
  /// The keys of the section `law`.
  public static var fields: [ConfigurationField<Self>] {
    [
      .number("direct_intercept", \.directIntercept, in: 0...200, "loss at 1 m in line of sight, dB"),
      .number("direct_exponent", \.directExponent, in: 1...10, "exponent of distance in line of sight"),
      .number("bent_intercept", \.bentIntercept, in: 0...200, "loss at 1 m along a path around corners, dB"),
      .number("bent_exponent", \.bentExponent, in: 1...10, "exponent of its unfolded length"),
      .number("turn", \.turn, in: 0...10, "loss of a degree that it turns, dB"),
      .number("largest_turn", \.largestTurn, in: 0...180, "degrees of a corner that count, at most"),
      .number("further_corner", \.furtherCorner, in: 0...100, "loss at each corner after the first, dB"),
      .flag("over_roofs", \.overRoofs, "whether paths lead over roofs too"),
      .number("roofs", \.roofs, in: 0...400, "loss of a path over roofs beyond its length and turns, dB"),
      .integer("most_corners", \.mostCorners, in: 1...32, "corners of a path, at most"),
      .number("weakest", \.weakest, in: 50...400, "paths that lose more are not there, dB"),
    ]
  }
}
