import Essentials

/// How rows and columns of a file become those of a map, whose row 0 has the least y and whose column 0 has the least x:
/// first rows become columns, then they are turned round.
public struct MapOrientation: Codable, Hashable, Sendable {
  /// Whether rows of the file are columns of the map.
  public var transposes = false
  /// Whether the last column becomes the first.
  public var flipsX = false
  /// Whether the last row becomes the first.
  public var flipsY = false

  /// As it is.
  public init() {}

  /// - Parameters:
  ///   - transposes: whether rows of the file are columns of the map.
  ///   - flipsX: whether the last column becomes the first.
  ///   - flipsY: whether the last row becomes the first.
  public init(transposes: Bool, flipsX: Bool, flipsY: Bool) {
    (self.transposes, self.flipsX, self.flipsY) = (transposes, flipsX, flipsY)
  }

  /// All eight, as it is first.
  static let all = (0..<8).map { MapOrientation(transposes: $0 & 4 != 0, flipsX: $0 & 1 != 0, flipsY: $0 & 2 != 0) }

  /// What comes of this one, then another.
  func followed(by next: MapOrientation) -> MapOrientation {
    MapOrientation(
      transposes: transposes != next.transposes, flipsX: (next.transposes ? flipsY : flipsX) != next.flipsX,
      flipsY: (next.transposes ? flipsX : flipsY) != next.flipsY)
  }

  /// The parameters that ask for it; empty where nothing does.
  var parameters: String {
    let flips = (flipsX ? "x" : "") + (flipsY ? "y" : "")
    return [transposes ? "`transpose`" : "", flips.isEmpty ? "" : "`flip` \(flips)"].filter { !$0.isEmpty }
      .joined(separator: " ")
  }

  /// Where a place of the file lies in the map.
  ///
  /// - Parameters:
  ///   - row: the row in the file; need not be whole.
  ///   - column: the column in the file.
  ///   - rows: rows of the map.
  ///   - columns: columns of the map.
  func place<Number: Numeric>(
    row: Number, column: Number, rows: Number, columns: Number
  ) -> (row: Number, column: Number) {
    let (down, across) = transposes ? (column, row) : (row, column)
    return (flipsY ? rows - 1 - down : down, flipsX ? columns - 1 - across : across)
  }
}

/// In which order the axes of an array stand, slowest first.
public struct AxisOrder: Equatable, Sendable {
  /// What an axis counts.
  enum Axis: Character {
    case map = "n"
    case row = "y"
    case column = "x"
  }

  let axes: [Axis]

  /// Of letters, slowest axis first: n for maps, y and x for places: "nyx", "n,x,y", "xyn", "yx". Nil where they are not.
  public init?(_ text: String) {
    let axes = text.filter { $0 != "," && $0 != " " }.map { Axis(rawValue: $0) }
    guard !axes.contains(nil), Set(axes.map { $0?.rawValue }).count == axes.count else { return nil }
    let known = axes.compactMap(\.self)
    guard known.contains(.row), known.contains(.column) else { return nil }
    self.axes = known
  }

  init(_ axes: [Axis]) { self.axes = axes }

  /// As it is given: "nyx".
  public var text: String { String(axes.map(\.rawValue)) }

  /// For an array of one map: without the axis of maps.
  var single: AxisOrder { AxisOrder(axes.filter { $0 != .map }) }
}
