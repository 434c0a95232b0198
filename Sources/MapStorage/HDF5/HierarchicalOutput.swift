import CHierarchicalData
import Essentials

/// An HDF5 file that is written: whatever could not be written is told, and a file that is given up is let go of without
/// another attempt to write it.
///
/// libhdf5 writes when it likes, data sets' last parts when they are closed: so all is flushed while everything is open
/// still, and every close of what was written is looked at. Used inside `HierarchicalLibrary.serialised`.
final class HierarchicalOutput {
  let file: HierarchicalHandle
  private let path: String
  private var members: [HierarchicalHandle] = []
  private var isOpen = true

  /// Takes over an open file; a negative identifier is a failure.
  init(_ identifier: hid_t, _ what: String, at path: String) throws {
    self.path = path
    file = try HierarchicalHandle(identifier, what, at: path, close: H5Fclose)
  }

  deinit { abandon() }

  /// Takes over an identifier of something in the file, which stays open until the file is ended.
  func keep(_ identifier: hid_t, _ what: String, at place: String, close: @escaping (hid_t) -> herr_t) throws
    -> HierarchicalHandle
  {
    let handle = try HierarchicalHandle(identifier, what, at: place, close: close)
    members.append(handle)
    return handle
  }

  /// Writes what libhdf5 still holds.
  func flush() throws {
    _ = try HierarchicalLibrary.check(H5Fflush(file.identifier, H5F_SCOPE_LOCAL), "cannot write the file", at: path)
  }

  /// Writes what libhdf5 still holds, and closes everything.
  ///
  /// - Throws: `Fault` when anything of it failed; then the file is given up.
  func finish() throws {
    guard isOpen else { return }
    do {
      try flush()
      for member in members.reversed() { try member.close("cannot write the file", at: path) }
      members = []
    } catch {
      abandon()
      throw error
    }
    isOpen = false
    // Where this fails, libhdf5 has freed half of what it knows of the file, which is not to be touched again.
    try file.close("cannot end the file", at: path)
  }

  /// Closes everything without writing any more.
  func abandon() {
    guard isOpen else { return }
    isOpen = false
    _ = try? HierarchicalLibrary.serialised {
      chd_divert(file.identifier)
      for member in members.reversed() { try? member.close("", at: path) }
      members = []
      try? file.close("", at: path)
      _ = HierarchicalLibrary.reason()  // which forgets it
    }
  }
}
