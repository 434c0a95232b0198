import Essentials
import Foundation

/// Finds out what kind of file or folder it is, and opens the arrays in it.
struct ImportSources {
  var maps: any MapSource
  var stations: (any MapSource)?
  var valid: (any MapSource)?
  var environments: (any MapSource)?
  var layers: [any MapSource] = []

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
    layers = try options.layers.map { try Self.beside($0.source) }
  }

  private init(_ options: ImportOptions, maps name: String, open: (String) throws -> any MapSource) throws {
    maps = try open(name)
    stations = try options.stations.map(open)
    valid = try options.valid.map(open)
    environments = try options.environments.map(open)
    layers = try options.layers.map { try open($0.source) }
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
    let wanted =
      [options.maps, options.stations, options.valid, options.environments].compactMap(\.self)
      + options.layers.map(\.source)
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
        hint: "`maps` NAME")
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
