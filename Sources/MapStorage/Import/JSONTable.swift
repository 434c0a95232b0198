import Essentials
import Records

extension TextTable {
  /// Of JSON: an array of arrays, an array of objects, an object of columns, or GeoJSON's points; perhaps within an object that
  /// has nothing else.
  ///
  /// - Parameters:
  ///   - json: the value.
  ///   - path: the file, for messages.
  init(json: JSONValue, at path: String) throws {
    if json["type"]?.textValue == "FeatureCollection" {
      self = try Self.points(json, at: path)
    } else if let items = json.arrayValue {
      self = try Self.items(items, at: path)
    } else if let members = json.objectValue, members.count == 1, let items = members[0].value.arrayValue,
      items.first?.realValue == nil
    {
      self = try Self.items(items, at: path)
    } else if let members = json.objectValue, !members.isEmpty {
      self = try Self.columns(members, at: path)
    } else {
      throw Self.fault(at: path, found: "something else")
    }
  }

  private static func fault(at place: String, found: String) -> Fault {
    Fault(
      "this JSON is no table", at: place,
      expected: "[[x, y, z], ...], [{\"x\": ..., \"y\": ...}, ...], or GeoJSON with points", found: found)
  }

  private static func cell(_ value: JSONValue?) -> Cell {
    if case .number(let digits)? = value, let number = Double(digits) { return .number(number) }
    return .text(value.map { $0.textValue ?? $0.serialised } ?? "")
  }

  private static func items(_ items: [JSONValue], at path: String) throws -> TextTable {
    let places = items.indices.map { "item \($0)" }
    if let first = items.first?.objectValue {
      let names = first.map(\.key)
      let rows = try items.enumerated().map { index, item in
        guard item.objectValue != nil else { throw fault(at: "\(path), item \(index)", found: item.serialised) }
        return names.map { cell(item[$0]) }
      }
      return TextTable(path: path, names: names, rows: rows, places: places)
    }
    let rows = try items.enumerated().map { index, item in
      guard let row = item.arrayValue else { throw fault(at: "\(path), item \(index)", found: item.serialised) }
      return row.map { cell($0) }
    }
    return TextTable(path: path, names: nil, rows: rows, places: places)
  }

  private static func columns(_ members: [JSONMember], at path: String) throws -> TextTable {
    let columns = members.compactMap { member in member.value.arrayValue.map { (name: member.key, cells: $0) } }
    guard let count = columns.first?.cells.count, columns.count == members.count else {
      throw fault(at: path, found: "an object of \(members.map(\.key).prefix(8).joined(separator: ", "))")
    }
    if let odd = columns.first(where: { $0.cells.count != count }) {
      throw Fault(
        "the table's columns have several lengths", at: "\(path), \(odd.name)", expected: "\(count)",
        found: "\(odd.cells.count)")
    }
    return TextTable(
      path: path, names: columns.map(\.name), rows: (0..<count).map { row in columns.map { cell($0.cells[row]) } },
      places: (0..<count).map { "item \($0)" })
  }

  /// RFC 7946: longitude, latitude and perhaps height.
  private static func points(_ json: JSONValue, at path: String) throws -> TextTable {
    let features = json["features"]?.arrayValue ?? []
    let rows = try features.enumerated().map { index, feature in
      guard let geometry = feature["geometry"], geometry["type"]?.textValue == "Point",
        let coordinates = geometry["coordinates"]?.arrayValue
      else {
        throw Fault(
          "a feature is no point", at: "\(path), feature \(index)", expected: "\"geometry\" of type Point",
          found: feature["geometry"]?["type"]?.textValue ?? "none")
      }
      return coordinates.map { cell($0) }
    }
    let names = Array(["longitude", "latitude", "height"].prefix(rows.first?.count ?? 0))
    return TextTable(path: path, names: names, rows: rows, places: rows.indices.map { "feature \($0)" })
  }
}
