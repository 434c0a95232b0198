import CHierarchicalData
import Essentials
import Foundation

/// Guards against files that libhdf5 cannot be trusted with.
///
/// libhdf5 1.10 has memory errors on malformed files. So a file is first opened in a child process with limits on
/// memory and time; what would have crashed the caller is then a fault that says "damaged".
enum FileProbe {
  /// Address space that the child may add [byte]: a chunk, its unpacked copy, and the library's caches.
  static let memory: UInt64 = 1 << 30
  /// Processor time that the child may use [s].
  static let seconds: UInt32 = 4

  /// Throws unless a child process could open the file and walk what a reader will need.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - dataSets: data sets, by path, that will be read.
  ///   - walkRoot: whether every data set of the root group will be read.
  static func examine(_ path: String, dataSets: [String] = [], walkRoot: Bool) throws {
    try requireReadableFile(path)
    let names = dataSets.map { strdup($0) }
    defer { names.forEach { free($0) } }
    let pointers = names.map { UnsafePointer($0) }
    var text = [CChar](repeating: 0, count: 1200)
    let result = try HierarchicalLibrary.serialised {
      pointers.withUnsafeBufferPointer { list in
        chd_probe(
          path, list.baseAddress, list.count, walkRoot ? 1 : 0, memory, seconds, &text, text.count)
      }
    }
    let reason = textOf(text)
    switch result {
    case chd_probe_sound: return
    case chd_probe_missing, chd_probe_outside:
      let kind = result == chd_probe_missing ? chd_path_missing : chd_path_outside
      throw StoredFile.fault(kind, path: path, link: reason)
    default: throw fault(result, reason: reason, path: path)
    }
  }

  private static func fault(_ result: chd_probe_result, reason: String, path: String) -> Fault {
    switch result {
    case chd_probe_refused:
      return HierarchicalLibrary.fault(
        "cannot read the file: it is damaged or lacks what was asked for", at: path,
        expected: "a whole HDF5 file", for: reason)
    case chd_probe_exceeded:
      return Fault(
        "the file is damaged, or its chunks are too large", at: path,
        expected: "a file that opens within \(memory >> 20) MiB and \(seconds) s", found: reason,
        hint: "rewrite it with smaller chunks (h5repack -l CHUNK=...)")
    case chd_probe_crashed:
      return Fault(
        "the file is damaged: libhdf5 fails on it", at: path, found: reason,
        hint: "make the file again, or repair it with h5repack")
    default:
      return Fault("cannot start the process that examines a foreign file", at: path, found: reason)
    }
  }

  /// Throws unless `path` is a regular file that can be read and is not empty.
  static func requireReadableFile(_ path: String) throws {
    _ = try fileSize(path)
    guard access(path, R_OK) == 0 else {
      throw Fault("cannot read the file", at: path, found: String(cString: strerror(errno)))
    }
  }

  /// The size of a regular file [byte].
  static func fileSize(_ path: String) throws -> Int {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw Fault("cannot find the file", at: path, found: String(cString: strerror(errno)))
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw Fault("this is no file", at: path, expected: "a regular file")
    }
    return Int(status.st_size)
  }
}
