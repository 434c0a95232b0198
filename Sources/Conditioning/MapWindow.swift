import Essentials

extension StationMap {
  /// A part of a map; its station's place is told from the part's first place as it was from the map's.
  ///
  /// - Parameters:
  ///   - row: the part's first row.
  ///   - column: the part's first column.
  ///   - rows: rows of the part.
  ///   - columns: columns of the part.
  ///   - spacing: distance between places [m].
  func window(row: Int, column: Int, rows: Int, columns: Int, spacing: Double) -> StationMap {
    let across = map.columns
    func cut<Element>(_ values: [Element]) -> [Element] {
      (row..<row + rows).flatMap { values[$0 * across + column..<$0 * across + column + columns] }
    }
    let moved = station.map { $0 - SIMD3(Float(spacing * Double(column)), Float(spacing * Double(row)), 0) }
    var part = StationMap(
      ChannelFingerprint(rows: rows, columns: columns, values: cut(map.values)), mask: mask.map { Mask(cut($0.flags)) },
      station: moved, environment: environment, at: "\(place), the window from row \(row), column \(column) on")
    part.conditions = conditions.map(cut)
    return part
  }
}
