import Essentials
import Foundation
import MapStorage
import Records

/// Which checkpoints stay when a new one is saved.
public struct CheckpointRetention: Equatable, Sendable {
  /// The newest so many stay; at least one.
  public var last: Int
  /// Checkpoints whose step is a multiple of this stay for ever; nil for none.
  public var every: Int?

  /// - Parameters:
  ///   - last: the newest so many stay, at least one.
  ///   - every: checkpoints whose step is a multiple of this stay for ever; nil for none.
  public init(last: Int, every: Int? = nil) {
    precondition(last >= 1 && every.map { $0 >= 1 } ?? true, "keep at least one checkpoint")
    self.last = last
    self.every = every
  }
}

/// The directory of a training run:
///
///     config.resolved.yaml   the configuration, presets and overrides resolved
///     metrics.jsonl          what was measured
///     checkpoints/step-N/    files and state.json, which lists them with check sums
///     latest                 the path of the newest checkpoint, for people and scripts
///
/// A checkpoint is written under a temporary name, each file synced, then renamed, then its parent synced: a kill or
/// a full disk at any moment harms nothing that is there. Rank 0 alone works here; callers broadcast what it finds.
public final class RunDirectory {
  /// The directory.
  public let path: String
  /// The configuration file.
  public var configurationPath: String { "\(path)/config.resolved.yaml" }
  /// The metrics log.
  public var metricsPath: String { "\(path)/metrics.jsonl" }

  private var checkpoints: String { "\(path)/checkpoints" }
  private let lock: RunLock?
  static let replacedSuffix = ".replaced"

  private init(path: String, lock: RunLock?) {
    self.path = path
    self.lock = lock
  }

  /// Whether a path holds a run: a configuration, that is.
  public static func exists(at path: String) -> Bool {
    access("\(path)/config.resolved.yaml", F_OK) == 0
  }

  /// Makes a directory for a new run and locks it while the value lives.
  ///
  /// - Parameters:
  ///   - path: the directory; it may exist, but may not hold a run.
  ///   - configuration: the content of `config.resolved.yaml`.
  /// - Throws: `Fault` when there is a run already, another one works there, or the place cannot be written.
  public static func create(at path: String, configuration: String) throws -> RunDirectory {
    let what = "cannot make the run directory"
    try requireCreatable(at: path)
    try Files.makeOwnDirectory("\(path)/checkpoints", what: what)
    let run = RunDirectory(path: path, lock: try RunLock(directory: path))
    try requireNoRun(at: path, what: what)
    try run.replaceConfiguration(configuration)
    try Files.synchronise(path, what: what)
    return run
  }

  /// Opens a run to go on with it: locks it while the value lives, and clears what a killed write has left.
  ///
  /// - Throws: `Fault` when there is no run, another process works there, or the place cannot be written.
  public static func resume(at path: String) throws -> RunDirectory {
    _ = try requireResumable(at: path)
    try Files.makeOwnDirectory("\(path)/checkpoints", what: "cannot open the run")
    let run = RunDirectory(path: path, lock: try RunLock(directory: path))
    try run.clearLeftovers()
    return run
  }

  /// Throws where `create` would; nothing is written.
  public static func requireCreatable(at path: String) throws {
    let what = "cannot make the run directory"
    try requireNoRun(at: path, what: what)
    try requireWritable(path, what: what)
  }

  /// Opens a run as `resume` does, and throws where it would; but nothing is written, locked or moved, and nothing can be.
  public static func requireResumable(at path: String) throws -> RunDirectory {
    try check(path)
    try requireWritable(path, what: "cannot open the run")
    return RunDirectory(path: path, lock: nil)
  }

  /// Opens a run to read from it only; one that is being trained, too.
  ///
  /// - Throws: `Fault` when there is no run.
  public static func open(at path: String) throws -> RunDirectory {
    try check(path)
    return RunDirectory(path: path, lock: nil)
  }

  /// The content of `config.resolved.yaml`.
  ///
  /// - Throws: `Fault` when it cannot be read.
  public func configuration() throws -> String {
    try Files.readText(configurationPath, limit: 1 << 20, what: "cannot read the run's configuration")
  }

  /// Replaces `config.resolved.yaml` in one step.
  ///
  /// - Throws: `Fault` when it cannot be written.
  public func replaceConfiguration(_ text: String) throws {
    precondition(lock != nil, "a run that is opened for reading is not changed")
    try Files.write(text.utf8, to: configurationPath, what: "cannot write the run's configuration")
  }

  /// The steps that have a checkpoint, in ascending order, unverified.
  public var steps: [Int] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: checkpoints)) ?? []
    return names.compactMap { name in
      guard name.hasPrefix("step-"), let step = Int(name.dropFirst(5)), step >= 0, name == "step-\(step)"
      else {
        return nil
      }
      return step
    }.sorted()
  }

  /// Whether a checkpoint has been saved and `latest` points to one.
  public var isPointedTo: Bool { access("\(path)/latest", F_OK) == 0 }

  /// Saves a checkpoint; when it returns, the checkpoint is whole and on the disk.
  ///
  /// Checkpoints of later steps belong to a past that this run has left by resuming before them: they are renamed
  /// `step-N.abandoned`, so that the newest step is always this run's.
  ///
  /// - Parameters:
  ///   - step: the training step; a checkpoint of the same step is replaced.
  ///   - state: what to remember beside the files; real numbers in it must be finite or made by `JSONValue.real`.
  ///   - files: names, and closures that write the file at the path they are given.
  ///   - retention: which checkpoints stay.
  /// - Throws: `Fault` when the disk is full or the place cannot be written, or what a closure throws; then
  ///   everything is as it was before.
  @discardableResult
  public func save(
    step: Int, state: JSONValue, files: [(name: String, write: (String) throws -> Void)],
    keeping retention: CheckpointRetention
  ) throws -> SavedStep {
    precondition(lock != nil, "a run that is opened for reading is not changed")
    precondition(files.allSatisfy { StateFile.isPlainName($0.name) }, "plain file names")
    let what = "cannot write the checkpoint"
    let target = "\(checkpoints)/step-\(step)"
    let temporary = target + Files.partialSuffix
    do {
      try remove(temporary)
      try Files.makeDirectory(temporary, what: what)
      var entries = [StateFile.Entry]()
      for file in files {
        let filePath = "\(temporary)/\(file.name)"
        try file.write(filePath)
        try Files.synchronise(filePath, what: what)
        let (byteCount, sum) = try Checksum.of(file: filePath, what: what)
        entries.append(StateFile.Entry(name: file.name, byteCount: byteCount, sum: sum))
      }
      try StateFile.write(step: step, state: state, entries: entries, into: temporary)
      try Files.synchronise(temporary, what: what)
      try put(temporary, at: target, what: what)
    } catch {
      try? remove(temporary)
      throw error
    }
    try point(to: step)
    for later in steps where later > step {
      _ = try moveAside("\(checkpoints)/step-\(later)", suffix: ".abandoned")
    }
    try prune(retention)
    return SavedStep(step: step, path: target, state: state, fileNames: files.map(\.name))
  }

  /// The newest checkpoint that is whole.
  ///
  /// Damaged ones before it are passed over. A run opened by `create` or `resume` also moves them aside, as
  /// `step-N.bad` with the reason in `WHY.txt`, and points `latest` to what is left.
  ///
  /// - Returns: the checkpoint, or nil where none is whole; and a message for each damaged one, so that a caller can
  ///   tell "no checkpoint yet" from "all are damaged".
  /// - Throws: `Fault` when a damaged one cannot be moved aside.
  public func latestVerified() throws -> (saved: SavedStep?, messages: [String]) {
    var messages = [String]()
    for step in steps.reversed() {
      let directory = "\(checkpoints)/step-\(step)"
      do {
        let saved = try StateFile.verify(step: step, directory: directory)
        // A kill may have come between a checkpoint and what points to it.
        if lock != nil { try point(to: step) }
        return (saved, messages)
      } catch let fault as Fault {
        let remedy =
          lock == nil ? "it is passed over" : "it is moved to \(try moveAside(directory, because: fault))"
        messages.append("\(fault.description)\n  step \(step) cannot be used; \(remedy)")
      }
    }
    return (nil, messages)
  }

  /// The state of the newest checkpoint whose state can be read, its other files unseen; nil where there is none.
  public var newestState: TrainingState? {
    for step in steps.reversed() {
      let directory = "\(checkpoints)/step-\(step)"
      if let saved = try? StateFile.read(step: step, directory: directory), let state = try? TrainingState(saved) {
        return state
      }
    }
    return nil
  }

  /// A certain checkpoint, verified.
  ///
  /// - Throws: `Fault` when there is none or it is damaged.
  public func saved(step: Int) throws -> SavedStep {
    let known = steps
    guard known.contains(step) else {
      throw Fault(
        "there is no such checkpoint", at: "\(checkpoints)/step-\(step)",
        expected: known.isEmpty
          ? "any checkpoint" : "one of the steps " + known.map(String.init).joined(separator: ", "),
        found: "step \(step)")
    }
    return try StateFile.verify(step: step, directory: "\(checkpoints)/step-\(step)")
  }
}

extension RunDirectory {
  private static func requireNoRun(at path: String, what: String) throws {
    guard !exists(at: path) else {
      throw Fault(
        what, at: path, expected: "a directory without a run", found: "config.resolved.yaml",
        hint: "continue that run with `resume` latest, or give another directory")
    }
    guard RunDirectory(path: path, lock: nil).steps.isEmpty else {
      throw Fault(what, at: path, expected: "a directory without a run", found: "checkpoints")
    }
  }

  private static func requireWritable(_ path: String, what: String) throws {
    for directory in [path, "\(path)/checkpoints"] { try Files.requireWritable(directory: directory, what: what) }
    try Files.requireOwnDirectory("\(path)/checkpoints", what: what)
    try RunLock.requireFree(directory: path)
  }

  private static func check(_ path: String) throws {
    guard exists(at: path) else {
      throw Fault(
        "there is no run", at: path, expected: "a directory with config.resolved.yaml",
        found: access(path, F_OK) == 0
          ? (try? FileKind(at: path).name).map { "\($0) without it" } ?? "nothing" : "nothing",
        hint: "give the directory that ckm train wrote")
    }
  }

  /// Gives a finished directory its name; one that has the name steps back first and goes last.
  private func put(_ temporary: String, at target: String, what: String) throws {
    let replaced = target + Self.replacedSuffix
    let isThere = access(target, F_OK) == 0
    if isThere {
      try remove(replaced)
      guard rename(target, replaced) == 0 else { throw Files.systemFault(what, at: target) }
    }
    guard rename(temporary, target) == 0 else {
      let fault = Files.systemFault(what, at: target)
      if isThere { _ = rename(replaced, target) }
      throw fault
    }
    try Files.synchronise(checkpoints, what: what)
    if isThere { try remove(replaced) }
  }

  private func point(to step: Int) throws {
    let text = "checkpoints/step-\(step)\n", target = "\(path)/latest", what = "cannot point to the newest checkpoint"
    if (try? Files.readText(target, limit: 1 << 10, what: what)) == text { return }
    try Files.write(text.utf8, to: target, what: what)
  }

  private func prune(_ retention: CheckpointRetention) throws {
    for step in steps.dropLast(retention.last) {
      if let every = retention.every, step.isMultiple(of: every) { continue }
      // Renamed first: half a directory never bears a checkpoint's name.
      let (directory, doomed) = (
        "\(checkpoints)/step-\(step)", "\(checkpoints)/step-\(step)\(Files.partialSuffix)"
      )
      try remove(doomed)
      guard rename(directory, doomed) == 0 else {
        throw Files.systemFault("cannot remove an old checkpoint", at: directory)
      }
      try remove(doomed)
    }
  }

  private func moveAside(_ directory: String, suffix: String) throws -> String {
    var aside = directory + suffix
    var number = 1
    while access(aside, F_OK) == 0 {
      number += 1
      aside = "\(directory)\(suffix)-\(number)"
    }
    guard rename(directory, aside) == 0 else {
      throw Files.systemFault("cannot move a checkpoint aside", at: directory)
    }
    return aside
  }

  private func moveAside(_ directory: String, because fault: Fault) throws -> String {
    let aside = try moveAside(directory, suffix: ".bad")
    // The reason is a courtesy: a full disk must not keep a run from going on.
    try? Files.write((fault.description + "\n").utf8, to: "\(aside)/WHY.txt", what: "cannot write the reason")
    return aside
  }

  /// What a killed write left: half checkpoints go; one that had stepped back for a successor that never came
  /// returns.
  private func clearLeftovers() throws {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: checkpoints)) ?? []
    for name in names.sorted() where name.hasPrefix("step-") {
      let full = "\(checkpoints)/\(name)"
      if name.hasSuffix(Files.partialSuffix) {
        try remove(full)
      } else if name.hasSuffix(Self.replacedSuffix) {
        let original = String(full.dropLast(Self.replacedSuffix.count))
        if access(original, F_OK) == 0 {
          try remove(full)
        } else if rename(full, original) != 0 {
          throw Files.systemFault("cannot restore a checkpoint", at: full)
        }
      }
    }
    let runFiles = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    for name in runFiles where name.hasSuffix(Files.partialSuffix) { try remove("\(path)/\(name)") }
  }

  private func remove(_ path: String) throws {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    do {
      try FileManager.default.removeItem(atPath: path)
    } catch {
      throw Fault("cannot remove what is no longer needed", at: path, found: error.localizedDescription)
    }
  }
}
