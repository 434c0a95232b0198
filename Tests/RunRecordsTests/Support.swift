import Essentials
import Foundation
import Testing

@testable import RunRecords

/// A directory of its own for a test, removed with the value's last reference.
final class Scratch {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("run-records-\(UUID())").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  func write(_ text: String, to name: String) throws -> String {
    try Data(text.utf8).write(to: URL(fileURLWithPath: file(name)))
    return file(name)
  }
}

/// The fault that a piece of work throws.
func fault<Result>(_ work: () throws -> Result) -> Fault? {
  do {
    _ = try work()
    return nil
  } catch {
    return error as? Fault
  }
}
