/// A map of one quantity over the places of an area: channel power in dB unless said otherwise.
///
/// Row-major `[row, column]`; row 0 is y = first grid line, column 0 is x = first grid line.
public struct ChannelFingerprint: Equatable, Sendable {
  /// Number of grid lines in y.
  public let rows: Int
  /// Number of grid lines in x.
  public let columns: Int
  /// `rows * columns` values, row after row.
  public var values: [Float]

  /// - Parameters:
  ///   - rows: grid lines in y.
  ///   - columns: grid lines in x.
  ///   - values: `rows * columns` values, row after row.
  public init(rows: Int, columns: Int, values: [Float]) {
    precondition(values.count == rows * columns, "\(rows)x\(columns) map given \(values.count) values")
    self.rows = rows
    self.columns = columns
    self.values = values
  }

  /// A map with the same value everywhere.
  public init(rows: Int, columns: Int, repeating value: Float) {
    self.init(rows: rows, columns: columns, values: [Float](repeating: value, count: rows * columns))
  }

  /// The value at a row and a column.
  public subscript(row: Int, column: Int) -> Float {
    get { values[row * columns + column] }
    set { values[row * columns + column] = newValue }
  }
}
