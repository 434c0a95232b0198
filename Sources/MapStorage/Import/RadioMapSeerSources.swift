import Essentials
import Records
import Synchronization

extension RadioMapSeerArchive {
  private static let largestTable = 1 << 20

  /// Where its maps lie: the first row in the north.
  private static var placed: ArrayFacts.Place { ArrayFacts.Place(spacing: 1, isNorthUp: true) }

  /// The maps, one for each of `pictures`.
  ///
  /// - Parameter range: the values of black and white; nil: the archive's.
  func maps(_ range: ImportOptions.GreyRange?) -> any MapSource {
    PictureSource(
      pictures.map { "\(root)/gain/\(method)/\($0.city)_\($0.transmitter).png" }, in: "\(root)/gain/\(method)",
      side: Self.side, scale: .range(range ?? Self.greys), longName: "channel gain by \(method)", at: Self.placed)
  }

  /// Pictures of which each city has one, repeated for each of its maps.
  func layer(_ name: String) -> any MapSource {
    let folder = "\(root)/\(Self.folder(ofLayer: name))"
    var paths: [String] = [], rows: [Int] = [], last: Int?
    for picture in pictures {
      if picture.city != last { paths.append("\(folder)/\(picture.city).png") }
      last = picture.city
      rows.append(paths.count - 1)
    }
    return RepeatedRows(
      PictureSource(paths, in: folder, side: Self.side, scale: .unit, longName: nil, at: Self.placed), rows)
  }

  /// The cities' numbers `[N]`.
  var environments: any MapSource {
    KnownNumbers(place: "\(root)/gain/\(method)", shape: [pictures.count], values: pictures.map { Double($0.city) })
  }

  /// The transmitters' columns, rows and heights `[N, 3]`, rows counted from the north.
  ///
  /// - Throws: `Fault` for a table that is none, is too short, or has a transmitter off the map.
  func stations() throws -> any MapSource {
    var values: [Double] = [], table: [SIMD2<Double>] = [], last: Int?
    for picture in pictures {
      if picture.city != last { table = try antennas(of: picture.city) }
      last = picture.city
      let place = "\(root)/antenna/\(picture.city).json"
      guard picture.transmitter < table.count else {
        throw Fault(
          "the table has too few antennas", at: place, expected: "number \(picture.transmitter), counted from 0",
          found: "\(table.count) antennas")
      }
      let antenna = table[picture.transmitter], greatest = Double(Self.side - 1)
      guard (0...greatest).contains(antenna.x), (0...greatest).contains(antenna.y) else {
        throw Fault(
          "an antenna lies off its map", at: "\(place), item \(picture.transmitter)",
          expected: "x and y from 0 to \(Self.side - 1)", found: "\(antenna.x), \(antenna.y)")
      }
      values += [antenna.x, greatest - antenna.y, Self.stationHeight]
    }
    return KnownNumbers(
      place: "\(root)/antenna", shape: [pictures.count, 3], values: values,
      facts: ArrayFacts(coordinates: .columnRow))
  }

  private func antennas(of city: Int) throws -> [SIMD2<Double>] {
    let path = "\(root)/antenna/\(city).json"
    let bytes = try Files.read(path, limit: Self.largestTable, what: "cannot read the antennas")
    let expected = "[[x, y], …] in pixels"
    guard let items = try JSONValue.parse(bytes, at: path).arrayValue else {
      throw Fault("this is no table of antennas", at: path, expected: expected, found: "something else")
    }
    return try items.enumerated().map { index, item in
      let numbers = item.arrayValue?.compactMap(\.realValue) ?? []
      guard numbers.count == 2, item.arrayValue?.count == 2 else {
        throw Fault(
          "this is no table of antennas", at: "\(path), item \(index)", expected: expected,
          found: String(item.serialised.prefix(80)))
      }
      return SIMD2(numbers[0], numbers[1])
    }
  }
}

extension RadioMapSeerArchive {
  /// What was taken, for people.
  var notes: [String] {
    var notes = [
      "archive: \(pictures.count) maps by \(method), cities \(Self.text(cities)), transmitters \(Self.text(transmitters))"
    ]
    if !strangers.isEmpty {
      notes.append(
        "left out of gain/\(method): \(strangers.count) files of other names, such as \(strangers[0])")
    }
    return notes
  }

  /// What a user should look at.
  var warnings: [String] { missing.isEmpty ? [] : ["files of the archive are missing: \(missingText)"] }

  /// Lines of the data set's configuration.
  var record: [String] {
    var lines = [
      "  layout: radiomapseer", "  method: \(JSONValue.text(method).serialised)",
      "  cities: \(JSONValue.text(Self.text(cities)).serialised)",
      "  transmitters: \(JSONValue.text(Self.text(transmitters)).serialised)",
    ]
    // Which ones they are, so that nobody goes on with others.
    if !missing.isEmpty {
      let hash = String(stableHash(missing.joined(separator: "\n").utf8), radix: 16)
      lines.append("  missing: \"\(missing.count) files, \(hash)\"")
    }
    return lines
  }
}

/// Numbers that are known already.
struct KnownNumbers: MapSource {
  let place: String
  let shape: [Int]
  let values: [Double]
  var facts = ArrayFacts()

  private var step: Int { shape.dropFirst().reduce(1, *) }

  func read(rows: Range<Int>, into out: UnsafeMutableBufferPointer<Float>) throws {
    for (position, value) in try doubles(rows: rows).enumerated() { out[position] = Float(value) }
  }

  func doubles(rows: Range<Int>) throws -> [Double] {
    Array(values[rows.lowerBound * step..<rows.upperBound * step])
  }
}

/// An array of which maps that follow each other share a row.
final class RepeatedRows: MapSource {
  let shape: [Int]
  private let source: any MapSource
  /// The source's row of each map.
  private let rows: [Int]
  /// The row that was read last.
  private let kept = Mutex<(row: Int, values: [Float])>((-1, []))

  init(_ source: any MapSource, _ rows: [Int]) {
    (self.source, self.rows) = (source, rows)
    shape = [rows.count] + source.shape.dropFirst()
  }

  var place: String { source.place }
  var facts: ArrayFacts { source.facts }
  func name(ofSample index: Int) -> String { source.name(ofSample: rows[index]) }

  func read(rows: Range<Int>, into out: UnsafeMutableBufferPointer<Float>) throws {
    let step = shape.dropFirst().reduce(1, *)
    for (position, row) in rows.map({ self.rows[$0] }).enumerated() {
      let values = try kept.withLock { kept in
        if kept.row != row {
          var values = [Float](repeating: 0, count: step)
          try values.withUnsafeMutableBufferPointer { try source.read(rows: row..<row + 1, into: $0) }
          kept = (row, values)
        }
        return kept.values
      }
      for (index, value) in values.enumerated() { out[position * step + index] = value }
    }
  }
}
