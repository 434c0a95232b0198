import Essentials
import Foundation

/// Whole files, read and written with errors that name them.
public enum Files {
  /// The bytes of a file.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - limit: the most bytes to accept; a larger file is refused before anything is read.
  ///   - what: how to begin the message: "cannot read the image".
  /// - Throws: `Fault` when the file is missing, no plain file, unreadable or larger than `limit`.
  public static func read(_ path: String, limit: Int, what: String) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw systemFault(what, at: path) }
    defer { close(descriptor) }
    let size = try plainFileSize(descriptor, path: path, what: what)
    guard size <= limit else {
      throw Fault(
        what, at: path, expected: "at most \(Units.bytes(limit))", found: "\(Units.bytes(size))")
    }
    return try [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
      while filled < size {
        let got = Foundation.read(descriptor, buffer.baseAddress! + filled, size - filled)
        if got < 0 {
          if errno == EINTR { continue }
          throw systemFault(what, at: path)
        }
        if got == 0 { break }
        filled += got
      }
    }
  }

  /// The text of a UTF-8 file.
  ///
  /// - Parameters: as in `read`.
  /// - Throws: `Fault` as `read`, or when the bytes are not UTF-8.
  public static func readText(_ path: String, limit: Int, what: String) throws -> String {
    guard let text = String(validating: try read(path, limit: limit, what: what), as: UTF8.self) else {
      throw Fault(what, at: path, expected: "text in UTF-8", found: "other bytes")
    }
    return text
  }

  /// Writes a file that appears under its name only when it is whole and on the disk.
  ///
  /// - Parameters:
  ///   - path: the file; one that is there is replaced in one step.
  ///   - what: how to begin the message: "cannot write the report".
  ///   - body: writes the content, piece by piece.
  /// - Throws: `Fault` when the directory is missing or unwritable or the disk is full, or what `body` throws; then
  ///   nothing is left behind and what was there stays.
  public static func write(to path: String, what: String, _ body: (FileSink) throws -> Void) throws {
    try put(path, what: what) { temporary in
      let descriptor = open(temporary, O_WRONLY | O_NOFOLLOW | O_CLOEXEC)
      guard descriptor >= 0 else { throw systemFault(what, at: path) }
      defer { close(descriptor) }
      try body(FileSink(descriptor: descriptor, path: path, what: what))
      guard fsync(descriptor) == 0 else { throw systemFault(what, at: path) }
    }
  }

  /// Gives a file its name once it is whole and on the disk; what was begun goes where it is not.
  private static func put(_ path: String, what: String, _ make: (_ temporary: String) throws -> Void) throws {
    // A name that nobody can foresee, and a file that was not there: else a link of that name would be written through.
    let temporary = "\(path).\(getpid())-\(String(UInt64.random(in: 0 ... .max), radix: 36))\(partialSuffix)"
    let made = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
    guard made >= 0 else { throw systemFault(what, at: path) }
    close(made)
    do {
      try make(temporary)
      guard rename(temporary, path) == 0 else { throw systemFault(what, at: path) }
    } catch {
      unlink(temporary)
      throw error
    }
    try synchronise(parentDirectory(of: path), what: what)
  }

  /// How the names of files end that are being written.
  public static let partialSuffix = ".partial"

  /// Writes a whole file out of bytes; otherwise as the other `write`.
  public static func write(_ bytes: some Sequence<UInt8>, to path: String, what: String) throws {
    try write(to: path, what: what) { sink in
      try Array(bytes).withUnsafeBytes { try sink.write($0) }
    }
  }

  /// Has a file written by name, which appears under its own only when it is whole and on the disk.
  ///
  /// - Parameters:
  ///   - path: the file; one that is there is replaced in one step.
  ///   - what: how to begin the message.
  ///   - body: writes the file that it is given the name of.
  /// - Throws: as the other `write`.
  public static func write(to path: String, what: String, by body: (String) throws -> Void) throws {
    try put(path, what: what) { temporary in
      try body(temporary)
      try synchronise(temporary, what: what)
    }
  }

  /// Makes a directory, and those that it lies in, where they are missing; their names are on the disk then.
  ///
  /// - Throws: `Fault` when the place cannot be written.
  public static func makeDirectory(_ path: String, what: String) throws {
    let parent = parentDirectory(of: path)
    var code = mkdir(path, 0o777) == 0 ? 0 : errno
    if code == ENOENT, parent != path {
      try makeDirectory(parent, what: what)
      code = mkdir(path, 0o777) == 0 ? 0 : errno
    }
    if code == 0 { return try synchronise(parent, what: what) }
    var status = stat()
    guard code == EEXIST, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      throw systemFault(what, at: path, code: code)
    }
  }

  /// Makes a directory within one that a command works in; a link that has its name is not followed.
  ///
  /// - Throws: `Fault` when the place cannot be written, or something else has the name.
  public static func makeOwnDirectory(_ path: String, what: String) throws {
    try makeDirectory(path, what: what)
    try requireOwnDirectory(path, what: what)
  }

  /// Throws where something that is no directory has the name, such as a link to one.
  public static func requireOwnDirectory(_ path: String, what: String) throws {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      guard errno == ENOENT else { throw systemFault(what, at: path) }
      return
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw Fault(
        what, at: path, expected: "a directory", found: status.st_mode & S_IFMT == S_IFLNK ? "a link" : "no directory",
        hint: "what lies behind a link may be somebody else's: put the directory itself there")
    }
  }

  /// Throws where `makeDirectory`, or a first file in what it made, would fail for want of place or permission. Nothing is
  /// written.
  public static func requireWritable(directory path: String, what: String) throws {
    var place = path, status = stat()
    while stat(place, &status) != 0 {
      guard errno == ENOENT else { throw systemFault(what, at: path) }
      // A link that leads nowhere is there, and is no directory.
      guard lstat(place, &status) != 0 else { throw systemFault(what, at: path, code: EEXIST) }
      place = parentDirectory(of: place)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw systemFault(what, at: path, code: ENOTDIR) }
    guard access(place, W_OK | X_OK) == 0 else { throw systemFault(what, at: path) }
  }

  /// Throws where a file is there and may not be written.
  public static func requireWritable(ifThere path: String, what: String) throws {
    guard access(path, W_OK) != 0, errno != ENOENT else { return }
    throw systemFault(what, at: path)
  }

  /// How many bytes are free where a directory is, or would be made; nil where the system does not say.
  public static func freeBytes(at path: String) -> Int? {
    var place = path, room = statvfs()
    while statvfs(place, &room) != 0 {
      guard errno == ENOENT, place != "." else { return nil }
      place = parentDirectory(of: place)
    }
    let free = Int(clamping: room.f_bavail).multipliedReportingOverflow(by: Int(room.f_frsize))
    return free.overflow ? Int.max : free.partialValue
  }

  /// Waits until a file or a directory (its list of names) is on the disk.
  ///
  /// - Throws: `Fault` when it cannot be opened or synced.
  public static func synchronise(_ path: String, what: String) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw systemFault(what, at: path) }
    defer { close(descriptor) }
    // Some network file systems cannot sync a directory and say EINVAL: there is nothing more to be done there.
    guard fsync(descriptor) == 0 || errno == EINVAL else { throw systemFault(what, at: path) }
  }

  /// A fault out of `errno`, with a hint where the cause has a common cure.
  public static func systemFault(_ what: String, at place: String, code: Int32 = errno) -> Fault {
    let hint: String? =
      switch code {
      case ENOENT: "check the path; a relative one starts at \(FileManager.default.currentDirectoryPath)"
      case EACCES, EPERM, EROFS: "check the permissions, or give another place"
      case ENOSPC, EDQUOT: "free some space, or give another place"
      case ELOOP: "a link has this name, and is not written through: remove it"
      default: nil
      }
    return Fault(what, at: place, found: String(cString: strerror(code)), hint: hint)
  }

  private static func plainFileSize(_ descriptor: Int32, path: String, what: String) throws -> Int {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw systemFault(what, at: path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      let found = status.st_mode & S_IFMT == S_IFDIR ? "a directory" : "no plain file"
      throw Fault(what, at: path, expected: "a file", found: found)
    }
    return Int(status.st_size)
  }
}

/// Where the content of a file goes while it is written.
public struct FileSink {
  let descriptor: Int32
  let path: String
  let what: String

  /// Appends bytes.
  ///
  /// - Throws: `Fault` when the disk is full or fails.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    var done = 0
    while done < bytes.count {
      let wrote = Foundation.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
      if wrote < 0 {
        if errno == EINTR { continue }
        throw Files.systemFault(what, at: path)
      }
      done += wrote
    }
  }

  /// Writes over bytes that were appended before.
  ///
  /// - Parameters:
  ///   - bytes: the new ones.
  ///   - offset: where the first of them lies in the file.
  /// - Throws: `Fault` when the disk fails.
  public func rewrite(_ bytes: [UInt8], at offset: Int) throws {
    guard pwrite(descriptor, bytes, bytes.count, off_t(offset)) == bytes.count else {
      throw Files.systemFault(what, at: path)
    }
  }
}
