import Essentials
import Foundation

/// An open file that must stay as it is: written over in place, half of what is read would be of another data set.
///
/// A new file under the old name does no harm, since the old one stays open.
final class FileWatch {
  private let path: String
  private let descriptor: Int32
  private let first: stat

  /// Opens the file beside its reader.
  ///
  /// - Throws: `Fault` when it cannot be opened.
  init(_ path: String) throws {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Fault("cannot read the file", at: path, found: String(cString: strerror(errno)))
    }
    first = Self.status(descriptor)
  }

  deinit { close(descriptor) }

  private static func status(_ descriptor: Int32) -> stat {
    var status = stat()
    fstat(descriptor, &status)
    return status
  }

  /// Throws where the file has been written to since it was opened: to be asked after reading.
  func requireUnchanged() throws {
    let now = Self.status(descriptor)
    guard
      now.st_size == first.st_size, now.st_mtim.tv_sec == first.st_mtim.tv_sec,
      now.st_mtim.tv_nsec == first.st_mtim.tv_nsec
    else {
      throw Fault(
        "the file was changed while it was in use", at: path, expected: "\(first.st_size) bytes, as they were",
        found: now.st_size == first.st_size ? "other bytes" : "\(now.st_size) bytes",
        hint: "write another data set under another name, or to a new file that is then renamed")
    }
  }
}
