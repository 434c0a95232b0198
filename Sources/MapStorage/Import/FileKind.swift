import Essentials
import Foundation

/// What kind of file something is, by its first bytes: for those who were handed another than they can read.
public enum FileKind: Equatable, Sendable {
  /// HDF5, also netCDF-4 and MATLAB v7.3.
  case hierarchical
  /// A NumPy array.
  case numPy
  /// A zip archive of NumPy arrays.
  case archive
  /// A picture.
  case png
  /// A raster of TIFF, perhaps with places (GeoTIFF).
  case tiff
  /// Text with columns, or JSON.
  case table
  /// A folder.
  case folder
  /// A run directory of ckm.
  case run
  /// Weights.
  case safetensors
  /// Something else: its name, and how to make numbers of it that can be read; nil where there is no short way.
  case foreign(name: String, way: String?)
  /// Nothing that is known here.
  case unknown

  /// What stands at a path.
  ///
  /// - Throws: `Fault` where nothing does, or it cannot be read.
  public init(at path: String) throws {
    var isFolder = ObjCBool(false)
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      let isRun = FileManager.default.fileExists(atPath: "\(path)/config.resolved.yaml")
      self = isRun ? .run : .folder
      return
    }
    let file = try ByteFile(path)
    self = try Self.hasHierarchicalSignature(file) ? .hierarchical : Self.kind(of: file)
  }

  /// As it stands in messages.
  public var name: String {
    switch self {
    case .hierarchical: "an HDF5 file"
    case .numPy: "a NumPy array"
    case .archive: "an archive of NumPy arrays"
    case .png: "a PNG picture"
    case .tiff: "a TIFF raster"
    case .table: "a table of text"
    case .folder: "a folder"
    case .run: "a run directory"
    case .safetensors: "a file of weights (safetensors)"
    case .foreign(let name, _): name
    case .unknown: "a file of a kind that is not known here"
    }
  }

  /// How to make something of it that can be imported; nil where it can be, or there is no short way.
  public func way(from path: String) -> String? {
    switch self {
    case .foreign(_, let way): way.map { $0.replacingOccurrences(of: "IN", with: path) }
    case .table: MapText.way(from: path)
    default: nil
    }
  }

  /// The signature may lie after a user block of 512 bytes, 1024, 2048 and so on.
  private static func hasHierarchicalSignature(_ file: ByteFile) throws -> Bool {
    let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
    var offset = 0
    while offset + 8 <= file.size {
      if try file.bytes(offset..<offset + 8) == signature { return true }
      offset = max(512, offset * 2)
    }
    return false
  }

  private static func kind(of file: ByteFile) throws -> FileKind {
    let start = try file.bytes(0..<min(512, file.size))
    func begins(_ bytes: [UInt8]) -> Bool { start.starts(with: bytes) }
    func says(_ text: String) -> Bool { begins(Array(text.utf8)) }
    if begins([0x93]), start.dropFirst().starts(with: Array("NUMPY".utf8)) { return .numPy }
    if begins([0x50, 0x4B, 3, 4]) || begins([0x50, 0x4B, 5, 6]) { return try zip(file) }
    if begins([0x89, 0x50, 0x4E, 0x47]) { return .png }
    if says("II*\0") || says("MM\0*") || says("II+\0") || says("MM\0+") { return .tiff }
    if start.isEmpty { return .foreign(name: "an empty file", way: nil) }
    if start.count > 262, start[257..<262].elementsEqual("ustar".utf8) {
      return .foreign(name: "a tar archive", way: "tar xf IN, and give what was in it")
    }
    if let known = FileSignature.all.first(where: { begins($0.bytes) }) {
      return .foreign(name: known.name, way: known.way)
    }
    if start.count > 9, start[8] == UInt8(ascii: "{"), littleEndian(start[0..<8], UInt64.self) < UInt64(file.size) {
      return .safetensors
    }
    return isText(start) ? .table : .unknown
  }

  private static func isText(_ start: [UInt8]) -> Bool {
    !start.isEmpty && !start.contains { $0 < 9 || $0 > 13 && $0 < 32 }
  }

  /// What a zip archive holds tells what it is.
  private static func zip(_ file: ByteFile) throws -> FileKind {
    guard let names = try? ZipArchive(file).entries.map(\.name) else { return .archive }
    if names.contains(where: { $0.hasSuffix("data.pkl") }) {
      return .foreign(
        name: "a file of PyTorch",
        way: FileSignature.python("torch", "torch.load('IN', map_location='cpu').numpy()"))
    }
    if names.contains(where: { $0.hasPrefix("xl/") }) {
      return .foreign(
        name: "a workbook of Excel",
        way: FileSignature.python("pandas", "pandas.read_excel('IN', header=None).to_numpy()"))
    }
    if !names.isEmpty, !names.contains(where: { $0.hasSuffix(".npy") }) {
      return .foreign(name: "a zip archive", way: "unzip IN, and give what was in it")
    }
    return .archive
  }
}
