import CRasters
import Essentials
import Foundation

/// GeoTIFF of float32, as GIS tools expect it: the first row has the greatest y, pixels are areas around the maps' places,
/// no data is NaN, a band for each map.
struct RasterWriter {
  /// Well-known systems of degrees.
  static let geographic: Set = [
    4258, 4267, 4269, 4277, 4283, 4322, 4326, 4490, 4612, 4617, 4674, 4979, 6318, 6668, 7844,
  ]
  /// Bytes of a strip, about.
  private static let strip = 64 << 10
  /// From here on, offsets have 64 bits.
  private static let big = 3 << 30

  private let exporter: MapExporter

  init(_ exporter: MapExporter) { self.exporter = exporter }

  /// - Parameters:
  ///   - path: the file.
  ///   - progress: told how many maps are done.
  func write(to path: String, _ progress: (Int) -> Void) throws {
    let reader = exporter.reader, area = reader.description.area
    let isBig = 4 * reader.rows * reader.columns * exporter.samples.count > Self.big
    var handle: OpaquePointer?
    try Self.reporting(exporter.request.target) { error in
      handle = cr_create(path, isBig ? 1 : 0, error)
      return handle == nil ? 1 : 0
    }
    let top = area.y(reader.rows - 1) + area.spacing / 2, left = area.originX - area.spacing / 2
    var description = cr_description()
    description.width = UInt32(reader.columns)
    description.height = UInt32(reader.rows)
    description.bands = UInt16(exporter.samples.count)
    description.strip_rows = UInt32(min(reader.rows, max(1, Self.strip / (4 * reader.columns))))
    description.scale = (area.spacing, area.spacing, 0)
    description.tie = (0, 0, 0, left, top, 0)
    let keys = geoKeys
    withUnsafeMutableBytes(of: &description.keys) { $0.copyBytes(from: keys.withUnsafeBytes { Array($0) }) }
    description.key_count = UInt16(keys.count)
    do {
      try fill(handle, &description, progress)
    } catch {
      try? Self.reporting(path) { cr_close(handle, $0) }
      throw error
    }
    try Self.reporting(exporter.request.target) { cr_close(handle, $0) }
  }

  private static func reporting(_ path: String, _ call: (UnsafeMutablePointer<CChar>) -> Int32) throws {
    try TIFFFile.reporting(MapExporter.what, at: path, expected: nil, call)
  }

  private func fill(
    _ handle: OpaquePointer?, _ description: inout cr_description, _ progress: (Int) -> Void
  ) throws {
    let target = exporter.request.target
    try metadata().withCString { metadata in
      try "nan".withCString { nodata in
        try "ckm \(exporter.request.softwareVersion)".withCString { software in
          (description.metadata, description.nodata, description.software) = (metadata, nodata, software)
          try Self.reporting(target) { cr_describe(handle, &description, $0) }
          for (band, sample) in exporter.samples.enumerated() {
            var values = northUp(try exporter.map(sample).values)
            try Self.reporting(target) { cr_write_band(handle, &description, UInt16(band), &values, $0) }
            progress(band + 1)
          }
        }
      }
    }
  }

  private func northUp(_ values: [Float]) -> [Float] {
    let columns = exporter.reader.columns
    return (0..<exporter.reader.rows).reversed().flatMap { values[$0 * columns..<($0 + 1) * columns] }
  }

  /// The keys of a GeoTIFF (OGC 19-008r4): pixels are areas; where it is known, which projected coordinates in metres.
  private var geoKeys: [UInt16] {
    let projected = exporter.request.coordinateSystem.map {
      [[1024, 1], [1025, 1], [3072, UInt16($0)], [3076, 9001]]
    }
    let entries: [[UInt16]] = projected ?? [[1025, 1]]
    return [1, 1, 0, UInt16(entries.count)] + entries.flatMap { [$0[0], 0, 1, $0[1]] }
  }

  /// What GDAL shows of bands: which map it is, and its units.
  private func metadata() throws -> String {
    let reader = exporter.reader, description = reader.description
    let layer = exporter.request.layer.map { name in description.layers.first { $0.name == name }?.longName ?? name }
    var items = ["<Item name=\"long_name\">\(escaped(layer ?? description.longName))</Item>"]
    let stations = try reader.stations(indices: exporter.samples)
    for (band, sample) in exporter.samples.enumerated() {
      let station = stations.map { ", station \($0[band].x), \($0[band].y), \($0[band].z) m" } ?? ""
      items.append(
        "<Item name=\"DESCRIPTION\" sample=\"\(band)\" role=\"description\">sample \(sample)\(station)</Item>")
      items.append("<Item name=\"UNITTYPE\" sample=\"\(band)\" role=\"unittype\">\(escaped(exporter.units))</Item>")
    }
    return "<GDALMetadata>\n" + items.map { "  \($0)\n" }.joined() + "</GDALMetadata>\n"
  }

  /// Twice over, as GDAL does it and undoes it.
  private func escaped(_ text: String) -> String { escapedOnce(escapedOnce(text)) }

  private func escapedOnce(_ text: String) -> String {
    [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;")].reduce(text) {
      $0.replacingOccurrences(of: $1.0, with: $1.1)
    }
  }
}
