import Essentials
import Foundation
import Interpolation
import Records

/// A file, open for reading at any place.
final class ByteFile {
  /// The file's name, for messages.
  let path: String
  /// Its size [byte].
  let size: Int
  private let descriptor: Int32

  /// Opens a regular file.
  init(_ path: String) throws {
    self.path = path
    size = try FileProbe.fileSize(path)
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Files.systemFault("cannot open the file", at: path) }
  }

  /// A nameless file that goes with its last owner, filled by `fill`.
  ///
  /// - Parameters:
  ///   - path: what it stands for, for messages.
  ///   - fill: writes through the function that it is given.
  init(temporaryFor path: String, fill: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void) throws {
    self.path = path
    var name = Array((NSTemporaryDirectory() + "/unpacked-XXXXXX").utf8CString)
    let made = mkstemp(&name)
    guard made >= 0 else { throw Files.systemFault("cannot unpack the file", at: path) }
    unlink(name)
    descriptor = made
    var written = 0
    do {
      try fill { bytes in
        var rest = bytes
        while !rest.isEmpty {
          let count = write(made, rest.baseAddress, rest.count)
          if count < 0, errno == EINTR { continue }
          guard count > 0 else { throw Files.systemFault("cannot unpack the file", at: path) }
          written += count
          rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
      }
    } catch {
      close(made)
      throw error
    }
    size = written
  }

  deinit { close(descriptor) }

  /// Fills `out` from a place in the file.
  func read(at offset: Int, into out: UnsafeMutableRawBufferPointer) throws {
    var done = 0
    while done < out.count {
      let count = pread(descriptor, out.baseAddress! + done, out.count - done, off_t(offset + done))
      if count < 0, errno == EINTR { continue }
      if count < 0 { throw Files.systemFault("cannot read the file", at: path) }
      guard count > 0 else {
        throw Fault(
          "the file is cut short", at: path, expected: "\(offset + out.count) bytes at least",
          found: "\(offset + done)", hint: "copy or make it again")
      }
      done += count
    }
  }

  /// Bytes from a place in the file; a range that the file does not have is a fault before anything is allocated.
  func bytes(_ range: Range<Int>) throws -> [UInt8] {
    guard range.lowerBound >= 0, range.upperBound <= size else {
      throw Fault(
        "the file is cut short", at: path, expected: "\(range.upperBound) bytes at least", found: "\(size)",
        hint: "copy or make it again")
    }
    return try [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
      let out = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<range.count])
      try read(at: range.lowerBound, into: out)
      filled = range.count
    }
  }
}

/// A little-endian whole number in bytes.
func littleEndian<Number: FixedWidthInteger>(_ bytes: some Collection<UInt8>, _: Number.Type = Number.self)
  -> Number
{
  bytes.reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
}
