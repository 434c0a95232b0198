import CHierarchicalData
import Essentials
import Foundation

/// A foreign HDF5 file, open for reading with the POSIX driver: no MPI, and nothing outside the file.
final class StoredFile {
  /// A longer text in an attribute is no configuration.
  static let longestText = 4 << 20
  private static let mostLinks = 1024

  let path: String
  /// The size of the file [byte], which declared sizes are held against.
  let size: Int
  private let handle: HierarchicalHandle
  private let watch: FileWatch

  /// Opens a file that a child process has opened before.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - dataSets: data sets, by path, that will be read.
  ///   - walkRoot: whether every data set of the root group will be read.
  init(_ path: String, dataSets: [String] = [], walkRoot: Bool) throws {
    self.path = path
    try Self.requireKind(try FileKind(at: path), at: path)
    size = try FileProbe.fileSize(path)
    try FileProbe.examine(path, dataSets: dataSets, walkRoot: walkRoot)
    watch = try FileWatch(path)
    handle = try HierarchicalLibrary.serialised {
      try HierarchicalHandle(
        H5Fopen(path, chd_flag_read_only(), hid_t(H5P_DEFAULT)), "cannot open the file", at: path,
        close: H5Fclose)
    }
  }

  /// Who is handed something else is told what it is.
  private static func requireKind(_ kind: FileKind, at path: String) throws {
    guard kind != .hierarchical else { return }
    let hint: String? =
      switch kind {
      case .run: "a run's directory is a model"
      case .safetensors, .hierarchical, .unknown: nil
      default: "foreign maps are taken in with: ckm import \(path) -o maps.h5"
      }
    throw Fault("this is no data set of maps", at: path, expected: "an HDF5 file", found: kind.name, hint: hint)
  }

  /// The names of the links in the root group, sorted.
  func rootNames() throws -> [String] {
    try HierarchicalLibrary.serialised {
      var text = [CChar](repeating: 0, count: 1 << 17)
      var used = 0
      let count = chd_root_names(handle.identifier, Self.mostLinks, &text, text.count, &used)
      if count == -1 { throw HierarchicalLibrary.fault("cannot list the root group", at: path) }
      guard count >= 0 else {
        throw Fault("the root group has too many members", at: path, expected: "at most \(Self.mostLinks)")
      }
      return text[..<used].split(separator: 0).map {
        String(decoding: $0.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      }
    }
  }

  /// Which of some paths lead to something within the file.
  func existing(among names: [String]) throws -> Set<String> {
    try HierarchicalLibrary.serialised {
      var prefix = [CChar](repeating: 0, count: 1200)
      return Set(names.filter { chd_judge_path(handle.identifier, $0, &prefix, prefix.count) == chd_path_inside })
    }
  }

  /// Opens a data set of numbers by its path.
  func array(_ name: String) throws -> StoredArray {
    try HierarchicalLibrary.serialised {
      var prefix = [CChar](repeating: 0, count: 1200)
      let kind = chd_judge_path(handle.identifier, name, &prefix, prefix.count)
      guard kind == chd_path_inside else { throw Self.fault(kind, path: path, link: textOf(prefix)) }
      return try StoredArray(file: handle, name: name, path: path, fileSize: size, watch: watch)
    }
  }

  /// The text of a root attribute, or nil where there is none.
  func text(_ name: String) throws -> String? {
    try HierarchicalLibrary.serialised {
      try attributeText(handle.identifier, name, at: "\(path):@\(name)")
    }
  }

  /// The whole number of a scalar root attribute, or nil where there is none.
  func wholeNumber(_ name: String) throws -> UInt64? {
    var value: UInt64 = 0
    return try readScalar(name, chd_integer, chd_native_uint64(), "one whole number", &value) ? value : nil
  }

  /// The number of a scalar root attribute of floating point, or nil where there is none.
  func number(_ name: String) throws -> Double? {
    var value = 0.0
    return try readScalar(name, chd_float, chd_native_double(), "one number of floating point", &value) ? value : nil
  }

  /// Whether there is such an attribute.
  private func readScalar(
    _ name: String, _ kind: chd_number_kind, _ memory: @autoclosure () -> hid_t, _ expected: String,
    _ value: UnsafeMutableRawPointer
  ) throws -> Bool {
    try HierarchicalLibrary.serialised {
      guard H5Aexists(handle.identifier, name) > 0 else { return false }
      let place = "\(path):@\(name)"
      let attribute = try HierarchicalHandle(
        H5Aopen(handle.identifier, name, hid_t(H5P_DEFAULT)), "cannot open the attribute", at: place,
        close: H5Aclose)
      let type = try HierarchicalHandle(
        H5Aget_type(attribute.identifier), "cannot read the attribute's type", at: place, close: H5Tclose)
      let space = try HierarchicalHandle(
        H5Aget_space(attribute.identifier), "cannot read the attribute's size", at: place, close: H5Sclose)
      guard chd_kind_of(type.identifier) == kind, H5Sget_simple_extent_npoints(space.identifier) == 1
      else { throw Fault("the attribute is of the wrong type", at: place, expected: expected) }
      _ = try HierarchicalLibrary.check(
        H5Aread(attribute.identifier, memory(), value), "cannot read the attribute", at: place)
      return true
    }
  }

  /// The fault of a path that has a link missing, or one that leads out of the file.
  static func fault(_ kind: chd_path_kind, path: String, link: String) -> Fault {
    if kind == chd_path_outside {
      return Fault(
        "the link leads out of the file", at: "\(path):\(link)", expected: "data in the file itself",
        hint: "copy the data into one file (h5repack, or h5py)")
    }
    return Fault(
      "the file has no such data set", at: "\(path):\(link.isEmpty ? "/" : link)",
      hint: "list the file's data sets with h5ls -r")
  }
}

/// The text before the first zero byte.
func textOf(_ bytes: [CChar]) -> String {
  String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// A string attribute of an object, or nil where there is none. Inside `HierarchicalLibrary.serialised`.
func attributeText(_ object: hid_t, _ name: String, at place: String) throws -> String? {
  guard H5Aexists(object, name) > 0 else { return nil }
  guard let bytes = chd_read_string_attribute(object, name, StoredFile.longestText) else {
    let reason = HierarchicalLibrary.reason()
    throw Fault("the attribute is of the wrong type", at: place, expected: "one text", found: reason)
  }
  defer { free(bytes) }
  return String(cString: bytes)
}
