import Essentials
import Interpolation

/// Reads a data set of maps: POSIX driver, read-only, no MPI, and only what is asked for.
///
/// Safe to use from several threads (one at a time is inside libhdf5).
public final class MapSetReader: @unchecked Sendable {
  /// The file.
  public let path: String
  /// What the file holds.
  public let description: MapSetDescription
  /// The number of maps.
  public let count: Int
  private let maps: StoredArray
  private let station: StoredArray?
  private let environment: StoredArray?
  private let validity: StoredArray?
  private let sampleIndex: StoredArray?
  private let layers: [String: StoredArray]
  private let drawn: StoredArray?

  /// Grid lines in y.
  public var rows: Int { description.rows }
  /// Grid lines in x.
  public var columns: Int { description.columns }

  /// Opens a file of the layout that `MapSetWriter` writes.
  ///
  /// - Parameter path: the file. It may come from anyone: it is first examined in a child process.
  /// - Throws: `Fault` when the file is missing, damaged, of another layout, or leads out of itself.
  public init(path: String) throws {
    self.path = path
    let file = try StoredFile(path, walkRoot: true)
    try Self.requireFormat(file)
    let names = try file.rootNames()
    func optional(_ name: String) throws -> StoredArray? { names.contains(name) ? try file.array(name) : nil }

    maps = try file.array("maps")
    guard maps.shape.count == 3, maps.shape.allSatisfy({ $0 > 0 }) else {
      throw Fault(
        "the maps have the wrong shape", at: maps.place, expected: "[sample, y, x], none of them 0",
        found: "\(maps.shape)")
    }
    count = maps.shape[0]
    station = try optional("station")
    environment = try optional("environment")
    validity = try optional("valid")
    sampleIndex = try optional(ReconstructionRecord.indexName)
    var layers: [String: StoredArray] = [:]
    for name in names where !MapSetDescription.reservedNames.contains(name) {
      layers[name] = try file.array(name)
    }
    self.layers = layers
    drawn = try optional(ReconstructionRecord.drawsName)
    description = try Self.describe(
      file, maps: maps, layers: layers, stations: station != nil, environments: environment != nil,
      valid: validity != nil, reconstruction: try sampleIndex.map { _ in try ReconstructionRecord(file) },
      draws: try Self.drawCount(drawn, maps))
    try station?.require(shape: [count, 3])
    try environment?.require(shape: [count])
    try validity?.require(shape: maps.shape)
    try sampleIndex?.require(shape: [count])
    for layer in layers.values { try layer.require(shape: maps.shape) }
  }

  private static func requireFormat(_ file: StoredFile) throws {
    let format = try file.text("format")
    guard format == MapSetDescription.format else {
      throw Fault(
        "this is no data set of maps", at: "\(file.path):@format",
        expected: "\"\(MapSetDescription.format)\"", found: format.map { "\"\($0)\"" } ?? "no such attribute",
        hint: "foreign maps are taken in with: ckm import")
    }
    let version = try file.wholeNumber("format_version")
    guard let version, (1...MapSetDescription.formatVersion).contains(version) else {
      throw Fault(
        "the file's format version is unknown", at: "\(file.path):@format_version",
        expected: "1 to \(MapSetDescription.formatVersion)",
        found: version.map { "\($0)" } ?? "no such attribute")
    }
  }

  private static func describe(
    _ file: StoredFile, maps: StoredArray, layers: [String: StoredArray], stations: Bool,
    environments: Bool, valid: Bool, reconstruction: ReconstructionRecord?, draws: Int
  ) throws -> MapSetDescription {
    let x = try Axis(file, "x", count: maps.shape[2])
    let y = try Axis(file, "y", count: maps.shape[1])
    // An axis of one line has no spacing of its own.
    let spacing = x.spacing ?? y.spacing ?? 1
    guard abs((y.spacing ?? spacing) - spacing) <= 1e-6 * spacing else {
      throw Fault(
        "the grid is not square", at: "\(file.path):/y", expected: "the spacing of x, \(spacing) m",
        found: "\(y.spacing ?? 0) m")
    }
    return MapSetDescription(
      rows: maps.shape[1], columns: maps.shape[2],
      area: Area(spacing: spacing, originX: x.origin, originY: y.origin, userHeight: try userHeight(file)),
      longName: maps.longName ?? "", units: maps.units ?? "", configuration: try file.text("config") ?? "",
      seed: try file.wholeNumber("seed") ?? 0, softwareVersion: try file.text("software_version") ?? "",
      layers: layers.sorted { $0.key < $1.key }.map {
        MapLayer(name: $0.key, longName: $0.value.longName ?? "", units: $0.value.units ?? "")
      },
      hasStations: stations, hasEnvironments: environments, hasValid: valid,
      reconstruction: reconstruction, draws: draws)
  }

  private static func userHeight(_ file: StoredFile) throws -> Double {
    guard let height = try file.number(MapSetDescription.userHeightName) else { return Area.usualUserHeight }
    guard MapSetDescription.isUserHeight(height) else {
      throw Fault(
        "users cannot be at this height", at: "\(file.path):@\(MapSetDescription.userHeightName)",
        expected: "a number of metres from 0 on", found: "\(height)")
    }
    return height
  }

  /// The second extent of `[sample, draw, y, x]`, one at least; 0 where there are no draws.
  private static func drawCount(_ drawn: StoredArray?, _ maps: StoredArray) throws -> Int {
    guard let drawn else { return 0 }
    let count = drawn.shape.count == 4 ? max(drawn.shape[1], 1) : 1
    try drawn.require(shape: [maps.shape[0], count] + maps.shape.dropFirst())
    return count
  }

  /// An evenly spaced dimension scale [m].
  private struct Axis {
    var origin: Double
    var spacing: Double?

    init(_ file: StoredFile, _ name: String, count: Int) throws {
      let array = try file.array(name)
      try array.require(shape: [count])
      let lines = try array.doubles(rows: Array(0..<count))
      origin = lines[0]
      guard count > 1 else { return }
      let step = (lines[count - 1] - lines[0]) / Double(count - 1)
      // Other software may write the lines as float32: even to their rounding.
      let tolerance = 1e-3 * abs(step)
      let even = lines.indices.allSatisfy { abs(lines[$0] - origin - step * Double($0)) <= tolerance }
      guard even, step > 0, step.isFinite else {
        throw Fault(
          "the axis is not evenly spaced", at: array.place, expected: "rising, even steps in metres")
      }
      spacing = step
    }
  }

  /// Reads a map by its number, with all that the data set knows of it.
  ///
  /// - Parameters:
  ///   - index: the number of the sample.
  ///   - layer: a layer to be read in place of the map itself; its values may be anything.
  ///   - conditions: layers to be read beside it; "valid" is the mask.
  /// - Throws: `Fault` for a number or a layer that is not there, a damaged file, or a value of the map that is no number at
  ///   a valid place.
  public func map(_ index: Int, layer: String? = nil, conditions: [String] = []) throws -> StationMap {
    let mask = try masks(indices: [index])?[0]
    let map =
      try layer.map { try read(layer: $0, indices: [index]) }
      ?? fingerprints([index]) { try readMaps([$0], masks: mask.map { [$0] }, into: $1) }
    var found = StationMap(
      map[0], mask: mask, station: try stations(indices: [index])?[0],
      environment: try environments(indices: [index])?[0], at: "\(maps.place)[\(index)]")
    found.conditions = try self.conditions(conditions, of: index, mask: mask)
    return found
  }

  /// The name by which the mask is asked for as a layer.
  public static let maskName = "valid"

  /// Throws unless the data set has layers.
  ///
  /// - Parameter names: the layers; `maskName` is the mask, which is 1 everywhere where there is none.
  public func require(layers names: [String]) throws {
    let known = layers.keys.sorted() + [Self.maskName]
    guard let missing = names.first(where: { !known.contains($0) }) else { return }
    throw Fault(
      "the data set has no such layer", at: "\(path):/\(missing)", expected: known.joined(separator: ", "),
      found: "none called \(missing)", hint: "ckm import takes layers in beside the maps: NAME=SOURCE")
  }

  /// Reads layers of a map, in the order asked for; all their values are numbers.
  func conditions(_ names: [String], of index: Int, mask: Mask?) throws -> [[Float]] {
    try require(layers: names)
    return try names.map { name in
      if name == Self.maskName {
        return mask.map { $0.flags.map { $0 ? 1 : 0 } } ?? [Float](repeating: 1, count: rows * columns)
      }
      let values = try read(layer: name, indices: [index])[0].values
      try values.withUnsafeBufferPointer {
        try requireFinite($0, samples: ["\(index)"], columns: columns, masks: nil, at: "\(path):/\(name)")
      }
      return values
    }
  }

  /// Reads maps by their numbers, in the order asked for.
  ///
  /// - Parameter indices: the numbers of the samples.
  /// - Throws: `Fault` for a number that is not there, a damaged file, or a value that is no number at a valid place.
  public func read(indices: [Int]) throws -> [ChannelFingerprint] {
    try fingerprints(indices) { try readMaps([$0], masks: try masks(indices: [$0]), into: $1) }
  }

  /// Reads maps straight into the caller's memory `[sample, y, x]`.
  ///
  /// - Parameters:
  ///   - indices: the numbers of the samples.
  ///   - out: room for `indices.count * rows * columns` values.
  public func read(indices: [Int], into out: UnsafeMutableBufferPointer<Float>) throws {
    try readMaps(indices, masks: try masks(indices: indices), into: out)
  }

  private func readMaps(_ indices: [Int], masks: [Mask]?, into out: UnsafeMutableBufferPointer<Float>) throws {
    try maps.read(rows: indices, into: out)
    let read = UnsafeBufferPointer(rebasing: out[..<(indices.count * rows * columns)])
    try requireFinite(
      read, samples: indices.map(String.init), columns: columns, masks: masks, at: maps.place)
  }

  /// Reads a layer's maps by their numbers.
  public func read(layer name: String, indices: [Int]) throws -> [ChannelFingerprint] {
    guard let layer = layers[name] else {
      throw Fault(
        "the data set has no such layer", at: "\(path):/\(name)",
        expected: layers.isEmpty ? "no layer at all" : layers.keys.sorted().joined(separator: ", "))
    }
    return try fingerprints(indices) { try layer.read(rows: [$0], into: $1) }
  }

  /// Reads the draws of a map by its number; empty where the file holds none.
  public func draws(of sample: Int) throws -> [ChannelFingerprint] {
    guard let values = try drawn?.floats(rows: [sample]) else { return [] }
    let size = rows * columns
    return (0..<description.draws).map {
      ChannelFingerprint(rows: rows, columns: columns, values: Array(values[$0 * size..<($0 + 1) * size]))
    }
  }

  /// One map at a time: it is a chunk, and no copy is held beside the result.
  private func fingerprints(
    _ indices: [Int], _ fill: (Int, UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws -> [ChannelFingerprint] {
    let size = rows * columns
    return try indices.map { index in
      let values = try [Float](unsafeUninitializedCapacity: size) { buffer, filled in
        try fill(index, buffer)
        filled = size
      }
      return ChannelFingerprint(rows: rows, columns: columns, values: values)
    }
  }

  /// The stations (x, y, z) of samples [m], or nil where the data set has none.
  public func stations(indices: [Int]) throws -> [SIMD3<Float>]? {
    guard let station else { return nil }
    let values = try station.floats(rows: indices)
    let stations = indices.indices.map { SIMD3(values[3 * $0], values[3 * $0 + 1], values[3 * $0 + 2]) }
    try requireCredible(stations: stations, at: station.place) { indices[$0] }
    return stations
  }

  /// The environments of samples, or nil where the data set has none.
  public func environments(indices: [Int]) throws -> [Int32]? {
    try environment?.readWholeNumbers(rows: indices).map { Int32(clamping: $0) }
  }

  /// Which samples of the data reconstructed maps belong to, or nil where the file holds no reconstruction.
  public func sampleIndices(indices: [Int]) throws -> [Int]? {
    try sampleIndex?.readWholeNumbers(rows: indices).map { Int($0) }
  }

  /// The masks of samples, or nil where the data set has none.
  public func masks(indices: [Int]) throws -> [Mask]? { try validity?.masks(rows: indices) }
}
