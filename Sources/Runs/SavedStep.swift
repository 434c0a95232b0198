import Essentials
import Foundation
import Records

/// A checkpoint on the disk whose files have been held against their check sums.
public struct SavedStep: Equatable, Sendable {
  /// The training step after which it was saved.
  public let step: Int
  /// Its directory.
  public let path: String
  /// What the writer wanted to remember beside the files.
  public let state: JSONValue
  /// The names of its files, `state.json` left out.
  public let fileNames: [String]

  /// The path of one of its files.
  ///
  /// - Throws: `Fault` when the checkpoint has no such file.
  public func file(_ name: String) throws -> String {
    guard fileNames.contains(name) else {
      throw Fault(
        "the checkpoint lacks a file", at: path, expected: name,
        found: fileNames.joined(separator: ", "))
    }
    return "\(path)/\(name)"
  }
}

/// `state.json`: the list of a checkpoint's files with their sizes and sums, the caller's state, and a sum over the
/// list and the state themselves.
enum StateFile {
  static let name = "state.json"
  private static let format = "channel-twin-checkpoint"
  private static let version = 1
  // A state is a few kilobytes; the limit only keeps a wrong file from being read whole.
  private static let maximumSize = 16 << 20

  struct Entry {
    let name: String
    let byteCount: Int
    let sum: String
  }

  /// Writes `state.json` into a directory, synced.
  static func write(step: Int, state: JSONValue, entries: [Entry], into directory: String) throws {
    let files = entries.map { entry in
      JSONMember(
        key: entry.name,
        value: .members(["bytes": .integer(entry.byteCount), "xxh64": .text(entry.sum)]))
    }
    let body = JSONValue.members([
      "format": .text(format), "format_version": .integer(version), "step": .integer(step),
      "files": .object(files), "state": state,
    ])
    let sum = Checksum.of(Array(body.serialised.utf8))
    let whole = JSONValue.members(["checkpoint": body, "xxh64": .text(sum)])
    try Files.write(
      whole.indented.utf8, to: "\(directory)/\(name)", what: "cannot write the checkpoint")
  }

  /// Reads a checkpoint and holds every file against its size and sum.
  ///
  /// - Throws: `Fault` naming the first file that is missing, cut, changed or unknown.
  static func verify(step: Int, directory: String) throws -> SavedStep {
    let (saved, files) = try open(step: step, directory: directory)
    for member in files { try verify(member, directory: directory, what: damaged) }
    return saved
  }

  /// Reads a checkpoint's list and state; its files are not looked at.
  ///
  /// - Throws: `Fault` when the list is missing or damaged.
  static func read(step: Int, directory: String) throws -> SavedStep {
    try open(step: step, directory: directory).saved
  }

  private static let damaged = "the checkpoint is damaged"

  private static func open(step: Int, directory: String) throws -> (saved: SavedStep, files: [JSONMember]) {
    let what = damaged
    let place = "\(directory)/\(name)"
    let bytes = try Files.read(place, limit: maximumSize, what: what)
    let whole = try JSONValue.parse(bytes, at: place)
    guard let body = whole["checkpoint"], let sum = whole["xxh64"]?.textValue else {
      throw Fault(what, at: place, expected: "a checkpoint and its check sum", found: "other JSON")
    }
    let found = Checksum.of(Array(body.serialised.utf8))
    guard found == sum else { throw Fault(what, at: place, expected: "check sum \(sum)", found: found) }
    guard body["format"]?.textValue == format, body["format_version"]?.integerValue == version else {
      throw Fault(
        what, at: place, expected: "\(format), version \(version)",
        found:
          "\(body["format"]?.serialised ?? "no format"), version \(body["format_version"]?.serialised ?? "none")"
      )
    }
    guard body["step"]?.integerValue == step, let files = body["files"]?.objectValue,
      let state = body["state"]
    else {
      throw Fault(
        what, at: place, expected: "step \(step) with its files and state", found: "another content")
    }
    return (SavedStep(step: step, path: directory, state: state, fileNames: files.map(\.key)), files)
  }

  private static func verify(_ member: JSONMember, directory: String, what: String) throws {
    let path = "\(directory)/\(member.key)"
    guard isPlainName(member.key), let byteCount = member.value["bytes"]?.integerValue,
      let sum = member.value["xxh64"]?.textValue
    else {
      throw Fault(
        what, at: "\(directory)/\(name)", expected: "a file's name, size and sum", found: member.key)
    }
    var status = stat()
    guard lstat(path, &status) == 0 else { throw Files.systemFault(what, at: path) }
    guard status.st_mode & S_IFMT == S_IFREG, Int(status.st_size) == byteCount else {
      throw Fault(what, at: path, expected: "a file of \(byteCount) bytes", found: "\(status.st_size) bytes")
    }
    let found = try Checksum.of(file: path, what: what)
    guard found.sum == sum else {
      throw Fault(what, at: path, expected: "check sum \(sum)", found: found.sum)
    }
  }

  /// A name that stays within its directory.
  static func isPlainName(_ name: String) -> Bool {
    !name.isEmpty && !name.hasPrefix(".") && !name.contains("/") && !name.contains("\0") && name != Self.name
      && name.utf8.count < 200
  }
}
