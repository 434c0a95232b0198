import Essentials
import Foundation
import Records

/// What has been found so far, on the disk: one file of JSON lines a rank, so that a kill costs what a rank has in hand.
///
/// Files bear a key that stands for everything that determines the values; those of another key are left alone.
struct ScanJournal {
  private let log: MetricsLog

  /// Opens a rank's own file.
  init(folder: String, key: String, rank: Int) throws {
    log = try MetricsLog(path: "\(folder)/\(key)-\(rank).jsonl")
  }

  /// Notes a finished job: one layer on one batch.
  func append(job: Int, layer: String, errors: [Double]) throws {
    try log.append(step: job, ["layer": .text(layer), "errors": .array(errors.map { .real($0) })])
  }

  /// Waits until all is on the disk.
  func synchronise() throws { try log.synchronise() }

  /// What ranks have noted, by job; a line that a kill cut short is left out.
  ///
  /// - Parameters:
  ///   - folder: where the files are.
  ///   - key: stands for what determines the values.
  ///   - isRight: whether a job can have such errors.
  static func read(
    folder: String, key: String, where isRight: (_ job: Int, _ errors: [Double]) -> Bool
  ) throws -> [Int: [Double]] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    var found: [Int: [Double]] = [:]
    for name in names.sorted() where name.hasPrefix(key + "-") && name.hasSuffix(".jsonl") {
      for record in try MetricsLog.read("\(folder)/\(name)") {
        let errors = record["errors"]?.arrayValue?.compactMap(\.realValue) ?? []
        guard isRight(record.step, errors) else {
          throw Fault(
            "the scan's notes are damaged", at: "\(folder)/\(name), job \(record.step)",
            expected: "the errors of one layer on one batch", found: "\(errors.count) numbers",
            hint: "remove \(folder) to scan anew")
        }
        found[record.step] = errors
      }
    }
    return found
  }
}
