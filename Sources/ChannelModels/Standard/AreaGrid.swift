import Essentials

/// The places of an area: a rectangular grid whose lines lie at spacing, 2 spacing, ... from the origin (eq. 6 of
/// the CGDM paper).
public struct AreaGrid: Equatable, Codable, Sendable {
  /// Grid lines in x.
  public var columns: Int
  /// Grid lines in y.
  public var rows: Int
  /// Distance between neighbouring lines [m].
  public var spacing: Double

  /// - Parameters:
  ///   - columns: grid lines in x.
  ///   - rows: grid lines in y.
  ///   - spacing: distance between neighbouring lines [m].
  public init(columns: Int = 128, rows: Int = 128, spacing: Double = 1) {
    self.columns = columns
    self.rows = rows
    self.spacing = spacing
  }

  /// Number of places.
  public var count: Int { columns * rows }
  /// x of a grid line [m].
  public func x(_ column: Int) -> Double { spacing * Double(column + 1) }
  /// y of a grid line [m].
  public func y(_ row: Int) -> Double { spacing * Double(row + 1) }

  static let lineRange = 1...4096
  static let spacingRange = 1e-3...1e4

  func validate() throws {
    for (key, lines) in [("grid.columns", columns), ("grid.rows", rows)] {
      guard Self.lineRange.contains(lines) else {
        throw Fault(
          "the grid has an impossible number of lines", at: key,
          expected: "\(Self.lineRange.lowerBound) to \(Self.lineRange.upperBound)", found: "\(lines)")
      }
    }
    guard Self.spacingRange.contains(spacing) else {
      throw Fault(
        "the grid has an impossible spacing", at: "grid.spacing",
        expected: "\(Self.spacingRange.lowerBound) to \(Self.spacingRange.upperBound) m",
        found: "\(spacing) m")
    }
  }

  /// Throws a `Fault` unless a station [m] lies within the area.
  ///
  /// - Parameters:
  ///   - station: its horizontal position [m].
  ///   - place: what to call it in the message.
  public func requireWithin(_ station: SIMD2<Double>, at place: String) throws {
    let (right, top) = (x(columns - 1), y(rows - 1))
    guard (0...right).contains(station.x), (0...top).contains(station.y) else {
      throw Fault(
        "the station lies outside the area", at: place, expected: "0 to \(right) m and 0 to \(top) m",
        found: "(\(station.x), \(station.y)) m")
    }
  }
}
