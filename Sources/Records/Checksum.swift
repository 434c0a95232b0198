import CXXHash
import Essentials
import Foundation

/// XXH64 sums, as 16 hexadecimal digits: what `xxhsum -H64` prints.
public enum Checksum {
  /// The sum of bytes in memory.
  public static func of(_ bytes: [UInt8]) -> String { bytes.withUnsafeBytes { text(value(of: $0)) } }

  /// The sum of bytes in memory, as a number.
  public static func value(of bytes: UnsafeRawBufferPointer) -> UInt64 {
    XXH64(bytes.baseAddress, bytes.count, 0)
  }

  /// The length and the sum of a file, read in pieces.
  ///
  /// - Parameters:
  ///   - path: the file; a symbolic link is refused.
  ///   - what: how to begin the message: "cannot read the checkpoint".
  /// - Throws: `Fault` when it is missing or cannot be read.
  public static func of(file path: String, what: String) throws -> (byteCount: Int, sum: String) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { throw Files.systemFault(what, at: path) }
    defer { close(descriptor) }
    guard let state = XXH64_createState() else { throw Files.systemFault(what, at: path, code: ENOMEM) }
    defer { XXH64_freeState(state) }
    XXH64_reset(state, 0)
    var piece = [UInt8](repeating: 0, count: 1 << 18)
    var byteCount = 0
    while true {
      let got = read(descriptor, &piece, piece.count)
      if got < 0, errno == EINTR { continue }
      guard got >= 0 else { throw Files.systemFault(what, at: path) }
      guard got > 0 else { return (byteCount, text(XXH64_digest(state))) }
      XXH64_update(state, piece, got)
      byteCount += got
    }
  }

  private static func text(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
