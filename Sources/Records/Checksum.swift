import CKernels
import Essentials
import Foundation

/// XXH64 sums, as 16 hexadecimal digits: what `xxhsum -H64` prints.
public enum Checksum {
  /// The sum of bytes in memory.
  public static func of(_ bytes: [UInt8]) -> String {
    var sum = ck_checksum()
    ck_checksum_begin(&sum)
    ck_checksum_add(&sum, bytes, bytes.count)
    return text(ck_checksum_value(&sum))
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
    var sum = ck_checksum()
    ck_checksum_begin(&sum)
    var piece = [UInt8](repeating: 0, count: 1 << 18)
    var byteCount = 0
    while true {
      let got = read(descriptor, &piece, piece.count)
      if got < 0, errno == EINTR { continue }
      guard got >= 0 else { throw Files.systemFault(what, at: path) }
      guard got > 0 else { return (byteCount, text(ck_checksum_value(&sum))) }
      ck_checksum_add(&sum, piece, got)
      byteCount += got
    }
  }

  private static func text(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
