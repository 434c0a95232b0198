import Essentials
import MessagePassing
import Records

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
  ///   - area: where the maps' places lie, in the stations' coordinates.
  ///   - softwareVersion: what the data set says it was written by.
  ///   - communicator: the ranks.
  ///   - overwrite: whether a file of that name may be replaced.
  ///   - progress: called on each rank, now and then, with the number of its maps that are done and to be done.
  /// - Returns: what was written.
  /// - Throws: `Fault` on all ranks; the target is then as it was before.
  @discardableResult
  public static func run(
    path: String, options: ImportOptions, target: String,
    area: Area = Area(originX: 0, originY: 0), softwareVersion: String = "",
    communicator: Communicator, overwrite: Bool = false, progress: (Int, Int) -> Void = { _, _ in }
  ) throws -> (description: MapSetDescription, count: Int) {
    let source = try communicator.agree("open \(path)") { try ImportedMaps(path: path, options: options) }
    let description = MapSetDescription(
      rows: source.rows, columns: source.columns, area: area, longName: source.longName ?? "channel power", units: "dB",
      configuration: configuration(path, options, area), softwareVersion: softwareVersion,
      layers: source.layers,
      hasStations: source.hasStations, hasEnvironments: source.hasEnvironments, hasValid: source.hasValid)
    let writer = try MapSetWriter.create(
      path: target, description: description, count: source.count, communicator: communicator,
      overwrite: overwrite)
    do {
      try copy(source, to: writer, communicator, progress)
    } catch {
      try writer.abandon()
      throw error
    }
    try writer.close()
    return (description, source.count)
  }

  private static func copy(
    _ source: ImportedMaps, to writer: MapSetWriter, _ communicator: Communicator,
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
      let block = try communicator.agree("read maps") { try readBlock(source, samples) }
      try writer.write(block)
      progress(samples.upperBound - share.lowerBound, share.count)
    }
  }

  private static func readBlock(_ source: ImportedMaps, _ samples: Range<Int>) throws -> MapBlock? {
    guard !samples.isEmpty else { return nil }
    let maps = try source.read(samples)
    return MapBlock(
      first: samples.lowerBound, maps: maps.map(\.map), stations: maps.compactMap(\.station),
      environments: maps.compactMap(\.environment), masks: maps.compactMap(\.mask),
      layers: try source.layers(samples))
  }

  /// Where the maps came from, as the data set's `config`.
  private static func configuration(
    _ path: String, _ options: ImportOptions, _ area: Area
  ) -> String {
    var lines = ["import:", "  source: \(quoted(path))", "  units: \(options.units.rawValue)"]
    let names = [
      ("maps", options.maps), ("stations", options.stations), ("valid", options.valid),
      ("environments", options.environments),
    ]
    for (key, name) in names { if let name { lines.append("  \(key): \(quoted(name))") } }
    if !options.layers.isEmpty {
      lines.append("  layers:")
      lines += options.layers.map { "    \($0.name): \(quoted($0.source))" }
    }
    if let range = options.pictureRange {
      lines.append("  png_range: [\(range.minimum), \(range.maximum)]")
    }
    lines += ["  spacing: \(area.spacing)", "  origin: [\(area.originX), \(area.originY)]"]
    return lines.joined(separator: "\n") + "\n"
  }

  /// A JSON text, which is a double-quoted YAML scalar too.
  private static func quoted(_ text: String) -> String { JSONValue.text(text).serialised }
}
