import Essentials
import Foundation
import Records

/// Writes maps of a data set in the forms that other tools read. Used by one process.
///
/// Maps are NaN where they hold nothing, and so are layers in decibels, such as deviations; other layers are written as they
/// are.
public struct MapExporter {
  /// In which form.
  public let format: ExportFormat
  let request: ExportRequest
  let reader: MapSetReader
  let samples: [Int]

  /// Opens the data set; what cannot be written is refused now.
  ///
  /// - Throws: `Fault` for a form, place, layer, number or coordinate system that cannot be.
  public init(_ request: ExportRequest) throws {
    format = try ExportFormat(of: request.target)
    guard format != .dataSet else {
      throw Fault(
        "the maps are in this format already", at: request.target, expected: ".npy, .npz, .png, .tif or NAME/",
        found: "the name of a data set", hint: "copy \(request.source) as it is")
    }
    try format.requirePlace(request.target, overwrite: request.overwrite)
    self.request = request
    reader = try MapSetReader(path: request.source)
    samples = request.samples ?? Array(0..<reader.count)
    if let wrong = samples.first(where: { !(0..<reader.count).contains($0) }) {
      throw Fault(
        "there is no such sample", at: request.source, expected: "0 to \(reader.count - 1)", found: "\(wrong)")
    }
    try format.require(count: samples.count, at: request.target)
    try requireOptions()
  }

  private func requireOptions() throws {
    if let layer = request.layer, !reader.description.layers.contains(where: { $0.name == layer }) {
      throw Fault(
        "the data set has no such layer", at: "\(request.source):/\(layer)",
        expected: reader.description.layers.isEmpty
          ? "no layer at all" : reader.description.layers.map(\.name).joined(separator: ", "))
    }
    if request.layer != nil, format == .archive {
      throw Fault("an archive takes all layers", at: request.target, expected: "no `maps`", found: request.layer)
    }
    if let code = request.coordinateSystem {
      guard format == .raster else {
        throw Fault("only GeoTIFF knows coordinate systems", at: "`epsg`", expected: ".tif", found: request.target)
      }
      guard (1024...32766).contains(code), !RasterWriter.geographic.contains(code) else {
        throw Fault(
          "maps lie in metres", at: "`epsg`", expected: "a projected coordinate system in metres, such as 25832",
          found: "\(code)")
      }
    }
    if request.greyRange != nil, format != .picture, format != .folder {
      throw Fault("only pictures have a range", at: "`picture_range`", expected: ".png or NAME/", found: request.target)
    }
  }

  /// Writes the file; it appears under its name only when it is whole.
  ///
  /// - Parameter progress: told how many maps are done.
  /// - Throws: `Fault` for maps that cannot be read, or a place that cannot be written.
  public func run(progress: (_ done: Int) -> Void = { _ in }) throws -> ExportReport {
    var report = ExportReport(
      count: samples.count, rows: reader.rows, columns: reader.columns, units: units)
    switch format {
    case .dataSet: preconditionFailure("refused when it was opened")
    case .numPy:
      try Files.write(to: request.target, what: Self.what) { try writeNumPy($0, progress) }
    case .archive:
      try Files.write(to: request.target, what: Self.what) { try writeArchive($0, progress) }
    case .raster:
      try Files.write(to: request.target, what: Self.what) { try RasterWriter(self).write(to: $0, progress) }
    case .picture:
      let pictures = try PictureFolder(self)
      try pictures.write(samples[0], to: request.target)
      progress(1)
      report.greyRange = pictures.range
    case .folder:
      let pictures = try PictureFolder(self)
      try pictures.write(progress)
      report.greyRange = pictures.range
    }
    return report
  }

  /// How many maps are written.
  public var count: Int { samples.count }

  /// The table of stations that a folder of pictures has beside them; nil where there is none.
  public var stationTable: String? {
    format == .folder && reader.description.hasStations ? request.target + PictureFolder.stations : nil
  }

  static let what = "cannot write the maps"

  /// The units of what is written.
  var units: String {
    guard let name = request.layer else { return reader.description.units }
    return reader.description.layers.first { $0.name == name }?.units ?? ""
  }

  /// A map by its number, NaN where it holds nothing.
  func map(_ sample: Int) throws -> (map: StationMap, values: [Float]) {
    let map = try reader.map(sample, layer: request.layer)
    guard let mask = map.mask, request.layer == nil || units.hasPrefix("dB") else { return (map, map.map.values) }
    return (map, zip(map.map.values, mask.flags).map { $1 ? $0 : .nan })
  }

  private func writeNumPy(_ sink: FileSink, _ progress: (Int) -> Void) throws {
    func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try sink.write($0) } }
    try write(NumPyWriter.header(.float32, shape: [samples.count, reader.rows, reader.columns]))
    for (done, sample) in samples.enumerated() {
      try write(NumPyWriter.bytes(map(sample).values))
      progress(done + 1)
    }
  }

  /// All that the data set has, each array by its name there.
  private func writeArchive(_ sink: FileSink, _ progress: (Int) -> Void) throws {
    let zip = ZipWriter(sink)
    let description = reader.description, grid = [samples.count, reader.rows, reader.columns]
    try zip.add("maps", .float32, grid) { write in
      for (done, sample) in samples.enumerated() {
        try write(NumPyWriter.bytes(map(sample).values))
        progress(done + 1)
      }
    }
    if description.hasValid {
      try zip.add("valid", .boolean, grid) { write in
        for sample in samples { try write(reader.masks(indices: [sample])?[0].bytes ?? []) }
      }
    }
    for layer in description.layers {
      try zip.add(layer.name, .float32, grid) { write in
        for sample in samples {
          try write(NumPyWriter.bytes(reader.read(layer: layer.name, indices: [sample])[0].values))
        }
      }
    }
    if description.draws > 0 {
      try zip.add(ReconstructionRecord.drawsName, .float32, [grid[0], description.draws, grid[1], grid[2]]) { write in
        for sample in samples {
          for draw in try reader.draws(of: sample) { try write(NumPyWriter.bytes(draw.values)) }
        }
      }
    }
    let area = description.area
    try zip.add("x", .float64, [reader.columns]) { try $0(NumPyWriter.bytes((0..<reader.columns).map(area.x))) }
    try zip.add("y", .float64, [reader.rows]) { try $0(NumPyWriter.bytes((0..<reader.rows).map(area.y))) }
    if let stations = try reader.stations(indices: samples) {
      try zip.add("station", .float32, [samples.count, 3]) {
        try $0(NumPyWriter.bytes(stations.flatMap { [$0.x, $0.y, $0.z] }))
      }
    }
    if let environments = try reader.environments(indices: samples) {
      try zip.add("environment", .int32, [samples.count]) { try $0(NumPyWriter.bytes(environments)) }
    }
    if let indices = try reader.sampleIndices(indices: samples) {
      try zip.add(ReconstructionRecord.indexName, .int32, [samples.count]) {
        try $0(NumPyWriter.bytes(indices.map { Int32(clamping: $0) }))
      }
    }
    try zip.close()
  }
}
