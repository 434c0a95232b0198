/// A Markdown table whose source is aligned too.
public struct MarkdownTable: Sendable {
  /// Where the text of a column stands.
  public enum Alignment: Sendable {
    /// To the left: words.
    case left
    /// To the right: numbers.
    case right
  }

  /// Titles of the columns.
  public let header: [String]
  /// One alignment a column.
  public let alignments: [Alignment]
  /// The rows, each as long as the header.
  public private(set) var rows: [[String]] = []

  /// - Parameters:
  ///   - header: titles of the columns.
  ///   - alignments: one a column; the first left, the others right when left out.
  public init(_ header: [String], alignments: [Alignment]? = nil) {
    self.header = header
    self.alignments = alignments ?? header.indices.map { $0 == 0 ? .left : .right }
    precondition(self.alignments.count == header.count, "an alignment for each column")
  }

  /// Adds a row of as many cells as the header has.
  public mutating func add(_ row: [String]) {
    precondition(row.count == header.count, "\(header.count) columns, \(row.count) cells")
    rows.append(row)
  }

  /// The table's source, with a line end behind the last row.
  public var text: String {
    let cells = ([header] + rows).map { $0.map(Self.escaped) }
    let widths = header.indices.map { column in max(3, cells.map { $0[column].count }.max() ?? 0) }
    var lines = cells.map { row in line(row, widths) }
    let rules = zip(alignments, widths).map { alignment, width in
      alignment == .left
        ? String(repeating: "-", count: width) : String(repeating: "-", count: width - 1) + ":"
    }
    lines.insert("| " + rules.joined(separator: " | ") + " |", at: 1)
    return lines.joined(separator: "\n") + "\n"
  }

  private func line(_ row: [String], _ widths: [Int]) -> String {
    let padded = row.indices.map { column in
      let blanks = String(repeating: " ", count: widths[column] - row[column].count)
      return alignments[column] == .left ? row[column] + blanks : blanks + row[column]
    }
    return "| " + padded.joined(separator: " | ") + " |"
  }

  private static func escaped(_ cell: String) -> String {
    cell.replacing("|", with: "\\|").replacing("\n", with: " ")
  }
}
