import Essentials
import Foundation

/// One line of a metrics log.
public struct MetricsRecord: Equatable, Sendable {
  /// The training step.
  public let step: Int
  /// Names and values, in order, without the step.
  public let values: [JSONMember]

  /// The value by its name.
  public subscript(name: String) -> JSONValue? { values.first { $0.key == name }?.value }
}

/// Metrics as JSON lines: one object a line, `step` first, numbers by their shortest exact digits.
///
/// Each line is written in one call and survives the process that wrote it. A run that resumes opens the log with
/// the step of its checkpoint; later lines, and a last line that a kill cut short, go. So the log of an interrupted
/// run equals that of an uninterrupted one, byte for byte, as long as the values do (leave clock times out).
public final class MetricsLog {
  /// The file.
  public let path: String
  private let descriptor: Int32
  private static let maximumFileSize = 1 << 30

  /// Opens a log for appending, and makes it where there is none.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - keepingThrough: the last step whose lines stay; nil keeps every whole line.
  /// - Throws: `Fault` when the place cannot be written, or a line before the last is damaged.
  public init(path: String, keepingThrough: Int? = nil) throws {
    self.path = path
    descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Files.systemFault("cannot open the metrics log", at: path) }
    do {
      let (bytes, end) = try Self.kept(path, keepingThrough)
      if end < bytes.count, ftruncate(descriptor, off_t(end)) != 0 {
        throw Files.systemFault("cannot shorten the metrics log", at: path)
      }
    } catch {
      close(descriptor)
      throw error
    }
  }

  deinit { close(descriptor) }

  /// Throws where `init` would; nothing is written.
  public static func check(_ path: String, keepingThrough step: Int?) throws {
    try Files.requireWritable(ifThere: path, what: "cannot open the metrics log")
    if access(path, F_OK) == 0 { _ = try kept(path, step) }
  }

  /// What a log holds, and the length of what stays.
  private static func kept(_ path: String, _ step: Int?) throws -> (bytes: [UInt8], end: Int) {
    let bytes = try Files.read(path, limit: maximumFileSize, what: "cannot read the metrics log")
    return (bytes, try wholeLines(bytes, path: path, through: step))
  }

  /// Appends a line.
  ///
  /// - Parameters:
  ///   - step: the training step.
  ///   - values: names and values, in the order in which they are written.
  /// - Throws: `Fault` when the disk is full.
  public func append(step: Int, _ values: KeyValuePairs<String, JSONValue>) throws {
    try append(step: step, members: values.map { JSONMember(key: $0.key, value: $0.value) })
  }

  /// Appends a line whose names are known at run time only.
  public func append(step: Int, members: [JSONMember]) throws {
    let line = JSONValue.object([JSONMember(key: "step", value: .integer(step))] + members)
    let sink = FileSink(descriptor: descriptor, path: path, what: "cannot write the metrics log")
    try Array((line.serialised + "\n").utf8).withUnsafeBytes { try sink.write($0) }
  }

  /// Waits until what was appended is on the disk: before a checkpoint that counts on it.
  public func synchronise() throws {
    guard fsync(descriptor) == 0 else { throw Files.systemFault("cannot write the metrics log", at: path) }
  }

  /// The records of a log; a last line that is damaged or not ended is left out.
  ///
  /// - Throws: `Fault` when the file is missing or another line is damaged, naming the line.
  public static func read(_ path: String) throws -> [MetricsRecord] {
    let bytes = try Files.read(path, limit: maximumFileSize, what: "cannot read the metrics log")
    var records = [MetricsRecord]()
    _ = try wholeLines(bytes, path: path, through: nil) { records.append($0) }
    return records
  }

  /// Hands out the records of whole lines up to a step; returns the length of their lines.
  ///
  /// A crash of the machine may leave rubbish in place of what had not been synced, but only after what had been: so damage
  /// ends the log where nothing that is wanted comes after it, and is a fault elsewhere.
  private static func wholeLines(
    _ bytes: [UInt8], path: String, through last: Int?, _ take: (MetricsRecord) -> Void = { _ in }
  ) throws -> Int {
    var (start, number) = (0, 0)
    var damage: (start: Int, error: any Error)?
    while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
      number += 1
      switch Result(catching: { try record(bytes[start..<end], at: "\(path):\(number)") }) {
      case .failure(let error): damage = damage ?? (start, error)
      case .success(let record) where last.map { record.step <= $0 } ?? true:
        if let damage { throw damage.error }
        take(record)
      case .success: if damage == nil { return start }
      }
      start = end + 1
    }
    return damage?.start ?? start
  }

  private static func record(_ line: ArraySlice<UInt8>, at place: String) throws -> MetricsRecord {
    let value = try JSONValue.parse(line, at: place)
    guard let members = value.objectValue, let step = value["step"]?.integerValue else {
      throw Fault(
        "cannot read the metrics log", at: place, expected: "an object with a whole number \"step\"",
        found: String(value.serialised.prefix(80)))
    }
    return MetricsRecord(step: step, values: members.filter { $0.key != "step" })
  }
}
