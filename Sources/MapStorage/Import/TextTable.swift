import Essentials
import Foundation
import Records

/// Rows of numbers and texts, with names of their columns where they have any.
struct TextTable {
  /// What stands in a place of the table.
  enum Cell: Equatable {
    case number(Double)
    case text(String)

    var number: Double? { if case .number(let number) = self { number } else { nil } }
    var text: String {
      switch self {
      case .number(let number): "\(number)"
      case .text(let text): text
      }
    }
  }

  /// Where the table was read from, for messages.
  let path: String
  /// Names of columns; nil where the table has none.
  var names: [String]?
  /// Rows of as many cells each.
  var rows: [[Cell]] = []
  /// What each row is called in messages.
  var places: [String] = []

  private static let longest = 64 << 20

  /// Reads a table of text, or JSON.
  ///
  /// - Parameter path: the file.
  /// - Throws: `Fault` naming line and column of what is wrong.
  init(_ path: String) throws {
    var text = try Files.readText(path, limit: Self.longest, what: "cannot read the table")
    if text.hasPrefix("\u{FEFF}") { text.removeFirst() }
    let first = text.first { !$0.isWhitespace }
    if first == "[" || first == "{" {
      self = try TextTable(json: .parse(text.utf8, at: path), at: path)
    } else {
      self.path = path
      try read(text)
    }
    guard let width = rows.first?.count else { throw Fault("the table has no rows", at: path) }
    if let odd = rows.firstIndex(where: { $0.count != width }) {
      throw Fault(
        "the table's rows have several lengths", at: "\(path), \(places[odd])", expected: "\(width) columns",
        found: "\(rows[odd].count)")
    }
    if let names, names.count != width {
      throw Fault(
        "the table has not as many names as columns", at: path, expected: "\(width)",
        found: "\(names.count): \(names.joined(separator: ", "))")
    }
  }

  init(path: String, names: [String]?, rows: [[Cell]], places: [String]) {
    (self.path, self.names, self.rows, self.places) = (path, names, rows, places)
  }

  // MARK: - Text

  private mutating func read(_ text: String) throws {
    var separator: Character?
    var comment: Substring?
    // Swift takes CR and LF together for one character, and "isNewline" knows the three ends of line.
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let trimmed = line.trimmingCharacters(in: .whitespaces)
      if trimmed.isEmpty { continue }
      if trimmed.hasPrefix("#") || trimmed.hasPrefix("%") {
        if rows.isEmpty { comment = trimmed.drop { $0 == "#" || $0 == "%" || $0 == " " } }
        continue
      }
      let place = "line \(index + 1)"
      let mark = separator ?? Self.separator(of: trimmed)
      separator = mark
      let cells = try fields(of: trimmed, mark, at: place).map { Self.cell($0, mark) }
      if rows.isEmpty, names == nil, cells.allSatisfy({ $0.number == nil }) {
        names = cells.map(\.text)
      } else {
        rows.append(cells)
        places.append(place)
      }
    }
    // Names in a comment, as numpy.savetxt writes them.
    if names == nil, let comment, let separator, let width = rows.first?.count {
      let fields = try fields(of: String(comment), separator, at: "the comment")
      if fields.count == width, fields.contains(where: { StationColumn($0) != nil }) { names = fields }
    }
  }

  /// What stands between columns.
  private static func separator(of line: String) -> Character {
    [";", "\t", ","].first { line.contains($0) } ?? " "
  }

  private func fields(of line: String, _ separator: Character, at place: String) throws -> [String] {
    var fields: [String] = []
    var field = "", isQuoted = false, isBehindQuote = false
    for character in line + String(separator) {
      if character == "\"" {
        // A quote within quotes is written twice.
        if isBehindQuote { field.append("\"") }
        isBehindQuote = isQuoted
        isQuoted.toggle()
      } else if character == separator, !isQuoted {
        if separator != " " || !field.isEmpty { fields.append(field.trimmingCharacters(in: .whitespaces)) }
        (field, isBehindQuote) = ("", false)
      } else {
        field.append(character)
        isBehindQuote = false
      }
    }
    guard !isQuoted else {
      throw Fault("a quotation has no end", at: "\(path), \(place)", expected: "\" once more on the line")
    }
    return fields
  }

  /// A number where it is one; with a decimal comma where columns are not told apart by commas.
  private static func cell(_ field: String, _ separator: Character) -> Cell {
    if let number = Double(field) { return .number(number) }
    if separator != ",", field.count(where: { $0 == "," }) == 1, !field.contains("."),
      let number = Double(field.replacingOccurrences(of: ",", with: "."))
    {
      return .number(number)
    }
    return .text(field)
  }

  // MARK: - Columns

  /// The numbers of a column.
  ///
  /// - Throws: `Fault` for the first cell that holds none.
  func numbers(_ column: Int) throws -> [Double] {
    try rows.indices.map { row in
      guard let number = rows[row][column].number else {
        let name = names.map { " (\($0[column]))" } ?? ""
        throw Fault(
          "a number of the table is none", at: "\(path), \(places[row]), column \(column + 1)\(name)",
          expected: "a number", found: rows[row][column].text.isEmpty ? "nothing" : "\"\(rows[row][column].text)\"")
      }
      return number
    }
  }
}
