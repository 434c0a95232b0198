import Essentials
import Foundation
import Records

/// A file that appears under its name only when it is whole: until then it grows in `FILE.partial/`.
///
/// Used by one process. Beside the file the directory may hold parts of it: the finished blocks of a run that was stopped.
final class PartialFile {
  /// The name it will have.
  let target: String
  /// The file that is being written.
  let path: String
  /// Where it is written.
  let directory: String
  private let overwrite: Bool
  private var lock: Int32 = -1
  private var room: DiskRoom

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
    room = DiskRoom(path: path, target: target)
    try Self.requireFree(target, overwrite: overwrite)
    let what = "cannot write in the directory"
    let isOurs = mkdir(directory, 0o777) == 0
    guard isOurs || errno == EEXIST else { throw Files.systemFault(what, at: directory) }
    do {
      lock = try Self.openLock(directory, what: what)
      if isOurs { try Files.synchronise(parentDirectory(of: directory), what: what) }
    } catch {
      if isOurs { removeDirectory() }
      throw error
    }
    // A file system without locks says so; then there is nothing to be asked.
    if flock(lock, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
      close(lock)
      lock = -1
      throw Fault(
        "another process is writing this file", at: target, hint: "wait for it, or give another name")
    }
  }

  deinit { release() }

  private static func openLock(_ directory: String, what: String) throws -> Int32 {
    let folder = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard folder >= 0 else {
      // What a link is to something else is ENOTDIR here.
      try Files.requireOwnDirectory(directory, what: what)
      throw Files.systemFault(what, at: directory)
    }
    defer { close(folder) }
    let lock = openat(folder, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o666)
    guard lock >= 0 else { throw Files.systemFault(what, at: directory + "/lock") }
    return lock
  }

  /// Lets go of the directory, with what is in it.
  func release() {
    if lock >= 0 { close(lock) }
    lock = -1
  }

  /// Removes what a stopped run may have left.
  func startOver() throws {
    guard unlink(path) == 0 || errno == ENOENT else {
      throw Files.systemFault("cannot remove what a stopped run has left", at: path)
    }
  }

  /// Throws unless a file may get this name.
  static func requireFree(_ target: String, overwrite: Bool) throws {
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
  func reserve(_ bytes: Int) throws { try room.reserve(bytes) }

  /// Waits until the file is on the disk, and gives it its name.
  ///
  /// - Parameter parts: names of files in the directory that are not needed any more then.
  func complete(removing parts: [String] = []) throws {
    try room.settle()
    try Self.requireFree(target, overwrite: overwrite)
    guard rename(path, target) == 0 else { throw Files.systemFault("cannot name the file", at: target) }
    try Files.synchronise(parentDirectory(of: target), what: "cannot write the directory")
    for name in parts { unlink("\(directory)/\(name)") }
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
    release()
  }
}
