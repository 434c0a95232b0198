import Essentials
import Foundation

/// Where in a foreign file the maps are, and what their numbers mean.
public struct ImportOptions: Sendable {
  /// What a map's numbers are.
  public enum Units: String, Codable, CaseIterable, Sendable {
    /// Decibels: taken as they are.
    case decibel = "dB"
    /// Power ratios: ten times their decimal logarithm is taken.
    case linear
  }

  /// The maps' data set in an HDF5 file or their array in a `.npz`; nil: "maps", or the only array.
  public var maps: String?
  /// The stations' positions `[N, 2 or 3]` [m]: a data set or array of the same file, or a `.npy` file beside others.
  public var stations: String?
  /// The masks, of the maps' shape, 0 where a map holds nothing: as `stations`.
  public var valid: String?
  /// The environments' numbers `[N]`: as `stations`.
  public var environments: String?
  /// What the numbers are.
  public var units: Units
  /// The values [dB] of black and white in pictures.
  public var pictureRange: ValueRange?
  /// The height of stations that are given in the plane [m].
  public var stationHeight: Float

  /// - Parameters:
  ///   - maps: the maps' data set or array.
  ///   - stations: the stations' data set, array or `.npy` file.
  ///   - valid: the masks' data set, array or `.npy` file.
  ///   - environments: the environments' data set, array or `.npy` file.
  ///   - units: what the numbers are.
  ///   - pictureRange: the values [dB] of black and white in pictures.
  ///   - stationHeight: the height of stations that are given in the plane [m].
  public init(
    maps: String? = nil, stations: String? = nil, valid: String? = nil, environments: String? = nil,
    units: Units = .decibel, pictureRange: ValueRange? = nil, stationHeight: Float = 0
  ) {
    self.maps = maps
    self.stations = stations
    self.valid = valid
    self.environments = environments
    self.units = units
    self.pictureRange = pictureRange
    self.stationHeight = stationHeight
  }
}

/// Maps [dB] in a foreign file or folder, read a few at a time: HDF5, NumPy `.npy` and `.npz`, grey PNG.
public final class ImportedMaps: @unchecked Sendable {
  /// The file or folder.
  public let path: String
  /// The number of maps; 1 for an array of two axes.
  public let count: Int
  /// Grid lines in y.
  public let rows: Int
  /// Grid lines in x.
  public let columns: Int
  /// What the maps show, where the file says so.
  public let longName: String?
  private let options: ImportOptions
  private let maps: any MapSource
  private let stationSource: (any MapSource)?
  private let validSource: (any MapSource)?
  private let environmentSource: (any MapSource)?
  /// Whether the array has two axes and is one map.
  private let single: Bool

  /// Whether each map has a station's position.
  public var hasStations: Bool { stationSource != nil }
  /// Whether each map has a mask of valid places.
  public var hasValid: Bool { validSource != nil }
  /// Whether each map has the number of its environment.
  public var hasEnvironments: Bool { environmentSource != nil }

  /// Opens a file or folder; nothing but sizes is read yet.
  ///
  /// - Parameters:
  ///   - path: the file or folder.
  ///   - options: where in it the maps are, and what their numbers mean.
  /// - Throws: `Fault` when it is missing, damaged, of an unknown kind or the wrong shape.
  public init(path: String, options: ImportOptions = ImportOptions()) throws {
    self.path = path
    self.options = options
    let sources = try ImportSources(path, options)
    maps = sources.maps
    stationSource = sources.stations
    validSource = sources.valid
    environmentSource = sources.environments
    longName = (sources.maps as? StoredArray)?.longName
    let shape = maps.shape
    guard shape.count == 2 || shape.count == 3, shape.allSatisfy({ $0 > 0 }) else {
      throw Fault(
        "the maps have the wrong shape", at: maps.place, expected: "[N, H, W], or [H, W] for one map",
        found: "\(shape)")
    }
    single = shape.count == 2
    count = single ? 1 : shape[0]
    rows = shape[shape.count - 2]
    columns = shape[shape.count - 1]
    guard rows <= Int(UInt32.max) / 4 / columns else {
      throw Fault(
        "the maps are too large", at: maps.place, expected: "less than 4 GiB a map", found: "\(shape)")
    }
    try requireShapes()
  }

  private func requireShapes() throws {
    if let source = validSource, source.shape != maps.shape {
      throw Fault(
        "the masks have the wrong shape", at: source.place, expected: "\(maps.shape)",
        found: "\(source.shape)")
    }
    if let source = stationSource {
      let fits =
        [[count, 2], [count, 3]].contains(source.shape) || single && [[2], [3]].contains(source.shape)
      guard fits else {
        throw Fault(
          "the stations have the wrong shape", at: source.place, expected: "[\(count), 2] or [\(count), 3]",
          found: "\(source.shape)")
      }
    }
    if let source = environmentSource, source.shape != [count] {
      throw Fault(
        "the environments have the wrong shape", at: source.place, expected: "[\(count)]",
        found: "\(source.shape)")
    }
  }

  /// Reads maps [dB].
  ///
  /// - Parameter samples: which ones.
  /// - Throws: `Fault` for a value at a valid place that is no finite number, or is not positive where powers are given.
  public func read(_ samples: Range<Int>) throws -> [ChannelFingerprint] {
    let masks = try valid(samples)
    return try samples.enumerated().map { position, sample in
      let mask = masks?[position]
      var values = try read(maps, sample)
      if options.units == .linear { try takeDecibels(&values, sample: sample, mask: mask) }
      try values.withUnsafeBufferPointer {
        try requireFinite(
          $0, samples: [maps.name(ofSample: sample)], columns: columns, valid: mask.map { [$0] },
          at: maps.place)
      }
      return ChannelFingerprint(rows: rows, columns: columns, values: values)
    }
  }

  private func read(_ source: any MapSource, _ sample: Int) throws -> [Float] {
    try [Float](unsafeUninitializedCapacity: rows * columns) { buffer, filled in
      let out = UnsafeMutableBufferPointer(rebasing: buffer[..<(rows * columns)])
      try source.read(rows: single ? 0..<rows : sample..<sample + 1, into: out)
      filled = rows * columns
    }
  }

  private func takeDecibels(_ values: inout [Float], sample: Int, mask: [UInt8]?) throws {
    for index in values.indices {
      if mask?[index] == 0 {
        values[index] = .nan
      } else if values[index] > 0 {
        values[index] = 10 * log10(values[index])
      } else if values[index] <= 0 {
        throw Fault(
          "a power is not positive", at: maps.place, expected: "powers above 0, or a mask of valid places",
          found: "\(values[index]) in sample \(maps.name(ofSample: sample)), row \(index / columns), "
            + "column \(index % columns)",
          hint: "if the maps are in decibels already: --units dB")
      }
    }
  }

  /// The stations (x, y, z) of samples [m], or nil where none are given.
  public func stations(_ samples: Range<Int>) throws -> [SIMD3<Float>]? {
    guard let source = stationSource else { return nil }
    let axes = source.shape[source.shape.count - 1]
    var values = [Float](repeating: 0, count: samples.count * axes)
    let rows = source.shape.count == 1 ? 0..<axes : samples
    try values.withUnsafeMutableBufferPointer { try source.read(rows: rows, into: $0) }
    if let bad = values.firstIndex(where: { !$0.isFinite }) {
      throw Fault(
        "a station's position is no finite number", at: source.place,
        found: "\(values[bad]) in sample \(samples.lowerBound + bad / axes)")
    }
    return samples.indices.map { index in
      let at = (index - samples.startIndex) * axes
      return SIMD3(values[at], values[at + 1], axes == 3 ? values[at + 2] : options.stationHeight)
    }
  }

  /// The masks of samples, 1 where a map is valid, or nil where none are given.
  public func valid(_ samples: Range<Int>) throws -> [[UInt8]]? {
    guard let source = validSource else { return nil }
    return try samples.map { try read(source, $0).map { $0 == 0 ? 0 : 1 } }
  }

  /// The environments of samples, or nil where none are given.
  public func environments(_ samples: Range<Int>) throws -> [Int32]? {
    guard let source = environmentSource else { return nil }
    var values = [Float](repeating: 0, count: samples.count)
    try values.withUnsafeMutableBufferPointer { try source.read(rows: samples, into: $0) }
    return try values.map { value in
      // Beyond 2^24 a float32 no longer tells neighbours apart.
      guard abs(value) <= 16_777_216, let number = Int32(exactly: value) else {
        throw Fault(
          "an environment's number is none", at: source.place, expected: "whole numbers up to 2^24",
          found: "\(value)")
      }
      return number
    }
  }
}

/// Finds out what kind of file or folder it is, and opens the arrays in it.
private struct ImportSources {
  var maps: any MapSource
  var stations: (any MapSource)?
  var valid: (any MapSource)?
  var environments: (any MapSource)?

  init(_ path: String, _ options: ImportOptions) throws {
    var isFolder = ObjCBool(false)
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      maps = try PictureSource(path, range: options.pictureRange)
    } else {
      let file = try ByteFile(path)
      let start = try file.bytes(0..<min(8, file.size))
      if start.starts(with: [0x50, 0x4B]) {
        self = try Self.archive(file, options)
        return
      }
      if try Self.isHierarchical(file) {
        self = try Self.hierarchical(path, options)
        return
      }
      if start.starts(with: [0x93, 0x4E]) {
        maps = try NumPyArray(file, at: path)
      } else if start.starts(with: [0x89, 0x50, 0x4E, 0x47]) {
        maps = try PictureSource(path, range: options.pictureRange)
      } else {
        throw Fault(
          "the kind of file is unknown", at: path,
          expected: "HDF5, NumPy .npy or .npz, PNG, or a folder of PNG files")
      }
    }
    if let name = options.maps {
      throw Fault("only HDF5 and .npz files have arrays with names", at: path, found: "the name \(name)")
    }
    stations = try options.stations.map(Self.beside)
    valid = try options.valid.map(Self.beside)
    environments = try options.environments.map(Self.beside)
  }

  private init(_ options: ImportOptions, maps name: String, open: (String) throws -> any MapSource) throws {
    maps = try open(name)
    stations = try options.stations.map(open)
    valid = try options.valid.map(open)
    environments = try options.environments.map(open)
  }

  private static func beside(_ path: String) throws -> any MapSource {
    try NumPyArray(ByteFile(path), at: path)
  }

  /// The signature may lie after a user block of 512 bytes, 1024, 2048 and so on.
  private static func isHierarchical(_ file: ByteFile) throws -> Bool {
    let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
    var offset = 0
    while offset + 8 <= file.size {
      if try file.bytes(offset..<offset + 8) == signature { return true }
      offset = max(512, offset * 2)
    }
    return false
  }

  private static func hierarchical(_ path: String, _ options: ImportOptions) throws -> ImportSources {
    var options = options
    if options.maps == nil {
      // A file of our own layout needs no names.
      let names = Set(try StoredFile(path, walkRoot: true).rootNames())
      options.maps = "maps"
      if options.stations == nil, names.contains("station") { options.stations = "station" }
      if options.valid == nil, names.contains("valid") { options.valid = "valid" }
      if options.environments == nil, names.contains("environment") { options.environments = "environment" }
    }
    let wanted = [options.maps, options.stations, options.valid, options.environments].compactMap(\.self)
    let file = try StoredFile(path, dataSets: wanted, walkRoot: false)
    return try ImportSources(options, maps: options.maps ?? "maps") { try file.array($0) }
  }

  private static func archive(_ file: ByteFile, _ options: ImportOptions) throws -> ImportSources {
    let archive = try ZipArchive(file)
    let names = archive.entries.map { $0.name.hasSuffix(".npy") ? String($0.name.dropLast(4)) : $0.name }
    let listed = names.prefix(20).joined(separator: ", ")
    guard let name = options.maps ?? (names.count == 1 ? names[0] : nil) else {
      throw Fault(
        "the archive has several arrays", at: file.path, expected: "the name of one of them", found: listed,
        hint: "--maps NAME")
    }
    return try ImportSources(options, maps: name) { name in
      guard let index = names.firstIndex(of: name) ?? archive.entries.firstIndex(where: { $0.name == name })
      else {
        throw Fault("the archive has no such array", at: "\(file.path):\(name)", expected: listed)
      }
      let (content, range) = try archive.open(archive.entries[index])
      return try NumPyArray(content, range: range, at: "\(file.path):\(name)")
    }
  }
}
