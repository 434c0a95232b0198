import Essentials
import Foundation
import Records

/// Keeps two runs from writing into one directory.
///
/// `flock` on `.lock` decides on one machine: it ends with its process, whatever ends that. Not every network file
/// system tells other machines of it, so the file also names host, process and Slurm job: a lock that another host
/// has left counts as held, unless it is of the same job (which Slurm has requeued here).
package final class RunLock {
  private let descriptor: Int32
  private let path: String

  private struct Holder: Codable {
    var host: String
    var process: Int32
    var job: String?
  }

  /// - Throws: `Fault` when another run holds the directory, or it cannot be written.
  package init(directory: String) throws {
    path = "\(directory)/.lock"
    let what = "cannot lock the run directory"
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard descriptor >= 0 else { throw Files.systemFault(what, at: directory) }
    do {
      try Self.take(LOCK_EX, of: descriptor, directory: directory)
      try Files.write(JSONEncoder().encode(Self.current), into: descriptor, path: path, what: what)
    } catch {
      close(descriptor)
      throw error
    }
  }

  /// Throws where another run holds the directory, or its lock could not be written; nothing is.
  package static func requireFree(directory: String) throws {
    let path = "\(directory)/.lock", what = "cannot lock the run directory"
    try Files.requireWritable(ifThere: path, what: what)
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else {
      if errno == ENOENT { return }
      throw Files.systemFault(what, at: directory)
    }
    // Closed, and so given back, at once.
    defer { close(descriptor) }
    try take(LOCK_SH, of: descriptor, directory: directory)
  }

  private static func take(_ kind: Int32, of descriptor: Int32, directory: String) throws {
    let path = "\(directory)/.lock"
    if flock(descriptor, kind | LOCK_NB) != 0 {
      // Where locks are not to be had (ENOLCK, ENOSYS on some network file systems) the names must do.
      guard errno != EWOULDBLOCK else { throw isHeld(directory, by: holder(descriptor), lockFile: path) }
    }
    let ours = current
    if let other = holder(descriptor), other.host != ours.host, other.job == nil || other.job != ours.job {
      throw isHeld(directory, by: other, lockFile: path)
    }
  }

  deinit {
    // Emptied, not removed: another process may already wait on this very file.
    _ = ftruncate(descriptor, 0)
    close(descriptor)
  }

  private static var current: Holder {
    var name = [UInt8](repeating: 0, count: 256)
    let isKnown = name.withUnsafeMutableBytes {
      gethostname($0.bindMemory(to: CChar.self).baseAddress!, $0.count - 1) == 0
    }
    let host = isKnown ? String(decoding: name.prefix { $0 != 0 }, as: UTF8.self) : "unknown"
    return Holder(host: host, process: getpid(), job: ProcessInfo.processInfo.environment["SLURM_JOB_ID"])
  }

  private static func holder(_ descriptor: Int32) -> Holder? {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let got = pread(descriptor, &bytes, bytes.count, 0)
    guard got > 0 else { return nil }
    return try? JSONDecoder().decode(Holder.self, from: Data(bytes[..<got]))
  }

  private static func isHeld(_ directory: String, by holder: Holder?, lockFile: String) -> Fault {
    let name = holder.map { holder in
      "process \(holder.process) on \(holder.host)" + (holder.job.map { ", Slurm job \($0)" } ?? "")
    }
    return Fault(
      "another run writes into this directory", at: directory,
      expected: "a directory of its own for each run",
      found: name, hint: "if that run has ended on another machine, remove \(lockFile)")
  }
}

extension Files {
  /// Replaces the content of an open file.
  fileprivate static func write(_ data: Data, into descriptor: Int32, path: String, what: String) throws {
    let wrote = data.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    guard wrote == data.count, ftruncate(descriptor, off_t(data.count)) == 0, fsync(descriptor) == 0 else {
      throw systemFault(what, at: path)
    }
  }
}
