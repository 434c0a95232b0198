import Essentials
import Foundation

/// Where reports go.
enum ReportDirectory {
  /// Makes the directory where it is missing.
  static func make(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw Fault(
        "cannot make the report's directory", at: path, found: error.localizedDescription,
        hint: "check the permissions, or give another place")
    }
  }
}
