import Essentials
import Foundation
import MapStorage
import Testing

/// A directory that goes with its owner.
final class Scratch {
  let path: String

  init() {
    path = NSTemporaryDirectory() + "map-storage-" + UUID().uuidString
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { path + "/" + name }

  func write(_ name: String, _ bytes: some Sequence<UInt8>) -> String {
    let path = file(name)
    let made = FileManager.default.createFile(atPath: path, contents: Data(Array(bytes)))
    precondition(made, "cannot write \(path)")
    return path
  }

  var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? [] }
}

/// A file that other software made (h5py, NumPy, Pillow), with the values of `Known`.
func fixture(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/maps/\(name)").path
}

/// What the fixtures hold: six maps of 4 x 5 with value -80 - 3 sample - y / 2 - x / 4 dB (exact in float32).
enum Known {
  static let count = 6
  static let rows = 4
  static let columns = 5

  static func map(_ sample: Int) -> ChannelFingerprint {
    var map = ChannelFingerprint(rows: rows, columns: columns, repeating: 0)
    for row in 0..<rows {
      for column in 0..<columns {
        map[row, column] = -80 - 3 * Float(sample) - 0.5 * Float(row) - 0.25 * Float(column)
      }
    }
    return map
  }
}

/// The fault that `body` throws; records an issue when it throws none.
func fault(_ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) -> Fault? {
  do {
    try body()
    Issue.record("nothing was thrown", sourceLocation: sourceLocation)
  } catch let fault as Fault {
    return fault
  } catch {
    Issue.record("not a Fault: \(error)", sourceLocation: sourceLocation)
  }
  return nil
}
