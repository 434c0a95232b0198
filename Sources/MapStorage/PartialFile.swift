import CHierarchicalData
import Essentials
import Foundation
import RunRecords

/// A file that appears under its name only when it is whole: until then it grows in `FILE.partial/`.
///
/// Used by one process. The directory has room for further parts (the finished blocks of a run that was stopped).
final class PartialFile {
  /// The name it will have.
  let target: String
  /// The file that is being written.
  let path: String
  private let directory: String
  private let overwrite: Bool
  private var lock: Int32 = -1
  /// Bytes of the file, from its start, that the disk has set aside.
  private var reserved = 0

  /// Makes the directory and takes hold of it.
  ///
  /// - Parameters:
  ///   - target: the file's name once it is whole.
  ///   - overwrite: whether a file of this name may be replaced.
  init(target: String, overwrite: Bool) throws {
    self.target = target
    self.overwrite = overwrite
    directory = target + ".partial"
    path = directory + "/maps.h5"
    try requireFree()
    guard mkdir(directory, 0o777) == 0 || errno == EEXIST else {
      throw Files.systemFault("cannot write in the directory", at: directory)
    }
    lock = open(directory + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
    guard lock >= 0 else { throw Files.systemFault("cannot write in the directory", at: directory) }
    // A file system without locks says so; then there is nothing to be asked.
    if flock(lock, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
      close(lock)
      lock = -1
      throw Fault(
        "another process is writing this file", at: target, hint: "wait for it, or give another name")
    }
  }

  deinit { if lock >= 0 { close(lock) } }

  /// Removes what a stopped run may have left.
  func startOver() throws {
    guard unlink(path) == 0 || errno == ENOENT else {
      throw Files.systemFault("cannot remove what a stopped run has left", at: path)
    }
  }

  private func requireFree() throws {
    var status = stat()
    guard stat(target, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw Fault("something that is no file has this name", at: target)
    }
    guard overwrite else {
      throw Fault(
        "the file exists", at: target, expected: "a new name",
        hint: "remove it, or allow it to be overwritten")
    }
  }

  /// Sets room aside on the disk for `bytes` more than the file has, so that no later write can fail for want of it.
  ///
  /// A write that fails on one rank within a collective call would leave the others waiting.
  func reserve(_ bytes: Int) throws {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
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
    try requireSpace(descriptor, bytes)
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
  private func requireSpace(_ descriptor: Int32, _ bytes: Int) throws {
    var system = statvfs()
    guard fstatvfs(descriptor, &system) == 0 else { return }
    let free = Int(clamping: system.f_bavail).multipliedReportingOverflow(by: Int(system.f_frsize))
    guard free.overflow || free.partialValue >= bytes else {
      throw Fault(
        "there is no room for the file", at: target, expected: Units.bytes(bytes),
        found: "\(Units.bytes(free.partialValue)) free", hint: "free some space, or give another place")
    }
  }

  /// Waits until the file is on the disk, and gives it its name.
  func complete() throws {
    try Files.synchronise(path, what: "cannot write the file")
    try requireFree()
    guard rename(path, target) == 0 else { throw Files.systemFault("cannot name the file", at: target) }
    let parent = URL(fileURLWithPath: target).deletingLastPathComponent().path
    try Files.synchronise(parent, what: "cannot write the directory")
    removeDirectory()
  }

  /// Removes what was written; the name is left as it was.
  func abandon() {
    unlink(path)
    removeDirectory()
  }

  private func removeDirectory() {
    unlink(directory + "/lock")
    rmdir(directory)
  }
}
