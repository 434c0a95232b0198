import Essentials
import Foundation
import Pictures
import Records

/// Maps as grey pictures of 16 bits: levels 1 to 65535 are values, evenly from black's to white's, level 0 is no value.
///
/// A level g stands for black + g (white - black) / 65535, as in import. The first row of the picture is the map's row 0.
struct PictureFolder {
  private static let greatest: Float = 65535
  static let stations = "stations.csv"
  private static let note = "range.json"

  /// The values of levels 0 and 65535.
  let range: ImportOptions.GreyRange
  private let exporter: MapExporter

  /// - Parameter exporter: what to write.
  /// - Throws: `Fault` where values lie outside a range that was asked for, or no place holds any.
  init(_ exporter: MapExporter) throws {
    self.exporter = exporter
    var (least, most) = (Float.infinity, -Float.infinity)
    for sample in exporter.samples {
      for value in try exporter.map(sample).values where !value.isNaN {
        (least, most) = (min(least, value), max(most, value))
      }
    }
    guard least <= most, least.isFinite, most.isFinite else {
      throw Fault("the maps have no values that a picture could show", at: exporter.request.source)
    }
    range = exporter.request.greyRange ?? Self.range(from: least, to: most)
    for value in [least, most] where Self.level(value, range) == nil {
      throw Fault(
        "the maps have values outside the pictures' range", at: exporter.request.source,
        expected: "between \(range.black) (no value itself) and \(range.white)", found: "\(least) to \(most)",
        hint: "without `picture_range` it is chosen so that all fit")
    }
  }

  /// Level 1 is the least value, 65535 the greatest.
  private static func range(from least: Float, to most: Float) -> ImportOptions.GreyRange {
    let white = most > least ? most : least + 1
    return .init(black: least - (white - least) / (greatest - 1), white: white)
  }

  /// The level of a value; nil where it has none.
  private static func level(_ value: Float, _ range: ImportOptions.GreyRange) -> UInt16? {
    let level = ((value - range.black) / (range.white - range.black) * greatest).rounded()
    return level >= 1 && level <= greatest ? UInt16(level) : nil
  }

  /// Writes one map as a picture.
  func write(_ sample: Int, to path: String) throws {
    let values = try exporter.map(sample).values
    let image = GreyImage(
      width: exporter.reader.columns, height: exporter.reader.rows, bitDepth: 16,
      samples: values.map { $0.isNaN ? 0 : Self.level($0, range) ?? 0 })
    try image.write(to: path, note: exported.json.serialised)
  }

  private var exported: ExportedPicture {
    let area = exporter.reader.description.area
    return ExportedPicture(
      range: range, units: exporter.units, spacing: area.spacing, origin: SIMD2(area.originX, area.originY))
  }

  /// Writes all maps into a folder, with the stations and the range beside them; it appears only when it is whole.
  func write(_ progress: (Int) -> Void) throws {
    let target = String(exporter.request.target.dropLast())
    let partial = "\(target).\(getpid()).partial"
    do {
      try Files.makeDirectory(partial, what: MapExporter.what)
      let digits = "\(exporter.samples.max() ?? 0)".count
      for (done, sample) in exporter.samples.enumerated() {
        // In the order of the maps, which that of the samples need not be.
        let number = exporter.samples == exporter.samples.sorted() ? sample : done
        let text = String(repeating: "0", count: digits - "\(number)".count) + "\(number)"
        try write(sample, to: "\(partial)/map-\(text).png")
        progress(done + 1)
      }
      if let table = try stationTable() {
        try Files.write(Array(table.utf8), to: "\(partial)/\(Self.stations)", what: MapExporter.what)
      }
      try Files.write(Array(exported.json.indented.utf8), to: "\(partial)/\(Self.note)", what: MapExporter.what)
      try Files.synchronise(partial, what: MapExporter.what)
      try replace(target, by: partial)
    } catch {
      try? FileManager.default.removeItem(atPath: partial)
      throw error
    }
  }

  private func replace(_ target: String, by partial: String) throws {
    let old = "\(target).\(getpid()).old"
    let isThere = FileManager.default.fileExists(atPath: target)
    if isThere {
      try Self.requireOwn(target)
      guard rename(target, old) == 0 else { throw Files.systemFault(MapExporter.what, at: target) }
    }
    guard rename(partial, target) == 0 else {
      if isThere { rename(old, target) }
      throw Files.systemFault(MapExporter.what, at: target)
    }
    if isThere { try? FileManager.default.removeItem(atPath: old) }
  }

  /// Throws unless a folder holds nothing but what an export has written: that may be replaced.
  static func requireOwn(_ folder: String) throws {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
      throw Files.systemFault("cannot list the folder", at: folder)
    }
    let stranger = names.first { name in
      name != stations && name != note && name.wholeMatch(of: /map-\d+\.png/) == nil
    }
    if let stranger {
      throw Fault(
        "the folder holds other files", at: folder, expected: "what an earlier export has written, or a new name",
        found: stranger)
    }
  }

  private func stationTable() throws -> String? {
    let reader = exporter.reader
    guard let stations = try reader.stations(indices: exporter.samples) else { return nil }
    let environments = try reader.environments(indices: exporter.samples)
    var lines = ["x,y,z" + (environments == nil ? "" : ",environment")]
    for (index, station) in stations.enumerated() {
      lines.append("\(station.x),\(station.y),\(station.z)" + (environments.map { ",\($0[index])" } ?? ""))
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
