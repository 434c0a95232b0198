import Foundation
import TestSupport
import Testing

/// The families that CGDM is compared with, by the commands: small networks on maps of 32 x 32.
@Suite(.serialized) struct RivalTests {
  struct Rival: CustomTestStringConvertible, Sendable {
    let preset: String, title: String
    let settings: [String]
    let losses: [String]
    var testDescription: String { preset }
  }

  private static let generator = ["model.channels=6", "model.blocks=2"]
  static let rivals = [
    Rival(
      preset: "drrn-small", title: "DRRN",
      settings: [
        "model.filters=6", "model.units=3", "training.optimiser=sgd", "training.learning_rate=0.1",
        "training.clip_step=0.01",
      ], losses: ["loss"]),
    Rival(
      preset: "c-vae-small", title: "C-VAE", settings: ["model.widths=[4,6,8]", "model.latent=2"],
      losses: ["loss", "divergence"]),
    Rival(preset: "srgan-mse-small", title: "SRGAN-MSE", settings: generator, losses: ["loss"]),
    Rival(
      preset: "srgan-small", title: "SRGAN", settings: generator + ["model.base=4", "model.dense=8"],
      losses: ["generator_loss", "generator_edge_error", "discriminator_loss", "discriminator_made_maps"]),
  ]

  private let family: FamilyTests
  private let maps: String
  private var folder: TemporaryDirectory { family.folder }

  init() throws {
    family = try FamilyTests()
    maps = try FamilyTests.importMaps(32, in: family.folder)
  }

  private func arguments(_ rival: Rival, _ run: String, _ more: String...) -> [String] {
    let settings = rival.settings + ["model.image_size=32", "validation.every=10", "training.warm_up=5"] + more
    return ["train", "--preset", rival.preset, "--data", maps, "--out", folder.place(run), "--threads", "1"]
      + settings.flatMap { ["--set", $0] }
  }

  @discardableResult
  private func succeed(_ arguments: [String], ranks: Int) throws -> String {
    try family.succeed(arguments, ranks: ranks, program: Command.program)
  }

  /// Batch norms and two players too learn the same on any ranks, also where shares are uneven, or one is empty.
  @Test(arguments: rivals) func rivalsTrainAsOneOnAnyRanks(rival: Rival) throws {
    for batch in [5, 2] {
      for ranks in 1...3 {
        let run = arguments(rival, "\(ranks)-\(batch)", "training.batch=\(batch)", "training.steps=20")
        try succeed(run, ranks: ranks)
      }
      for key in rival.losses + ["validation_loss"] {
        let one = try family.values(key, "1-\(batch)")
        #expect(one.count == (key == "validation_loss" ? 2 : 20), "\(key)")
        for ranks in 2...3 {
          let many = try family.values(key, "\(ranks)-\(batch)")
          #expect(
            many.count == one.count && zip(one, many).allSatisfy { abs($1 / $0 - 1) < 1e-4 },
            "\(key), batch \(batch), \(ranks) ranks")
        }
      }
    }
  }

  /// Killed without a word and resumed: weights, running statistics, averages and moments of both players are those of a run
  /// that nobody killed.
  @Test(arguments: [1, 2]) func killedRivalEqualsUninterrupted(ranks: Int) throws {
    try family.expectKilledEqualsWhole(ranks: ranks, steps: 300, killAt: 30, program: Command.program) {
      arguments(
        Self.rivals[3], $0, "training.batch=3", "training.steps=300", "checkpoints.every=10",
        "checkpoints.keep_last=1000")
    }
  }

  /// Stopped after half of its steps and resumed.
  @Test(arguments: rivals.dropLast()) func resumedRivalEqualsUninterrupted(rival: Rival) throws {
    func run(_ name: String, _ more: String...) throws {
      let settings = more + ["training.batch=3", "checkpoints.every=10", "training.decay=constant"]
      try succeed(
        arguments(rival, name) + settings.flatMap { ["--set", $0] } + ["--resume", "latest"], ranks: 2)
    }
    // How far beta rises depends on the number of steps.
    let rise = rival.title == "C-VAE" ? ["model.beta_rise=0"] : []
    for settings in [["whole", "20"], ["parts", "10"], ["parts", "20"]] {
      try run(settings[0], "training.steps=\(settings[1])", rise.first ?? "seed=1")
    }
    for file in ["model", "ema", "optimizer"].map({ "checkpoints/step-20/\($0).safetensors" }) {
      let (whole, resumed) = (folder.place("whole/\(file)"), folder.place("parts/\(file)"))
      #expect(
        try Data(contentsOf: URL(fileURLWithPath: whole)) == Data(contentsOf: URL(fileURLWithPath: resumed)), "\(file)")
    }
  }

  /// From a configuration to the tables, at magnifications that the networks have not seen.
  @Test(arguments: rivals) func rivalsAreEvaluated(rival: Rival) throws {
    let run = folder.place("run"), table = folder.place("table")
    try succeed(
      arguments(rival, "run", "training.steps=4", "training.batch=2"), ranks: 2)
    let data = [
      "--data", "all=\(maps)", "--model", run, "--magnification", "2", "8", "--estimate", "direct", "--out", table,
    ]
    let text = try succeed(["protocol"] + data, ranks: 2)
    #expect(text.contains("| \(rival.title) "))
    let reconstruct = ["reconstruct", "--model", run, "--data", maps, "--magnification", "8"]
    let isGenerator = rival.title.hasPrefix("SRGAN")
    let way = reconstruct + ["--zero-shot", "resample", "--out", folder.place("way.h5")]
    let resampled = try Command.run(way)
    #expect(resampled.code == (isGenerator ? 0 : 1), "\(resampled.transcript)")
    let draw = try Command.run(reconstruct + ["--estimate", "draw", "--out", folder.place("draw.h5")])
    #expect(draw.code == (rival.title == "C-VAE" ? 0 : 1), "\(draw.transcript)")
    let several = reconstruct + ["--samples", "3", "--out", folder.place("several.h5")]
    let drawn = try Command.run(several)
    #expect(drawn.code == (rival.title == "C-VAE" ? 0 : 1), "\(drawn.transcript)")
    let kept = try Command.run(reconstruct + ["--keep-draws", "--out", folder.place("kept.h5")])
    #expect(kept.code == (rival.title == "C-VAE" ? 0 : 1), "\(kept.transcript)")
    func refused(_ setting: String, _ part: String) throws {
      let outcome = try Command.run(arguments(rival, "x", setting))
      #expect(outcome.code == 1 && outcome.errors.contains(part), "\(outcome.transcript)")
    }
    try refused("data.form=residual", "data.form")
    try refused("data.conditions=[buildings]", "data.conditions")
    if isGenerator {
      try refused("data.symmetries=true", "data.symmetries")
      try refused("training.microbatch=1", "training.microbatch")
      try refused("model.image_size=18", "model.image_size")
    }
  }
}
