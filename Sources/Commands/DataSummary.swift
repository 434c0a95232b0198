import MapStorage
import Records

/// What a data set of maps holds, read in pieces.
struct DataSummary {
  /// The least, the greatest and the mean of some values.
  struct Extent {
    var minimum = Double.infinity
    var maximum = -Double.infinity
    var sum = 0.0
    var count = 0
    var mean: Double { sum / Double(count) }

    mutating func insert(_ value: Float) {
      minimum = min(minimum, Double(value))
      maximum = max(maximum, Double(value))
      sum += Double(value)
      count += 1
    }

    /// The values as JSON; null when there is none.
    var json: JSONValue {
      guard count > 0 else { return .null }
      return .members(["minimum": .real(minimum), "maximum": .real(maximum), "mean": .real(mean)])
    }

    func text(_ units: String) -> String {
      guard count > 0 else { return "no value at all" }
      let unit = units.isEmpty || units == "1" ? "" : " \(units)"
      let numbers = [minimum, maximum, mean].map { Units.number($0) }
      return "\(numbers[0]) to \(numbers[1])\(unit), mean \(numbers[2])\(unit)"
    }
  }

  /// What is held of the maps at a time [byte].
  private static let blockBytes = 16 << 20

  let path: String
  let description: MapSetDescription
  let count: Int
  private(set) var values = Extent()
  /// The span of each map's values.
  private(set) var spans = Extent()
  private(set) var layers: [String: Extent] = [:]
  /// x, y and z of the stations [m].
  private(set) var stations: [Extent]?
  private(set) var environments: Int?
  private(set) var validShare: Double?

  init(_ reader: MapSetReader) throws {
    path = reader.path
    description = reader.description
    count = reader.count
    let block = max(1, Self.blockBytes / (4 * reader.rows * reader.columns))
    for first in stride(from: 0, to: count, by: block) {
      try add(reader, Array(first..<min(first + block, count)))
    }
    let all = Array(0..<count)
    stations = try reader.stations(indices: all).map { places in
      (0..<3).map { axis in places.reduce(into: Extent()) { $0.insert($1[axis]) } }
    }
    environments = try reader.environments(indices: all).map { Set($0).count }
    if description.hasValid {
      validShare = Double(values.count) / Double(count * reader.rows * reader.columns)
    }
  }

  private mutating func add(_ reader: MapSetReader, _ indices: [Int]) throws {
    for index in indices {
      let found = try reader.map(index)
      var own = Extent()
      for (place, value) in found.map.values.enumerated() where found.mask?[place] != false { own.insert(value) }
      guard own.count > 0 else { continue }
      spans.insert(Float(own.maximum - own.minimum))
      values.minimum = min(values.minimum, own.minimum)
      values.maximum = max(values.maximum, own.maximum)
      values.sum += own.sum
      values.count += own.count
    }
    for layer in description.layers {
      for map in try reader.read(layer: layer.name, indices: indices) {
        for value in map.values where value.isFinite { layers[layer.name, default: Extent()].insert(value) }
      }
    }
  }

  /// For people.
  var text: String {
    let area = description.area
    var lines: [(String, String)] = [
      ("file", path),
      ("maps", "\(count) of \(description.rows) x \(description.columns), \(description.longName)"),
      (
        "grid",
        "\(Units.number(area.spacing)) m apart, from x = \(Units.number(area.originX)) m, "
          + "y = \(Units.number(area.originY)) m"
      ),
      ("user height", "\(Units.number(area.userHeight)) m"),
      ("values", values.text(description.units)),
      ("span of a map", spans.text(description.units)),
    ]
    if let share = validShare { lines.append(("valid places", "\(Units.number(100 * share)) %")) }
    if let stations {
      for (axis, extent) in zip(["x", "y", "z"], stations) {
        lines.append(("station \(axis)", extent.text("m")))
      }
    }
    if let environments { lines.append(("environments", "\(environments)")) }
    for layer in description.layers {
      lines.append(("layer \(layer.name)", (layers[layer.name] ?? Extent()).text(layer.units)))
    }
    if description.draws > 0 { lines.append(("draws", "\(description.draws) of each map")) }
    lines.append(("seed", "\(description.seed)"))
    if !description.softwareVersion.isEmpty { lines.append(("written by", description.softwareVersion)) }
    let width = lines.map(\.0.count).max() ?? 0
    var text = lines.map { name, value in
      name + String(repeating: " ", count: width - name.count + 2) + value + "\n"
    }.joined()
    if !description.configuration.isEmpty {
      text += "configuration\n"
      text += description.configuration.split(separator: "\n").map { "  \($0)\n" }.joined()
    }
    return text
  }

  /// For programs.
  var json: [JSONMember] {
    let axes = stations.map { stations in
      JSONValue.members(["x": stations[0].json, "y": stations[1].json, "z": stations[2].json])
    }
    let members: KeyValuePairs<String, JSONValue> = [
      "file": .text(path), "count": .integer(count), "rows": .integer(description.rows),
      "columns": .integer(description.columns), "spacing": .real(description.area.spacing),
      "origin": .array([.real(description.area.originX), .real(description.area.originY)]),
      "user_height": .real(description.area.userHeight),
      "long_name": .text(description.longName), "units": .text(description.units), "values": values.json,
      "span": spans.json, "valid_share": validShare.map { .real($0) } ?? .null, "stations": axes ?? .null,
      "environments": environments.map { .integer($0) } ?? .null,
      "layers": .object(description.layers.map(json)), "draws": .integer(description.draws),
      "seed": .integer(description.seed),
      "software_version": .text(description.softwareVersion), "config": .text(description.configuration),
    ]
    return members.map { JSONMember(key: $0.key, value: $0.value) }
  }

  private func json(_ layer: MapLayer) -> JSONMember {
    JSONMember(
      key: layer.name,
      value: .members([
        "units": .text(layer.units), "long_name": .text(layer.longName),
        "values": (layers[layer.name] ?? Extent()).json,
      ]))
  }
}
