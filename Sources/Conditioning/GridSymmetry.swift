/// One of the eight ways to turn and mirror a square grid: a map seen so is as likely as the map itself.
public struct GridSymmetry: Hashable, Sendable, CaseIterable {
  /// Whether rows become columns, before anything is mirrored.
  public let transposes: Bool
  /// Whether the last row becomes the first.
  public let mirrorsRows: Bool
  /// Whether the last column becomes the first.
  public let mirrorsColumns: Bool

  /// The grid as it is.
  public static let identity = GridSymmetry(transposes: false, mirrorsRows: false, mirrorsColumns: false)

  /// All eight, the identity first.
  public static let allCases = (0..<8).map {
    GridSymmetry(transposes: $0 & 4 != 0, mirrorsRows: $0 & 2 != 0, mirrorsColumns: $0 & 1 != 0)
  }

  /// The pixel that a place of the seen grid shows.
  ///
  /// - Parameters:
  ///   - row: row of the seen grid.
  ///   - column: column of the seen grid.
  ///   - rows: rows of the grid as it is.
  ///   - columns: columns of the grid as it is.
  /// - Returns: its number in the grid as it is, row after row.
  func pixel(row: Int, column: Int, rows: Int, columns: Int) -> Int {
    let (across, down) = transposes ? (row, column) : (column, row)
    return (mirrorsRows ? rows - 1 - down : down) * columns + (mirrorsColumns ? columns - 1 - across : across)
  }
}
