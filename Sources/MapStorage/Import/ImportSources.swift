import Essentials
import Foundation

/// Finds out what kind of file or folder it is, and opens the arrays in it.
struct ImportSources {
  var maps: any MapSource
  var stations: (any MapSource)?
  var valid: (any MapSource)?
  var holes: (any MapSource)?
  var environments: (any MapSource)?
  var layers: [any MapSource] = []
  /// The archive that they are of, where they are of one.
  var archive: RadioMapSeerArchive?

  init(_ path: String, _ options: ImportOptions) throws {
    if let part = options.radioMapSeer {
      let archive = try RadioMapSeerArchive(path, part, layers: options.layers.map(\.source))
      (self.archive, maps) = (archive, archive.maps(options.greyRange))
      (stations, environments) = (try archive.stations(), archive.environments)
      holes = archive.layer(RadioMapSeerArchive.buildings.source)
      layers = options.allLayers.map { archive.layer($0.source) }
      return
    }
    let kind = try FileKind(at: path)
    switch kind {
    case .hierarchical: self = try Self.hierarchical(path, options)
    case .archive: self = try Self.archive(path, options)
    case .numPy, .png, .folder, .tiff:
      maps = try Self.array(path, kind, scale: .range(options.greyRange))
      if let name = options.maps {
        throw Fault("only HDF5 and .npz files have arrays with names", at: path, found: "the name \(name)")
      }
      try fill(options) { try Self.beside($0) }
    case .run, .table, .safetensors, .foreign, .unknown: throw Self.unknown(kind, at: path)
    }
  }

  /// An array that stands for itself: a file, a folder, or "FILE:NAME".
  ///
  /// - Parameter source: as it is given.
  static func beside(_ source: String) throws -> any MapSource {
    if FileManager.default.fileExists(atPath: source) {
      let kind = try FileKind(at: source)
      switch kind {
      case .numPy, .png, .folder, .tiff: return try array(source, kind, scale: .unit)
      case .table: return try StationTable(source)
      case .hierarchical, .archive:
        throw Fault(
          "the file has arrays with names", at: source, expected: "the file, a colon and the name of one",
          found: "the file alone", hint: "\(source):NAME")
      default: throw unknown(kind, at: source)
      }
    }
    guard let colon = source.lastIndex(of: ":") else { return try NumPyArray(ByteFile(source), at: source) }
    let path = String(source[..<colon]), name = String(source[source.index(after: colon)...])
    switch try FileKind(at: path) {
    case .hierarchical:
      return try LocatedArray.open(StoredFile(path, dataSets: [name], walkRoot: false), name)
    case .archive: return try NamedArrays(path).open(name)
    case .table: return try TableColumn(path, name: name)
    case let kind: throw Fault("only HDF5 and .npz files have arrays with names", at: source, found: kind.name)
    }
  }

  private static func array(_ path: String, _ kind: FileKind, scale: PictureSource.Scale) throws -> any MapSource {
    switch kind {
    case .numPy: try NumPyArray(ByteFile(path), at: path)
    case .tiff: try raster(path, scale)
    case .folder where try TIFFSource.isFolder(path): try raster(path, scale)
    default: try PictureSource(path, scale: scale)
    }
  }

  private static func raster(_ path: String, _ scale: PictureSource.Scale) throws -> TIFFSource {
    let range: ImportOptions.GreyRange? = if case .range(let range) = scale { range } else { nil }
    return try TIFFSource(path, greyRange: range)
  }

  private static func unknown(_ kind: FileKind, at path: String) -> Fault {
    Fault(
      "this kind of file is not read", at: path,
      expected: "HDF5, NumPy .npy or .npz, PNG, GeoTIFF, or a folder of PNG or GeoTIFF files", found: kind.name,
      hint: kind.way(from: path))
  }

  /// What belongs to the maps.
  private mutating func fill(_ options: ImportOptions, open: (String) throws -> any MapSource) throws {
    stations = try options.stations.map(open)
    valid = try options.valid.map(open)
    holes = try options.holes.map(open)
    environments = try options.environments.map { source in
      let isFile = FileManager.default.fileExists(atPath: source)
      return try isFile && FileKind(at: source) == .table ? TableColumn(source) : open(source)
    }
    layers = try options.layers.map { try open($0.source) }
  }

  private init(_ options: ImportOptions, maps: any MapSource, open: (String) throws -> any MapSource) throws {
    self.maps = maps
    try fill(options, open: open)
  }

  // MARK: - HDF5

  private static func hierarchical(_ path: String, _ options: ImportOptions) throws -> ImportSources {
    var options = options
    if options.maps == nil {
      let file = try StoredFile(path, walkRoot: true)
      let names = try file.rootNames()
      // A file of our own layout needs no names.
      if names.contains("maps") {
        options.maps = "maps"
        options.nameUsual(among: names)
      } else {
        options.maps = try onlyArray(of: file, names)
      }
    }
    let maps = options.maps ?? "maps"
    let others =
      [options.stations, options.valid, options.holes, options.environments].compactMap(\.self)
      + options.layers.map(\.source)
    // A data set of the file, unless there is none and a file of that name.
    let outside = Set(others.filter(isOutside))
    let known = outside.isEmpty ? [] : try StoredFile(path, walkRoot: false).existing(among: Array(outside))
    let inside = others.filter { !outside.contains($0) || known.contains($0) }
    let file = try StoredFile(path, dataSets: [maps] + inside, walkRoot: false)
    return try ImportSources(options, maps: LocatedArray.open(file, maps)) { name in
      inside.contains(name) ? try LocatedArray.open(file, name) : try beside(name)
    }
  }

  /// Whether a name could be that of a file beside the maps'.
  private static func isOutside(_ name: String) -> Bool {
    let path = name.lastIndex(of: ":").map { String(name[..<$0]) } ?? name
    return [name, path].contains { FileManager.default.fileExists(atPath: $0) }
  }

  /// The only data set of the root group that could be maps.
  private static func onlyArray(of file: StoredFile, _ names: [String]) throws -> String {
    var found: [(name: String, shape: [Int])] = []
    var refusal: Fault?
    var groups: [String] = []
    for name in names {
      do {
        let array = try file.array(name)
        if (2...4).contains(array.shape.count) { found.append((name, array.shape)) }
      } catch let fault as Fault {
        // A group is none; a data set that cannot be read may be the one.
        if fault.found == "a group" { groups.append(name) } else { refusal = refusal ?? fault }
      }
    }
    if found.isEmpty, names.count == 1, let refusal { throw refusal }
    // Tables of stations are arrays of two axes as well.
    let likely = found.filter { $0.shape.count > 2 || found.count == 1 }
    if likely.count == 1 { return likely[0].name }
    let listed = found.map { "\($0.name) \($0.shape)" } + groups.map { "the group \($0)" }
    throw Fault(
      "which data set has the maps is not known", at: file.path,
      expected: groups.isEmpty ? "`maps` NAME" : "`maps` NAME, or GROUP/NAME",
      found: listed.isEmpty ? "none in the root group" : listed.prefix(12).joined(separator: ", "),
      hint: found.count > 2 && found.allSatisfy { $0.shape == found[0].shape && $0.shape.count == 2 }
        ? "of one map each, in Python: f = h5py.File('\(file.path)'); numpy.save('maps.npy', "
          + "numpy.stack([f[k] for k in sorted(f, key=lambda k: (len(k), k))]))"
        : found.isEmpty ? "h5ls -r \(file.path) lists the file's data sets" : nil)
  }

  // MARK: - npz

  private static func archive(_ path: String, _ options: ImportOptions) throws -> ImportSources {
    let arrays = try NamedArrays(path)
    var options = options
    if options.maps == nil, arrays.has("maps") {
      // Of our own names, as of an HDF5 file.
      options.maps = "maps"
      options.nameUsual(among: ["station", "valid", "environment"].filter(arrays.has))
    }
    guard let name = options.maps ?? arrays.onlyName else {
      throw Fault(
        "the archive has several arrays", at: path, expected: "the name of one of them", found: arrays.listed,
        hint: "`maps` NAME")
    }
    return try ImportSources(options, maps: located(arrays, name)) { name in
      try !arrays.has(name) && isOutside(name) ? beside(name) : arrays.open(name)
    }
  }

  /// The maps' array, with the axes that stand beside it.
  private static func located(_ arrays: NamedArrays, _ name: String) throws -> any MapSource {
    let array = try arrays.open(name)
    guard array.shape.count >= 2, arrays.has("x"), arrays.has("y") else { return array }
    let x = try arrays.open("x"), y = try arrays.open("y")
    guard x.shape == [array.shape[array.shape.count - 1]], y.shape == [array.shape[array.shape.count - 2]],
      x.shape[0] > 1, y.shape[0] > 1
    else { return array }
    return try LocatedArray(array, x: x.doubles(rows: 0..<x.shape[0]), y: y.doubles(rows: 0..<y.shape[0]))
  }
}

extension ImportOptions {
  /// What belongs to maps of our own layout, where nothing else is named.
  fileprivate mutating func nameUsual(among names: [String]) {
    if stations == nil, names.contains("station") { stations = "station" }
    if valid == nil, holes == nil, names.contains("valid") { valid = "valid" }
    if environments == nil, names.contains("environment") { environments = "environment" }
  }
}

/// The arrays of an `.npz`.
private struct NamedArrays {
  private let archive: ZipArchive
  private let path: String
  private let names: [String]

  init(_ path: String) throws {
    self.path = path
    archive = try ZipArchive(ByteFile(path))
    names = archive.entries.map { $0.name.hasSuffix(".npy") ? String($0.name.dropLast(4)) : $0.name }
  }

  var listed: String { names.prefix(20).joined(separator: ", ") }

  /// The name of the array where there is one alone.
  var onlyName: String? { names.count == 1 ? names[0] : nil }

  private func index(of name: String) -> Int? {
    names.firstIndex(of: name) ?? archive.entries.firstIndex { $0.name == name }
  }

  func has(_ name: String) -> Bool { index(of: name) != nil }

  func open(_ name: String) throws -> NumPyArray {
    guard let index = index(of: name) else {
      throw Fault("the archive has no such array", at: "\(path):\(name)", expected: listed)
    }
    let place = "\(path):\(name)"
    let (content, range) = try archive.open(archive.entries[index]) { _ = try NumPyHeader($0, size: $1, at: place) }
    return try NumPyArray(content, range: range, at: place)
  }
}
