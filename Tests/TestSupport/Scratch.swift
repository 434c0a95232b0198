import Essentials
import Foundation

/// A directory of its own for a test, removed with the value's last reference.
public final class Scratch: Sendable {
  /// The directory.
  public let path: String

  /// Makes the directory.
  public init() {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("channel-twin-\(UUID())").path
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      fatalError("cannot make \(path): \(error)")
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of a file in it.
  public func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file into it and gives its path.
  public func write(_ name: String, _ bytes: some Sequence<UInt8>) -> String {
    let made = FileManager.default.createFile(atPath: file(name), contents: Data(Array(bytes)))
    precondition(made, "cannot write \(file(name))")
    return file(name)
  }

  /// Writes a text into it and gives its path.
  public func write(_ text: String, to name: String) -> String { write(name, text.utf8) }

  /// What is in it, sorted.
  public var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? [] }
}

/// The fault that a piece of work throws; nil where it throws none.
public func fault<Result>(_ work: () throws -> Result) -> Fault? {
  do {
    _ = try work()
    return nil
  } catch {
    return error as? Fault
  }
}

/// The path of a file in `Tests/Fixtures`.
public func fixture(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/\(name)").path
}
