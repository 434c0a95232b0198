import Foundation
import TestSupport
import Testing

/// Runs that go on as people let them, and dry runs, which meet whatever a start meets and write nothing.
@Suite(.serialized) struct ResumeTests {
  private let runs: RunTests
  private var folder: TemporaryDirectory { runs.folder }

  init() throws { runs = try RunTests() }

  private func run(_ name: String, _ arguments: String...) throws -> Command.Outcome {
    try Command.launch(ranks: 2, ["train", "--out", folder.place(name)] + arguments, patience: 60)
  }

  /// Every file below a folder, with its size and what it holds.
  private func content(of name: String) throws -> [String: Data] {
    var found: [String: Data] = [:]
    let root = folder.place(name)
    for case let path as String in FileManager.default.enumerator(atPath: root) ?? .init() {
      found[path] = FileManager.default.contents(atPath: "\(root)/\(path)") ?? Data()
    }
    return found
  }

  @Test func ownConfigurationAndData() throws {
    _ = try runs.succeed(runs.train("run", "training.steps=3", "training.warm_up=0"))
    // Neither preset nor data: the run's own.
    let same = try run("run", "--resume", "latest", "--threads", "1")
    #expect(same.code == 0 && same.errors.contains("all 3 steps are done already"), "\(same.transcript)")
    #expect(same.errors.contains("maps.h5, as the run has it") && !same.errors.contains("changed since"))
    let more = try run("run", "--resume", "latest", "--threads", "1", "--set", "training.steps=6")
    #expect(more.code == 0, "\(more.transcript)")
    #expect(more.errors.contains("changed since: training.steps 3 -> 6"), "\(more.transcript)")
    // A cosine that had ended begins in the middle again.
    #expect(more.errors.contains("warning: the learning rate at step 3 is "), "\(more.transcript)")
    let other = try run("run", "--resume", "latest", "--set", "training.batch=2")
    #expect(other.code == 1 && other.errors.contains("expected: training.batch = 4"), "\(other.transcript)")
    // A file that names no preset changes the run's own configuration, too.
    let file = try folder.file("more.yaml", "training:\n  steps: 7\n")
    let seven = try run("run", "--resume", "latest", "--threads", "1", "--config", file)
    #expect(seven.code == 0 && seven.errors.contains("training.steps 6 -> 7"), "\(seven.transcript)")
    try FileManager.default.moveItem(atPath: runs.maps, toPath: folder.place("moved.h5"))
    let lost = try run("run", "--resume", "latest")
    #expect(lost.code == 1 && lost.errors.contains("data set is not there any more"), "\(lost.transcript)")
    let none = try run("new", "--preset", "tiny", "--resume", "latest")
    #expect(none.code == 1 && none.errors.contains("no data set is given"), "\(none.transcript)")
    let forgotten = try run("new", "--preset", "tiny")
    #expect(forgotten.code == 64 && forgotten.errors.contains("--data"), "\(forgotten.transcript)")
  }

  @Test func dryRunsMeetWhatStartsMeet() throws {
    let start = runs.train("run", "training.steps=4", "checkpoints.every=2")
    let fresh = try Command.launch(ranks: 2, start + ["--dry-run"], patience: 60)
    #expect(fresh.code == 0 && fresh.errors.contains("start: at step 0, a new run"), "\(fresh.transcript)")
    _ = try runs.succeed(start)
    let before = try content(of: "run")
    func meets(_ arguments: [String], _ part: String, code: Int32 = 1) throws {
      for suffix in [["--dry-run"], []] where code != 0 || !suffix.isEmpty {
        let outcome = try Command.launch(ranks: 2, arguments + suffix, patience: 60)
        #expect(
          outcome.code == code && outcome.errors.contains(part), "\(suffix) lacks \(part):\n\(outcome.transcript)")
      }
      #expect(try content(of: "run") == before)
    }
    try meets(start, "there is a run already")
    let goOn = runs.train("run", "training.steps=6", "checkpoints.every=2", resume: true)
    try meets(goOn + ["--dry-run"], "start: after step 4 of 6, where the run was saved", code: 0)
    try meets(start + ["--resume", "latest"], "all 4 steps are done already", code: 0)
    try meets(goOn + ["--set", "seed=5"], "the run was begun with another configuration")
    let file = try folder.file("file", "")
    try meets(runs.train("file/run", "training.steps=4"), "\(file) is a file")
    try meets(runs.train("new", "training.steps=4") + ["--initial-weights", file], "file")
    #expect(!FileManager.default.fileExists(atPath: folder.place("new")))
    // Somebody trains there.
    let descriptor = Foundation.open("\(folder.place("run"))/.lock", O_RDWR)
    #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
    try meets(goOn, "another run writes into this directory")
    close(descriptor)
    // A damaged checkpoint is passed over, and stays where it is.
    let weights = "\(folder.place("run"))/checkpoints/step-4/model.safetensors"
    try Data("damaged".utf8).write(to: URL(fileURLWithPath: weights))
    let damaged = try content(of: "run")
    let passed = try Command.launch(ranks: 2, goOn + ["--dry-run"], patience: 60)
    #expect(passed.code == 0 && passed.errors.contains("start: after step 2 of 6"), "\(passed.transcript)")
    #expect(passed.errors.contains("it is passed over"))
    #expect(try content(of: "run") == damaged)
  }
}
