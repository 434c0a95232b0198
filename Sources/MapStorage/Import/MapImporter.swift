import Essentials
import MessagePassing
import Records
import Synchronization

/// Takes foreign maps into a data set of our own layout, all ranks reading and writing their share.
public enum MapImporter {
  /// What a rank holds of maps at a time [byte].
  private static let blockBytes = 16 << 20

  /// Collective. Reads foreign maps and writes them as a data set.
  ///
  /// - Parameters:
  ///   - path: the foreign file or folder, which every rank must see.
  ///   - options: where in it the maps are, and what their numbers mean.
  ///   - target: the data set's name.
  ///   - area: where the maps' places lie, in the stations' coordinates; nil: as the options or else the file say.
  ///   - softwareVersion: what the data set says it was written by.
  ///   - communicator: the ranks.
  ///   - overwrite: whether a file of that name may be replaced.
  ///   - progress: called on each rank, now and then, with the number of its maps that are done and to be done.
  /// - Returns: what was written, and what the file was taken for.
  /// - Throws: `Fault` on all ranks; the target is then as it was before.
  @discardableResult
  public static func run(
    path: String, options: ImportOptions, target: String,
    area: Area? = nil, softwareVersion: String = "",
    communicator: Communicator, overwrite: Bool = false, progress: (Int, Int) -> Void = { _, _ in }
  ) throws -> (description: MapSetDescription, count: Int, report: ImportReport) {
    var options = options
    if let area { options.area = area }
    let source = try communicator.agree("open \(path)") { [options] in try ImportedMaps(path: path, options: options) }
    let description = source.description(softwareVersion)
    let writer = try MapSetWriter.create(
      path: target, description: description, count: source.count, communicator: communicator,
      overwrite: overwrite)
    var tally = ImportTally()
    do {
      try copy(source, to: writer, &tally, communicator, progress)
    } catch {
      try writer.abandon()
      throw error
    }
    try writer.close()
    var all = ImportTally()
    for part in try communicator.allGather(value: tally) { all.add(part) }
    return (description, source.count, source.report(all))
  }

  private static func copy(
    _ source: ImportedMaps, to writer: MapSetWriter, _ tally: inout ImportTally, _ communicator: Communicator,
    _ progress: (Int, Int) -> Void
  ) throws {
    let share = Share.range(of: source.count, rank: communicator.rank, size: communicator.size)
    let length = max(1, blockBytes / (4 * source.rows * source.columns))
    // Every rank takes part in every round, those with smaller shares with nothing in the last.
    let largest = Share.range(of: source.count, rank: 0, size: communicator.size).count
    progress(0, share.count)
    for round in 0..<(largest + length - 1) / length {
      let first = min(share.lowerBound + round * length, share.upperBound)
      let samples = first..<min(first + length, share.upperBound)
      let block = try communicator.agree("read maps") { try readBlock(source, samples, &tally) }
      try writer.write(block)
      progress(samples.upperBound - share.lowerBound, share.count)
    }
  }

  /// Collective. Reads foreign maps as `run` does, in blocks that survive the process: an import that is stopped or killed goes
  /// on where it was.
  ///
  /// - Parameters:
  ///   - path: the foreign file or folder, which every rank must see.
  ///   - options: where in it the maps are, and what their numbers mean.
  ///   - target: the data set's name.
  ///   - softwareVersion: what the data set says it was written by.
  ///   - communicator: the ranks.
  ///   - console: is told what an interrupted import has left.
  ///   - overwrite: whether a file of that name may be replaced.
  ///   - restart: whether what an interrupted import has left is thrown away.
  /// - Returns: what was written, and what the maps that were read now were taken for; nil where a signal asked to stop.
  /// - Throws: `Fault` on all ranks; finished blocks stay for the next import.
  public static func runInBlocks(
    path: String, options: ImportOptions, target: String, softwareVersion: String = "", communicator: Communicator,
    console: Console, overwrite: Bool = false, restart: Bool = false
  ) throws -> (description: MapSetDescription, count: Int, report: ImportReport)? {
    let source = try communicator.agree("open \(path)") { try ImportedMaps(path: path, options: options) }
    let blocks = ImportedBlocks(source, source.description(softwareVersion))
    let seen = try communicator.allGather(
      value: stableHash("\(source.count) \(blocks.description.configuration)".utf8))
    if let other = seen.firstIndex(where: { $0 != seen[0] }) {
      throw Fault(
        "the ranks see different files under one name", at: path, expected: "the same files on every rank",
        found: "others on rank \(other) than on rank 0")
    }
    let run = AssemblyRun(
      maker: blocks, work: "import", count: source.count, path: target, width: 1, overwrite: overwrite,
      restart: restart)
    guard case .finished = try run.run(communicator, console) else { return nil }
    var all = ImportTally()
    for part in try communicator.allGather(value: blocks.seen) { all.add(part) }
    return (blocks.description, source.count, source.report(all))
  }

  fileprivate static func readBlock(
    _ source: ImportedMaps, _ samples: Range<Int>, _ tally: inout ImportTally
  ) throws -> MapBlock? {
    guard !samples.isEmpty else { return nil }
    let maps = try source.read(samples, &tally)
    try source.compare(maps, samples, &tally.fit)
    return MapBlock(
      first: samples.lowerBound, maps: maps.map(\.map), stations: maps.compactMap(\.station),
      environments: maps.compactMap(\.environment), masks: maps.compactMap(\.mask),
      layers: try source.layers(samples))
  }
}

/// Foreign maps block by block, and what was seen of them.
private final class ImportedBlocks: MapBlockMaker {
  let description: MapSetDescription
  private let source: ImportedMaps
  private let tally = Mutex(ImportTally())

  init(_ source: ImportedMaps, _ description: MapSetDescription) {
    (self.source, self.description) = (source, description)
  }

  /// What this rank has seen so far.
  var seen: ImportTally { tally.withLock(\.self) }

  func block(_ samples: Range<Int>) throws -> MapBlock {
    var own = ImportTally()
    let block = try MapImporter.readBlock(source, samples, &own)
    tally.withLock { $0.add(own) }
    return block ?? MapBlock(first: samples.lowerBound, maps: [])
  }
}

extension ImportedMaps {
  /// What a data set of them says of itself.
  fileprivate func description(_ softwareVersion: String) -> MapSetDescription {
    MapSetDescription(
      rows: rows, columns: columns, area: area,
      longName: longName ?? (units == "dBm" ? "received power" : "channel power"), units: units,
      configuration: options.record(of: self), softwareVersion: softwareVersion, layers: layers,
      hasStations: hasStations, hasEnvironments: hasEnvironments, hasValid: hasValid)
  }
}

extension ImportOptions {
  /// Where the maps came from and what they were taken for, as the data set's `config`.
  func record(of source: ImportedMaps) -> String {
    var lines = ["import:", "  source: \(quoted(source.path))", "  units: \(source.numbers.units.rawValue)"]
    if let archive = source.archive { lines += archive.record }
    let names = [
      ("maps", maps), ("stations", stations), ("valid", valid), ("holes", holes), ("environments", environments),
      ("axes", axes?.text), ("station_coordinates", stationCoordinates?.rawValue),
    ]
    for (key, name) in names { if let name { lines.append("  \(key): \(quoted(name))") } }
    if !layers.isEmpty {
      lines.append("  layers:")
      lines += layers.map { "    \($0.name): \(quoted($0.source))" }
    }
    if let range = greyRange ?? source.archive.map({ _ in RadioMapSeerArchive.greys }) {
      lines.append("  png_range: [\(range.black), \(range.white)]")
    }
    if let scale { lines.append("  scale_factor: \(scale)") }
    if let offset { lines.append("  add_offset: \(offset)") }
    if let power = transmitPower { lines.append("  transmit_power: \(power)") }
    if !nodata.isEmpty { lines.append("  nodata: \(quoted(nodata.map(\.text).joined(separator: " ")))") }
    if let threshold { lines.append("  threshold: \(threshold)") }
    if let limits { lines.append("  limits: [\(limits.minimum), \(limits.maximum)]") }
    if ignoresAttributes { lines.append("  ignore_attributes: true") }
    if orientation.transposes { lines.append("  transpose: true") }
    let flips = (orientation.flipsX ? "x" : "") + (orientation.flipsY ? "y" : "")
    if !flips.isEmpty { lines.append("  flip: \(quoted(flips))") }
    if let place = geographicOrigin { lines.append("  geo_origin: [\(place.x), \(place.y)]") }
    let area = source.area
    lines += ["  spacing: \(area.spacing)", "  origin: [\(area.originX), \(area.originY)]"]
    return lines.joined(separator: "\n") + "\n"
  }

  /// A JSON text, which is a double-quoted YAML scalar too.
  private func quoted(_ text: String) -> String { JSONValue.text(text).serialised }
}

extension ImportOptions.NoData {
  /// As it is told to people.
  var text: String {
    switch self {
    case .value(let value): "\(value)"
    case .grey(let level): "grey \(level)"
    case .transparent: "transparent"
    }
  }
}
