import MapStorage
import Records

/// What a data set of maps holds, read in pieces.
public struct DataSummary {
  /// The least, the greatest and the mean of some values.
  struct Extent: Encodable {
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

    private struct Numbers: Encodable {
      let minimum: Double, maximum: Double, mean: Double
    }

    /// Null where there is no value.
    func encode(to encoder: any Encoder) throws {
      var place = encoder.singleValueContainer()
      try place.encode(count > 0 ? Numbers(minimum: minimum, maximum: maximum, mean: mean) : nil)
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

  /// - Parameter reader: of the data set; every map and layer is read.
  /// - Throws: `Fault` when something cannot be read.
  public init(_ reader: MapSetReader) throws {
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
  public var text: String {
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
}

extension DataSummary: Encodable {
  private struct Axes: Encodable {
    let x: Extent, y: Extent, z: Extent
  }

  private struct Layer: Encodable {
    let units: String, longName: String, values: Extent
  }

  /// Layers by their names.
  private struct Layers: Encodable {
    let summary: DataSummary

    func encode(to encoder: any Encoder) throws {
      var members = encoder.container(keyedBy: JSONKey.self)
      for layer in summary.description.layers {
        let values = summary.layers[layer.name] ?? Extent()
        try members.encode(
          Layer(units: layer.units, longName: layer.longName, values: values), forKey: JSONKey(layer.name))
      }
    }
  }

  private struct File: Encodable {
    let file: String, count: Int, rows: Int, columns: Int, spacing: Double, origin: [Double]
    let userHeight: Double
    let longName: String, units: String, values: Extent, span: Extent, validShare: Double?, stations: Axes?
    let environments: Int?, layers: Layers, draws: Int, seed: UInt64, softwareVersion: String, config: String
  }

  /// For programs.
  public func encode(to encoder: any Encoder) throws {
    try File(
      file: path, count: count, rows: description.rows, columns: description.columns, spacing: description.area.spacing,
      origin: [description.area.originX, description.area.originY], userHeight: description.area.userHeight,
      longName: description.longName, units: description.units,
      values: values, span: spans, validShare: validShare,
      stations: stations.map { Axes(x: $0[0], y: $0[1], z: $0[2]) }, environments: environments,
      layers: Layers(summary: self), draws: description.draws, seed: description.seed,
      softwareVersion: description.softwareVersion, config: description.configuration
    ).encode(to: encoder)
  }
}
