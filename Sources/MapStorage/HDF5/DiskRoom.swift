import CHierarchicalData
import Essentials
import Foundation
import Records

/// Disk space for a file that grows, set aside before it is written: so a full disk is met before the work and not
/// halfway through it.
struct DiskRoom {
  /// The file.
  let path: String
  /// What to call it in messages: the name that it will have.
  let target: String
  /// Bytes of the file, from its start, that the disk has set aside.
  private var reserved = 0

  /// - Parameters:
  ///   - path: the file; need not be there yet.
  ///   - target: what to call it in messages.
  init(path: String, target: String) {
    self.path = path
    self.target = target
  }

  /// Sets room aside for `bytes` more than the file has.
  mutating func reserve(_ bytes: Int) throws {
    let descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw Files.systemFault("cannot write the file", at: path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw Files.systemFault("cannot write the file", at: path) }
    let end = Int(status.st_size)
    guard end + bytes > reserved else { return }
    try requireWithinLimit(end + bytes)
    // The first time from the start: data sets laid out but not yet filled are holes.
    let first = reserved == 0 ? 0 : end
    let code = chd_set_aside(descriptor, Int64(first), Int64(end + bytes - first))
    if code == 0 {
      reserved = end + bytes
      return
    }
    guard code == EOPNOTSUPP || code == ENOSYS else {
      throw Files.systemFault("there is no room for the file", at: target, code: code)
    }
    try requireSpace(bytes)
  }

  /// The system does not hold blocks that are set aside against the process's limit (ulimit -f), but writes it does.
  private func requireWithinLimit(_ bytes: Int) throws {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0, limit.rlim_cur < bytes else { return }
    throw Fault(
      "there is no room for the file", at: target, expected: "a limit of \(Units.bytes(bytes)) at least",
      found: "\(Units.bytes(Int(clamping: limit.rlim_cur)))", hint: "raise the limit: ulimit -f unlimited")
  }

  /// For file systems that cannot set room aside: at least look whether there is some.
  private func requireSpace(_ bytes: Int) throws {
    guard let free = Files.freeBytes(at: path), free < bytes else { return }
    throw Fault(
      "there is no room for the file", at: target, expected: Units.bytes(bytes),
      found: "\(Units.bytes(free)) free", hint: "free some space, or give another place")
  }

  /// Waits until the file is on the disk, and gives back what it did not need.
  func settle() throws {
    let descriptor = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { throw Files.systemFault("cannot write the file", at: path) }
    defer { close(descriptor) }
    var status = stat()
    // Cutting a file to its own length frees the blocks beyond it.
    guard fstat(descriptor, &status) == 0, ftruncate(descriptor, status.st_size) == 0, fsync(descriptor) == 0
    else { throw Files.systemFault("cannot write the file", at: path) }
  }
}
