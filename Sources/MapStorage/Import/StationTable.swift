import Essentials
import Foundation

/// What a column of a table of stations holds, by its name.
enum StationColumn: Equatable {
  case x, y, longitude, latitude, row, column, height
  case environment
  /// The number of the map that a row belongs to.
  case map
  /// The station's own number.
  case number

  private static let words: [String: StationColumn] = [
    "x": .x, "easting": .x, "east": .x, "xcoord": .x, "y": .y, "northing": .y, "north": .y, "ycoord": .y,
    "lon": .longitude, "long": .longitude, "lng": .longitude, "longitude": .longitude, "lat": .latitude,
    "latitude": .latitude, "row": .row, "col": .column, "column": .column, "z": .height, "h": .height,
    "height": .height, "alt": .height, "altitude": .height, "elevation": .height, "environment": .environment,
    "env": .environment, "scene": .environment, "map": .map, "sample": .map, "index": .map, "idx": .map, "id": .number,
    "number": .number, "no": .number, "nr": .number,
  ]

  /// Of a name: "x", "Easting [m]", "tx_lat", "x-coordinate"; nil where it is none of these.
  init?(_ name: String) {
    let words = Self.words(of: name.prefix { $0 != "[" && $0 != "(" }).compactMap { Self.words[$0] }
    // "map_x" is a place, "station_id" is a number: the last word says what it is.
    guard let last = words.last else { return nil }
    self = words.contains(.environment) ? .environment : last
  }

  private static func words(of text: Substring) -> [String] {
    text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
  }

  /// The units that a name has in brackets or at its end; nil where it has none.
  static func unit(of name: String) -> String? {
    if let match = name.firstMatch(of: /[\[(]\s*([^\])]*)\s*[\])]/) { return match.1.lowercased() }
    let last = words(of: name[...]).last ?? ""
    return ["m", "km", "cm", "mm", "ft", "feet", "deg", "rad", "px", "utm"].contains(last) ? last : nil
  }
}

/// Stations in a table of text or in JSON: `[N, 2 or 3]`, the maps' order, columns put right by their names.
struct StationTable: MapSource {
  let place: String
  let shape: [Int]
  let facts: ArrayFacts
  private let values: [Double]

  /// - Parameter path: the file.
  /// - Throws: `Fault` where it cannot be known which columns are which, or rows are in another order than the maps.
  init(_ path: String) throws {
    let table = try TextTable(path)
    place = path
    let kinds = table.names?.map { StationColumn($0) }
    let columns: [Int]
    var facts = ArrayFacts()
    if let names = table.names, let kinds {
      (columns, facts.coordinates) = try Self.columns(names, kinds, table)
      try Self.requireOrder(kinds, table)
      facts.type = "columns " + columns.map { names[$0] }.joined(separator: ", ")
    } else {
      columns = try Self.unnamed(table)
      facts.type = "columns without names, taken for x, y" + (columns.count == 3 ? ", z" : "")
    }
    self.facts = facts
    shape = [table.rows.count, columns.count]
    let numbers = try columns.map { try table.numbers($0) }
    values = table.rows.indices.flatMap { row in numbers.map { $0[row] } }
  }

  func read(rows: Range<Int>, into out: UnsafeMutableBufferPointer<Float>) throws {
    for (index, value) in try doubles(rows: rows).enumerated() { out[index] = Float(value) }
  }

  func doubles(rows: Range<Int>) throws -> [Double] {
    guard rows.lowerBound >= 0, rows.upperBound <= shape[0] else {
      throw Fault("there is no such row", at: place, expected: "\(shape[0]) rows", found: "\(rows)")
    }
    return Array(values[rows.lowerBound * shape[1]..<rows.upperBound * shape[1]])
  }

  /// The places' columns, and what they are.
  private static func columns(
    _ names: [String], _ kinds: [StationColumn?], _ table: TextTable
  ) throws -> ([Int], StationCoordinates) {
    func only(_ kind: StationColumn) throws -> Int? {
      let found = kinds.indices.filter { kinds[$0] == kind }
      guard found.count <= 1 else {
        throw Fault(
          "two columns could be the same", at: table.path, expected: "one",
          found: found.map { names[$0] }.joined(separator: ", "), hint: "leave one of them out, or rename it")
      }
      return found.first
    }
    let pairs: [(StationColumn, StationColumn, StationCoordinates, units: Set<String>)] = [
      (.x, .y, .xy, ["m", "metre", "metres", "meter", "meters", "utm"]),
      (.longitude, .latitude, .lonLat, ["deg", "degree", "degrees", "°"]),
      (.column, .row, .columnRow, ["px", "pixel", "pixels"]),
    ]
    for (first, second, coordinates, units) in pairs {
      guard let one = try only(first), let other = try only(second) else { continue }
      let height = try only(.height)
      func require(_ column: Int, _ units: Set<String>) throws {
        guard let unit = StationColumn.unit(of: names[column]), !units.contains(unit) else { return }
        throw Fault(
          "a column's units are not known here", at: "\(table.path), column \(column + 1)",
          expected: units.sorted().joined(separator: ", "), found: "\"\(unit)\" in \"\(names[column])\"")
      }
      try require(one, units)
      try require(other, units)
      if let height { try require(height, pairs[0].units) }
      return ([one, other] + (height.map { [$0] } ?? []), coordinates)
    }
    throw Fault(
      "which columns say where stations stand is not known", at: table.path,
      expected: "x and y, easting and northing, longitude and latitude, or column and row",
      found: names.joined(separator: ", "))
  }

  /// Columns without names are x, y and z; texts, such as a station's name, are left out.
  private static func unnamed(_ table: TextTable) throws -> [Int] {
    let columns = table.rows[0].indices.filter { column in
      table.rows.contains { $0[column].number != nil || $0[column].text.first?.isLetter == false }
    }
    guard (2...3).contains(columns.count) else {
      throw Fault(
        "which columns say where stations stand is not known", at: table.path,
        expected: "x, y and perhaps z, or a first line that names the columns",
        found: "\(columns.count) columns of numbers")
    }
    let first = try table.numbers(columns[0])
    if columns.count == 3, first.count > 1, isCount(first) {
      throw Fault(
        "the table's first column counts its rows", at: table.path, expected: "x, y and z",
        found: first.prefix(3).map { "\(Int($0))" }.joined(separator: ", ") + ", ...",
        hint: "a first line says what the columns are: id,x,y or x,y,z")
    }
    return columns
  }

  /// Whether numbers are 0, 1, 2, ... or 1, 2, 3, ...
  private static func isCount(_ numbers: [Double]) -> Bool {
    guard let first = numbers.first, first == 0 || first == 1 else { return false }
    return numbers.enumerated().allSatisfy { $1 == first + Double($0) }
  }

  /// Rows stand in the order of the maps: numbers that say something else are not put right in silence.
  private static func requireOrder(_ kinds: [StationColumn?], _ table: TextTable) throws {
    for (column, kind) in kinds.enumerated() where kind == .map || kind == .number {
      guard let numbers = try? table.numbers(column) else { continue }
      let falls = numbers.indices.dropLast().first { numbers[$0] >= numbers[$0 + 1] }
      guard let falls, kind == .map || isCount(numbers.sorted()) else { continue }
      throw Fault(
        "the table's rows are in another order", at: "\(table.path), \(table.places[falls + 1]), column \(column + 1)",
        expected: "the maps' order, \(table.names?[column] ?? "") rising",
        found: "\(numbers[falls + 1]) after \(numbers[falls])",
        hint: "sort the table by it if that is the maps' order, else take the column out")
    }
  }
}

/// A column of numbers of a table: `[N]`.
struct TableColumn: MapSource {
  let place: String
  let shape: [Int]
  private let values: [Double]

  /// - Parameters:
  ///   - path: the file.
  ///   - name: the column's name; nil: the one of environments, or the only one.
  init(_ path: String, name: String? = nil) throws {
    let table = try TextTable(path)
    place = name.map { "\(path):\($0)" } ?? path
    let names = table.names ?? []
    let column =
      name.map { name in names.firstIndex { $0.lowercased() == name.lowercased() } }
      ?? names.firstIndex { StationColumn($0) == .environment } ?? (table.rows[0].count == 1 ? 0 : nil)
    guard let column else {
      throw Fault(
        "the table has no such column", at: place, expected: name ?? "environment",
        found: names.isEmpty ? "columns without names" : names.joined(separator: ", "))
    }
    values = try table.numbers(column)
    shape = [values.count]
  }

  func read(rows: Range<Int>, into out: UnsafeMutableBufferPointer<Float>) throws {
    for (index, row) in rows.enumerated() { out[index] = Float(values[row]) }
  }
}
