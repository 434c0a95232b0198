/// Where the places of maps lie. Their number is the maps' own.
public struct Area: Codable, Equatable, Sendable {
  /// The height of users where nobody says another [m].
  public static let usualUserHeight = 1.5

  /// Distance between neighbouring places, in x and in y [m].
  public var spacing: Double
  /// The first column's x [m].
  public var originX: Double
  /// The first row's y [m].
  public var originY: Double
  /// The height at which the power is received [m].
  public var userHeight: Double

  /// The simulator's area unless said otherwise: grid lines at 1, 2, 3, ... m.
  ///
  /// - Parameters:
  ///   - spacing: distance between neighbouring places [m].
  ///   - originX: the first column's x [m].
  ///   - originY: the first row's y [m].
  ///   - userHeight: the height at which the power is received [m].
  public init(
    spacing: Double = 1, originX: Double = 1, originY: Double = 1, userHeight: Double = Area.usualUserHeight
  ) {
    self.spacing = spacing
    self.originX = originX
    self.originY = originY
    self.userHeight = userHeight
  }

  /// x of a column [m].
  public func x(_ column: Int) -> Double { originX + spacing * Double(column) }
  /// y of a row [m].
  public func y(_ row: Int) -> Double { originY + spacing * Double(row) }
}
