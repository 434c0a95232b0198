import Foundation
import TestSupport
import Testing

/// A family that no library knows (Tests/TrialCommand), by the commands alone: what holds of it holds of any family.
@Suite(.serialized) struct FamilyTests {
  let folder: TemporaryDirectory
  let maps: String

  init() throws {
    folder = try TemporaryDirectory()
    maps = try Self.importMaps(RunTests.side, in: folder)
  }

  /// Eighteen smooth maps [dB] of so many rows and columns, each with a slope of its own.
  static func importMaps(_ side: Int, in folder: TemporaryDirectory) throws -> String {
    let maps = folder.place("maps\(side).h5")
    let array = try folder.file(
      "maps\(side).npy",
      numPy(shape: [18, side, side]) { index in
        let (map, row, column) = (index / (side * side), index / side % side, index % side)
        let ripple = sin(Float(column) / (2 + Float(map) / 5)) * cos(Float(row) / 3 + Float(map))
        return -85 - Float(map % 5) * Float(row) / 4 - Float(column) / 2 + 4 * ripple
      })
    let imported = try Command.run(["import", array, "--out", maps])
    try #require(imported.code == 0, "\(imported.transcript)")
    return maps
  }

  func train(_ run: String, _ overrides: String...) -> [String] {
    ["train", "--preset", "trial", "--data", maps, "--out", folder.place(run), "--threads", "1"]
      + overrides.flatMap { ["--set", $0] }
  }

  @discardableResult
  func succeed(
    _ arguments: [String], ranks: Int = 1, program: String = Command.trial,
    location: SourceLocation = #_sourceLocation
  ) throws -> String {
    let outcome = try Command.launch(ranks: ranks, arguments, patience: 60, program: program)
    try #require(outcome.code == 0, "\(outcome.transcript)", sourceLocation: location)
    return outcome.output
  }

  private func lines(_ run: String) throws -> [[String: Any]] {
    try String(contentsOfFile: folder.place("\(run)/metrics.jsonl"), encoding: .utf8).split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }

  func values(_ key: String, _ run: String) throws -> [Double] {
    try lines(run).compactMap { $0[key] as? Double }
  }

  /// Generator and discriminator learn the same on one, two and three ranks, also where shares are uneven, gradients are
  /// accumulated and the generator waits every other step, however gradients get to the other ranks.
  @Test(arguments: ["automatic", "overlapped", "naive"]) func anyRanksTrainAsOne(reducer: String) throws {
    for ranks in 1...3 {
      try succeed(
        train(
          "run\(ranks)", "training.batch=7", "training.microbatch=2", "model.generator_every=2",
          "training.reducer=\(reducer)"), ranks: ranks)
    }
    for (key, count) in [("generator_loss", 20), ("discriminator_loss", 40), ("validation_loss", 2)] {
      let one = try values(key, "run1")
      #expect(one.count == count)
      for ranks in 2...3 {
        let many = try values(key, "run\(ranks)")
        #expect(many.count == count && zip(one, many).allSatisfy { abs($1 / $0 - 1) < 1e-4 }, "\(key), \(ranks) ranks")
      }
    }
    let (errors, verdicts) = (
      try values("generator_map_error", "run1"), try values("discriminator_true_error", "run1")
    )
    #expect(errors[15...].reduce(0, +) < errors[..<5].reduce(0, +))
    #expect(verdicts[35...].reduce(0, +) < verdicts[..<5].reduce(0, +))
    // A generator that steps at other times is another run.
    let other = try Command.launch(
      ranks: 1, train("run1", "training.batch=7", "training.microbatch=2") + ["--resume", "latest"], patience: 60,
      program: Command.trial)
    #expect(other.code == 1 && other.errors.contains("model.generator_every"), "\(other.transcript)")
  }

  /// Losses that depend on all samples at once are the same on any ranks, also on those that have none.
  @Test func coupledSamplesTrainAsOne() throws {
    let settings = ["training.batch=2", "training.steps=20", "model.coupled=true"].flatMap { ["--set", $0] }
    for ranks in 1...3 { try succeed(train("run\(ranks)") + settings, ranks: ranks) }
    for key in ["generator_loss", "discriminator_loss"] {
      let one = try values(key, "run1")
      #expect(one.count == 20)
      for ranks in 2...3 {
        let many = try values(key, "run\(ranks)")
        #expect(many.count == 20 && zip(one, many).allSatisfy { abs($1 / $0 - 1) < 1e-4 }, "\(key), \(ranks) ranks")
      }
    }
    try succeed(train("alone", "training.batch=2", "training.steps=20"))
    #expect(try values("generator_loss", "alone") != values("generator_loss", "run1"))
    let parts = try Command.launch(
      ranks: 1, train("x", "model.coupled=true", "training.microbatch=1"), patience: 60, program: Command.trial)
    #expect(parts.code == 1 && parts.errors.contains("training.microbatch"), "\(parts.transcript)")
  }

  /// Killed without a word and resumed: both players' weights, averages and moments and the log are those of a run that
  /// nobody killed.
  @Test(arguments: [1, 2]) func killedEqualsUninterrupted(ranks: Int) throws {
    let overrides = [
      "training.steps=600", "checkpoints.every=20", "validation.every=60", "checkpoints.keep_last=1000",
      "model.generator_every=3", "training.optimiser=muon",
    ]
    try expectKilledEqualsWhole(ranks: ranks, steps: 600, killAt: 60) {
      train($0) + overrides.flatMap { ["--set", $0] }
    }
  }

  /// What a checkpoint of a generator and its discriminator holds.
  static let adversarialFiles = [
    "generator", "generator.ema", "generator.optimizer", "discriminator", "discriminator.optimizer",
  ]

  /// A run of a generator and a discriminator, without interruption and killed where a step is saved.
  func expectKilledEqualsWhole(
    ranks: Int, steps: Int, killAt step: Int, program: String = Command.trial, files names: [String] = adversarialFiles,
    _ arguments: (_ run: String) -> [String]
  ) throws {
    try succeed(arguments("whole"), ranks: ranks, program: program)
    let saved = folder.place("killed/checkpoints/step-\(step)")
    let script =
      #"set -m; "$@" & job=$!; for _ in $(seq 3000); do [[ -e "$saved" ]] && break; sleep 0.01; done; "#
      + #"kill -KILL -- -$job; wait $job"#
    let mpirun = ["mpirun", "--timeout", "60", "--oversubscribe", "--bind-to", "none", "-n", "\(ranks)"]
    let killed = try Command.start(
      ["bash", "-c", script, "-"] + mpirun + [program] + arguments("killed"), environment: ["saved": saved])
    #expect(killed.code == 137, "\(killed.transcript)")
    #expect(!FileManager.default.fileExists(atPath: folder.place("killed/checkpoints/step-\(steps)")))
    try awaitLock("killed")
    try succeed(arguments("killed") + ["--resume", "latest"], ranks: ranks, program: program)
    let files = names.map { "checkpoints/step-\(steps)/\($0).safetensors" }
    for file in files + ["metrics.jsonl"] {
      let (whole, resumed) = (folder.place("whole/\(file)"), folder.place("killed/\(file)"))
      #expect(
        try Data(contentsOf: URL(fileURLWithPath: whole)) == Data(contentsOf: URL(fileURLWithPath: resumed)), "\(file)")
    }
  }

  /// Ranks whose mpirun was killed end by themselves; the directory is theirs until then.
  private func awaitLock(_ run: String) throws {
    let lock = folder.place("\(run)/.lock")
    let outcome = try Command.start(["timeout", "20", "flock", lock, "true"])
    #expect(outcome.code == 0, "\(outcome.transcript)")
  }

  @Test func fromConfigurationToReport() throws {
    let configuration = try succeed(["config", "--preset", "trial"])
    #expect(configuration.contains("family: trial") && configuration.contains("generator_every: 1"))
    let file = try folder.file("trial.yaml", Array("preset: trial\ntraining:\n  steps: 30\n".utf8))
    let run = folder.place("run")
    try succeed(["train", "--config", file, "--data", maps, "--out", run, "--threads", "1"], ranks: 2)
    #expect(try values("generator_loss", "run").count == 30)
    let head = try Command.launch(
      ranks: 1, ["train", "--config", file, "--data", maps, "--out", folder.place("dry"), "--dry-run"], patience: 60,
      program: Command.trial)
    #expect(
      (head.errors + head.output).contains("generator: 2.8 k parameters"), "\(head.transcript)"
    )

    let inspected = try succeed(["inspect", "run", run, "--out", folder.place("loss.svg")])
    for part in ["preset trial", "generator.ema.safetensors", "discriminator_loss", "| step-30"] {
      #expect(inspected.contains(part), "lacks \(part):\n\(inspected)")
    }
    let other = folder.place("other")
    try succeed(train("other", "training.steps=20"))
    try succeed(["inspect", "run", run, "--beside", other, "--out", folder.place("both.svg")])
    let both = try String(contentsOfFile: folder.place("both.svg"), encoding: .utf8)
    #expect(both.contains("validation loss") && both.contains(">run<") && both.contains(">other<"))
    let model = try succeed(["inspect", "model", "--preset", "trial"])
    for part in ["generator:", "discriminator:", "5 layers", "multiply-accumulates"] {
      #expect(model.contains(part), "lacks \(part):\n\(model)")
    }

    // The paper's normalisation looks at the fine maps, which a data set has.
    let leak = folder.place("leak")
    try succeed(train("leak", "training.steps=2", "data.normalisation=fine"))
    try succeed(["reconstruct", "--model", leak, "--data", maps, "--out", folder.place("leak.h5")])
    let (fine, several) = (folder.place("fine.h5"), folder.place("several.h5"))
    try succeed(["reconstruct", "--model", run, "--data", maps, "--out", fine], ranks: 2)
    try succeed(
      ["reconstruct", "--model", run, "--data", maps, "--samples", "3", "--name", "mean of 3", "--out", several],
      ranks: 3)
    let report = try succeed(
      [
        "evaluate", "--data", maps, "--reconstruction", fine, "--reconstruction", several, "--out",
        folder.place("report"),
      ], ranks: 2)
    for method in ["bilinear", "kriging", "Trial-GAN", "mean of 3", "CRPS"] {
      #expect(report.contains(method), "lacks \(method):\n\(report)")
    }
    let table = try succeed([
      "protocol", "--data", "all=\(maps)", "--model", run, "--magnification", "2", "4", "--out", folder.place("table"),
    ])
    #expect(table.contains("| Trial-GAN"))
    try succeed(["bench", "train-step", "--preset", "trial", "--batch", "2", "--steps", "1"])
  }

  /// What a family cannot do is said by name.
  @Test func whatTheFamilyCannotDo() throws {
    let run = folder.place("run")
    try succeed(train("run", "training.steps=2"))
    func refused(_ arguments: [String], _ part: String, location: SourceLocation = #_sourceLocation) throws {
      let outcome = try Command.run(arguments, program: Command.trial)
      #expect(
        outcome.code == 1 && outcome.errors.contains(part), "\(outcome.transcript)", sourceLocation: location)
    }
    let data = ["--data", maps, "--out", folder.place("x")]
    try refused(["prune", "--model", run, "--ratio", "0.2"] + data, "the family trial")
    let reconstruct = ["reconstruct", "--model", run] + data
    try refused(reconstruct + ["--sampler", "ddim"], "--sampler")
    try refused(reconstruct + ["--symmetries"], "--symmetries")
    try refused(train("fresh") + ["--initial-weights", "critic=a.safetensors"], "critic=a.safetensors")
    let tiny = ["train", "--preset", "tiny", "--data", maps, "--out", run, "--resume", "latest"]
    try refused(tiny, "the run is of another family of models")
    try refused(["inspect", "model", "--preset", "trial", "--prunable"], "the family trial")
    try refused(train("fresh") + ["--data", maps], "given twice")
    try refused(train("fresh", "data.form=residual"), "data.form")
    try refused(["distill", "--teacher", run, "--student", run] + data, "the family trial")
    let mixed = try folder.file("mixed.yaml", Array("family: cgdm\npreset: trial\n".utf8))
    try refused(["config", "--config", mixed], "another family")
    let unknown = try folder.file("unknown.yaml", Array("family: trail\n".utf8))
    try refused(["config", "--config", unknown], "did you mean trial?")
    // A program that was built without the family says so.
    let outcome = try Command.run(["inspect", "run", run])
    #expect(outcome.code == 1 && outcome.errors.contains("no such family of models"), "\(outcome.transcript)")
  }
}
