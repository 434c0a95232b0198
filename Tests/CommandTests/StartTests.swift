import Foundation
import TestSupport
import Testing

/// How runs begin and go on: what a dry run checks is what a start checks, and a run goes on as it was begun.
@Suite(.serialized) struct StartTests {
  private static let side = 16
  private let folder: TemporaryDirectory
  private let maps: String

  init() throws {
    folder = try TemporaryDirectory()
    maps = folder.place("maps.h5")
    let array = try folder.file("maps.npy", numPy(shape: [6, Self.side, Self.side], RunTests.value))
    let imported = try Command.run(["import", array, "--out", maps])
    try #require(imported.code == 0, "\(imported.transcript)")
  }

  private static let small = [
    "model.image_size=\(side)", "training.batch=2", "validation.every=0", "training.warm_up=2",
  ]

  private func begin(_ run: String, _ overrides: String...) -> [String] {
    ["train", "--preset", "tiny", "--data", maps, "--out", folder.place(run), "--threads", "1"]
      + (Self.small + overrides).flatMap { ["--set", $0] }
  }

  private func goOn(_ run: String, _ overrides: String...) -> [String] {
    ["train", "--out", folder.place(run), "--resume", "latest", "--threads", "1"] + overrides.flatMap { ["--set", $0] }
  }

  @discardableResult
  private func succeed(
    _ arguments: [String], ranks: Int = 1, location: SourceLocation = #_sourceLocation
  ) throws -> Command.Outcome {
    let outcome =
      ranks == 1 ? try Command.run(arguments) : try Command.launch(ranks: ranks, arguments, patience: 60)
    try #require(outcome.code == 0, "\(outcome.transcript)", sourceLocation: location)
    return outcome
  }

  /// Every file below the folder, with its size and the time of its last change.
  private func everything() throws -> [String] {
    let outcome = try Command.start(["find", folder.path, "-printf", "%p %y %s %T@ %C@\n"])
    return outcome.output.split(separator: "\n").map(String.init).sorted()
  }

  /// The dry run fails as the run does, with the same words, and leaves everything as it was.
  private func expectBothFail(
    _ arguments: [String], _ parts: String..., prefix: [String] = [], location: SourceLocation = #_sourceLocation
  ) throws {
    func errors(_ more: [String]) throws -> String {
      let outcome = try Command.start(prefix + ["timeout", "60", Command.program] + arguments + more)
      #expect(outcome.code == 1, "\(more) \(outcome.transcript)", sourceLocation: location)
      return String(outcome.errors[(outcome.errors.range(of: "Error: ")?.lowerBound ?? outcome.errors.startIndex)...])
    }
    let before = try everything()
    let dry = try errors(["--dry-run"])
    #expect(try everything() == before, "the dry run has written", sourceLocation: location)
    #expect(try errors([]) == dry, sourceLocation: location)
    for part in parts { #expect(dry.contains(part), "lacks \(part):\n\(dry)", sourceLocation: location) }
  }

  @Test func dryRunFailsWhereAStartFails() throws {
    try succeed(begin("run", "training.steps=2"))
    let run = folder.place("run")
    try expectBothFail(begin("run"), "there is a run already", "--resume latest")
    try expectBothFail(goOn("run", "training.batch=4"), "begun with another configuration", "training.batch = 2")
    try expectBothFail(begin("run", "seed=5") + ["--resume", "latest"], "begun with another configuration", "seed = 1")
    try expectBothFail(
      goOn("run", "training.steps=4"), "another run writes into this directory", prefix: ["flock", "\(run)/.lock"])

    _ = try folder.file("file", "")
    try expectBothFail(begin("file"), "file: cannot make the run directory", "Not a directory")
    try expectBothFail(begin("file/below/run"), "Not a directory")
    try FileManager.default.createSymbolicLink(atPath: folder.place("nowhere"), withDestinationPath: "missing/place")
    try expectBothFail(begin("nowhere"), "nowhere", "File exists")
    try expectBothFail(begin(String(repeating: "n", count: 300)), "File name too long")
    try FileManager.default.createDirectory(
      atPath: folder.place("stray/checkpoints/step-3"), withIntermediateDirectories: true)
    try expectBothFail(begin("stray"), "a directory without a run", "found: checkpoints")

    let weights = "\(run)/checkpoints/step-2/model.safetensors"
    try expectBothFail(
      begin("new") + ["--initial-weights", "missing.safetensors"], "missing.safetensors", "No such file")
    try expectBothFail(begin("new") + ["--initial-weights", maps], "maps.h5")
    try expectBothFail(
      begin("new", "model.base_channels=16") + ["--initial-weights", weights], "model.safetensors", "expected: ")
    try expectBothFail(begin("new", "model.image_size=32"), "smaller than what the network is trained at")
  }

  /// As root the modes of files say nothing; a read-only file system does.
  @Test(.enabled(if: Machine.hasMountNamespaces)) func readOnlyPlace() throws {
    try succeed(begin("run", "training.steps=2"))
    let mount = ["unshare", "-m", "bash", "-c", #"mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && "$@""#]
    try expectBothFail(begin("new"), "Read-only file system", prefix: mount + [folder.path])
    try expectBothFail(goOn("run", "training.steps=4"), "Read-only file system", prefix: mount + [folder.path])
    // No room is only told: there may be some when it is needed.
    let full = ["unshare", "-m", "bash", "-c", #"mount -t tmpfs -o size=1m tmpfs "$0" && "$@""#]
    try FileManager.default.createDirectory(atPath: folder.place("full"), withIntermediateDirectories: true)
    let outcome = try Command.start(full + [folder.place("full"), Command.program] + begin("full/run") + ["--dry-run"])
    #expect(outcome.code == 0 && outcome.errors.contains("a checkpoint takes"), "\(outcome.transcript)")
  }

  /// Damaged checkpoints: passed over and left in place; a damaged log, too, is met before it is written to.
  @Test func dryRunOfDamagedRuns() throws {
    try succeed(begin("run", "training.steps=4", "checkpoints.every=2"))
    let run = folder.place("run")
    func damage(_ step: Int) throws {
      let file = URL(fileURLWithPath: "\(run)/checkpoints/step-\(step)/model.safetensors")
      var bytes = try Data(contentsOf: file)
      bytes[bytes.count / 2] ^= 1
      try bytes.write(to: file)
    }
    try damage(4)
    let before = try everything()
    let dry = try succeed(goOn("run", "training.steps=6") + ["--dry-run"], ranks: 2)
    #expect(dry.errors.contains("it would go on after step 2"), "\(dry.transcript)")
    #expect(dry.errors.contains("step 4 cannot be used; it is passed over"), "\(dry.transcript)")
    #expect(try everything() == before)
    try damage(2)
    let none = try Command.run(goOn("run", "training.steps=6") + ["--dry-run"])
    #expect(none.code == 1 && none.errors.contains("all checkpoints are damaged"), "\(none.transcript)")
    #expect(FileManager.default.fileExists(atPath: "\(run)/checkpoints/step-2"))

    try succeed(begin("log", "training.steps=2"))
    let log = "\(folder.place("log"))/metrics.jsonl"
    try ("rubbish\n" + String(contentsOfFile: log, encoding: .utf8)).write(
      toFile: log, atomically: true, encoding: .utf8)
    try expectBothFail(goOn("log", "training.steps=4"), "metrics.jsonl:1")
  }

  @Test func dryRunSaysFromWhereItGoesOn() throws {
    let fresh = try succeed(begin("run", "training.steps=2") + ["--dry-run"])
    #expect(fresh.errors.contains("nothing is in the way; it would begin"), "\(fresh.transcript)")
    #expect(folder.contents == ["maps.h5", "maps.npy"])
    try succeed(begin("run", "training.steps=2"))
    let ended = try succeed(goOn("run") + ["--dry-run"])
    #expect(ended.errors.contains("all 2 steps are done already"), "\(ended.transcript)")
    let further = try succeed(goOn("run", "training.steps=3") + ["--dry-run"])
    #expect(further.errors.contains("it would go on after step 2"), "\(further.transcript)")
  }

  @Test func dryRunOfADistillation() throws {
    try succeed(begin("teacher", "training.steps=2"))
    try succeed(
      ["prune", "--model", folder.place("teacher"), "--data", maps, "--ratio", "0.2", "--samples", "2"]
        + ["--out", folder.place("student"), "--threads", "1"])
    let pair = [
      "distill", "--teacher", folder.place("teacher"), "--student", folder.place("student"), "--threads", "1",
    ]
    let light = pair + ["--data", maps, "--set", "training.steps=2", "--out", folder.place("light")]
    let before = try everything()
    try succeed(light + ["--dry-run"])
    #expect(try everything() == before)
    try succeed(light)
    try expectBothFail(light, "there is a run already")
    try expectBothFail(light + ["--resume", "latest", "--set", "training.batch=1"], "begun with another configuration")
    _ = try folder.file("file", "")
    try expectBothFail(pair + ["--data", maps, "--out", folder.place("file")], "Not a directory")
    // What the run was begun with is its own: two steps, and its data.
    let resume = pair + ["--out", folder.place("light"), "--resume", "latest"]
    #expect(try succeed(resume + ["--dry-run"]).errors.contains("all 2 steps are done already"))
    let more = try succeed(resume + ["--set", "training.steps=3"])
    #expect(more.errors.contains("training.steps 2 -> 3: the rate after step 2"), "\(more.transcript)")
    let other = [
      "distill", "--teacher", folder.place("teacher"), "--student", folder.place("teacher"), "--threads", "1",
    ]
    try expectBothFail(other + ["--out", folder.place("light"), "--resume", "latest"], "begun with another student")
  }

  /// More steps stretch the schedule; what that does to the rate is told in one line.
  @Test func changesAreTold() throws {
    try succeed(begin("run", "training.steps=8", "training.learning_rate=0.001", "training.decay=cosine"))
    func line(_ overrides: [String]) throws -> String {
      let arguments = goOn("run") + overrides.flatMap { ["--set", $0] } + ["--dry-run"]
      return try succeed(arguments).errors.split(separator: "\n").first { $0.contains(" -> ") }.map(String.init) ?? ""
    }
    // After warm-up a cosine from 1e-3 at step 2 to 0 at the last step: of 14 at step 8 half is left.
    #expect(
      try line(["training.steps=14"]) == "training.steps 8 -> 14: the rate after step 8 rises from 0 to 0.0005")
    #expect(
      try line(["training.steps=14", "training.learning_rate=1e-4"])
        == "training.steps 8 -> 14, training.learning_rate 0.001 -> 0.0001: the rate after step 8 rises from 0 to 5e-05"
    )
    #expect(
      try line(["training.final_learning_rate=2e-4"])
        == "training.final_learning_rate 0.0 -> 0.0002: the rate after step 8 rises from 0 to 0.0002")
    #expect(try line(["checkpoints.every=7"]).hasSuffix(": the rate after step 8 stays 0"))
    #expect(try line([]) == "")
    try succeed(begin("steady", "training.steps=4", "training.decay=constant"))
    let steady = try succeed(goOn("steady", "training.steps=9") + ["--dry-run"])
    #expect(steady.errors.contains("training.steps 4 -> 9: the rate after step 4 stays "), "\(steady.transcript)")
    try succeed(begin("high", "training.steps=4", "training.decay=constant", "training.learning_rate=0.01"))
    let lower = try succeed(goOn("high", "training.steps=5", "training.learning_rate=0.001"))
    #expect(lower.errors.contains("falls from 0.01 to 0.001"), "\(lower.transcript)")
  }

  /// Without preset, file and data a run goes on as it was begun, bit for bit.
  @Test func goesOnByItsOwnConfiguration() throws {
    let settings = ["training.steps=6", "checkpoints.every=1000", "data.symmetries=false", "seed=9"]
    let changes = settings.flatMap { ["--set", $0] }
    try succeed(begin("whole") + changes, ranks: 2)
    try succeed(begin("parts") + changes + ["--set", "training.steps=3", "--set", "training.decay=constant"], ranks: 2)
    let other = try Command.run(goOn("parts", "training.decay=cosine", "training.steps=6") + ["--dry-run"])
    #expect(other.code == 1 && other.errors.contains("training.decay = constant"), "\(other.transcript)")
    try succeed(begin("half") + changes + ["--set", "checkpoints.every=3"], ranks: 2)
    try FileManager.default.removeItem(atPath: folder.place("half/checkpoints/step-6"))
    let resumed = try succeed(goOn("half"), ranks: 2)
    #expect(resumed.errors.contains("resuming after step 3"), "\(resumed.transcript)")
    #expect(resumed.errors.contains("no --data: it is the run's own"), "\(resumed.transcript)")
    for file in ["model", "ema", "optimizer"].map({ "checkpoints/step-6/\($0).safetensors" }) + ["metrics.jsonl"] {
      #expect(
        FileManager.default.contentsEqual(
          atPath: folder.place("whole/\(file)"), andPath: folder.place("half/\(file)")), "\(file)")
    }
    let resolved = try String(contentsOfFile: folder.place("half/config.resolved.yaml"), encoding: .utf8)
    #expect(resolved.contains("seed: 9"))
  }

  /// A preset that is named counts as a whole, a file without one changes single keys; both are compared as ever.
  @Test func whatIsGivenIsComparedAsEver() throws {
    try succeed(begin("run", "training.steps=2", "training.learning_rate=0.001"))
    let equal = try succeed(begin("run", "training.steps=2", "training.learning_rate=0.001") + ["--resume", "latest"])
    #expect(equal.errors.contains("all 2 steps are done already"), "\(equal.transcript)")
    #expect(!equal.errors.contains(" -> "), "\(equal.transcript)")
    let preset = try Command.run(goOn("run") + ["--preset", "small", "--data", maps])
    #expect(preset.code == 1 && preset.errors.contains("begun with another configuration"), "\(preset.transcript)")
    let file = try folder.file("more.yaml", "training:\n  steps: 4\n")
    let more = try succeed(goOn("run") + ["--config", file, "--dry-run"])
    #expect(more.errors.contains("training.steps 2 -> 4: the rate"), "\(more.transcript)")
    #expect(!more.errors.contains("learning_rate"), "\(more.transcript)")
    let wrong = try folder.file("wrong.yaml", "model:\n  image_size: 32\n")
    let refused = try Command.run(goOn("run") + ["--config", wrong])
    #expect(refused.code == 1 && refused.errors.contains("model.image_size = 16"), "\(refused.transcript)")
    let family = try folder.file("family.yaml", "family: trial\n")
    let stranger = try Command.run(goOn("run") + ["--config", family], program: Command.trial)
    #expect(stranger.code == 1 && stranger.errors.contains("of another family"), "\(stranger.transcript)")
  }

  @Test func dataOfARunThatGoesOn() throws {
    let use = try Command.run(["train", "--out", folder.place("x")])
    #expect(use.code == 64 && use.errors.contains("--data is missing"), "\(use.transcript)")
    // The cluster script gives --resume latest from the first time on.
    let none = try Command.run(goOn("x"))
    #expect(none.code == 1 && none.errors.contains("there is no checkpoint that names the data"), "\(none.transcript)")
    try succeed(begin("run", "training.steps=2") + ["--resume", "latest"])
    try FileManager.default.moveItem(atPath: maps, toPath: folder.place("moved.h5"))
    let gone = try Command.run(ranks: 2, goOn("run", "training.steps=3"))
    #expect(gone.rankCodes == [1, 1] && gone.errors.contains("is not where it was"), "\(gone.transcript)")
    #expect(gone.errors.contains("hint: --data says where it is now"), "\(gone.transcript)")
    try succeed(goOn("run", "training.steps=3") + ["--data", folder.place("moved.h5")])
    // From then on that is its data; a place with a comma in its name, too.
    try FileManager.default.copyItem(atPath: folder.place("moved.h5"), toPath: folder.place("a,b.h5"))
    try succeed(goOn("run", "training.steps=4") + ["--data", folder.place("a,b.h5")])
    try succeed(goOn("run", "training.steps=5"))
  }

  /// A configuration that promises more than the weights hold is refused before a network is made.
  @Test func aRunWhoseConfigurationIsAnothers() throws {
    let run = folder.place("forged")
    try FileManager.default.copyItem(atPath: "\(Command.fixtures)/run-7d7dfe3", toPath: run)
    let place = "\(run)/plain/config.resolved.yaml"
    let text = try String(contentsOfFile: place, encoding: .utf8)
    let forged = text.replacing(/base_channels: \d+/, with: "base_channels: 512")
    #expect(forged != text)
    try forged.write(toFile: place, atomically: true, encoding: .utf8)
    let outcome = try Command.start(
      ["timeout", "60", Command.program, "reconstruct", "--model", "\(run)/plain", "--data", "\(run)/maps.h5"]
        + ["--out", folder.place("fine.h5")])
    #expect(outcome.code == 1 && outcome.errors.contains("belong to another network"), "\(outcome.transcript)")
  }

  /// Runs of before there were several families: keys that have moved, and data by their joint name.
  @Test func anOldRunGoesOn() throws {
    let fixture = "\(Command.fixtures)/run-7d7dfe3"
    let run = folder.place("old")
    try FileManager.default.copyItem(atPath: fixture, toPath: run)
    func ckm(_ arguments: String...) throws -> Command.Outcome {
      let change = ["bash", "-c", #"cd "$0" && exec "$@""#, run, Command.program]
      return try Command.start(
        change + ["train", "--out", "plain", "--resume", "latest", "--threads", "1"] + arguments)
    }
    let outcome = try ckm("--set", "training.steps=11")
    #expect(outcome.code == 0 && outcome.errors.contains("training.steps"), "\(outcome.transcript)")
    let other = try ckm("--set", "data.normalisation=fine", "--dry-run")
    #expect(other.code == 1 && other.errors.contains("begun with another configuration"), "\(other.transcript)")
  }
}
