import Foundation
import TestSupport
import Testing

/// Maps of stations from those of others, by the commands: simulate, train autoencoder, latent diffusion and UNet, infer, evaluate,
/// deploy.
@Suite(.serialized) struct CrossStationTests {
  private let family: FamilyTests
  private var folder: TemporaryDirectory { family.folder }
  private let data: String
  private let autoencoder: String

  /// Eight cities of six stations, 16 x 16 places, and a trained autoencoder.
  init() throws {
    family = try FamilyTests()
    data = family.folder.place("city.h5")
    autoencoder = family.folder.place("ae")
    try succeed(
      ["simulate", "urban", "--environments", "8", "--stations", "6", "--size", "16", "--spacing", "8", "--out", data])
    try succeed(train("autoencoder-tiny", "ae"))
  }

  private func train(_ preset: String, _ run: String, _ settings: String...) -> [String] {
    ["train", "--preset", preset, "--data", data, "--out", folder.place(run), "--threads", "1"]
      + settings.flatMap { ["--set", $0] }
  }

  private func station(_ run: String, _ settings: String...) -> [String] {
    train("bs-1-to-n-tiny", run, "latent.autoencoder=\(autoencoder)") + settings.flatMap { ["--set", $0] }
  }

  @discardableResult
  private func succeed(_ arguments: [String], ranks: Int = 1) throws -> String {
    try family.succeed(arguments, ranks: ranks, program: Command.program)
  }

  private func expectRefusal(
    _ arguments: [String], _ parts: String..., location: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try Command.run(arguments)
    #expect(outcome.code == 1, "\(outcome.transcript)", sourceLocation: location)
    for part in parts {
      #expect(outcome.errors.contains(part), "\(part): \(outcome.transcript)", sourceLocation: location)
    }
  }

  /// The same losses on one, two and three ranks, where shares are uneven, for both of the paper's trainings.
  @Test func anyRanksTrainAsOne() throws {
    for ranks in 1...3 {
      try succeed(train("autoencoder-tiny", "ae-\(ranks)", "training.batch=5"), ranks: ranks)
      try succeed(station("bs-\(ranks)", "data.least_sources=1", "data.most_sources=5"), ranks: ranks)
    }
    for run in ["ae", "bs"] {
      for key in ["loss", "validation_loss"] {
        let one = try family.values(key, "\(run)-1")
        #expect(!one.isEmpty)
        for ranks in 2...3 {
          let many = try family.values(key, "\(run)-\(ranks)")
          #expect(
            many.count == one.count && zip(one, many).allSatisfy { abs($1 / $0 - 1) < 1e-4 },
            "\(run), \(key), \(ranks) ranks: \(zip(one, many).map { $1 / $0 - 1 })")
        }
      }
    }
  }

  /// Killed without a word and resumed: the bits of a run that nobody killed.
  @Test(arguments: [1, 2]) func killedEqualsUninterrupted(ranks: Int) throws {
    try family.expectKilledEqualsWhole(
      ranks: ranks, steps: 200, killAt: 30, program: Command.program, files: ["model", "ema", "optimizer"]
    ) {
      station($0, "training.steps=200", "checkpoints.every=10", "checkpoints.keep_last=1000")
    }
  }

  /// From a run to tables and a place for a station; what comes out does not depend on the ranks.
  @Test func fromARunToAPlace() throws {
    try succeed(station("bs"), ranks: 2)
    let run = folder.place("bs"), infer = ["infer", "--model", run, "--data", data, "--sources", "3"]
    let drawn = infer + ["--targets", "2", "--steps", "4", "--samples", "2", "--guidance", "1.5"]
    for ranks in 1...2 { try succeed(drawn + ["--out", folder.place("drawn-\(ranks).h5")], ranks: ranks) }
    let files = (1...2).map { folder.place("drawn-\($0).h5") }
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: files[0])) == Data(contentsOf: URL(fileURLWithPath: files[1])))
    let direct = folder.place("direct.h5")
    try succeed(infer + ["--targets", "2", "--estimate", "direct", "--name", "direct", "--out", direct])
    let table = try succeed(
      ["evaluate", "--data", data, "--reconstruction", files[0], "--reconstruction", direct, "--scale", "-147,-47"]
        + ["--out", folder.place("report")])
    #expect(table.contains("| BS-1-to-N ") && table.contains("| direct "))
    let new = folder.place("new.h5")
    try succeed(
      infer + ["--environment", "3", "--at", "40,60", "--at", "100,20", "--estimate", "direct", "--out", new])
    #expect(try succeed(["inspect", "data", new]).contains("2 maps"))
    let deploy = ["deploy", "--model", run, "--data", data, "--environment", "3", "--estimate", "direct"]
    let places = try (1...2).map { ranks in
      let report = folder.place("place-\(ranks)")
      let plan = try succeed(
        deploy + ["--region", "0,0,60,60", "--every", "16", "--at-least", "-140", "--out", report], ranks: ranks)
      #expect(plan.contains("maps by BS-1-to-N"))
      return try String(contentsOfFile: "\(report)/candidates.csv", encoding: .utf8)
    }
    #expect(places[0] == places[1] && places[0].split(separator: "\n").count > 10)
    let trial = try succeed(
      ["deploy", "--model", run, "--data", data, "--trial", "--sources", "2", "--every", "40", "--maximum", "2"]
        + ["--estimate", "direct", "--out", folder.place("trial")])
    #expect(trial.contains("| distance weighting") && trial.contains("| chance"))
  }

  /// The UNet looks at the nearest of its number of sources, and at no fewer.
  @Test func unetAcrossStations() throws {
    let large = folder.place("large.h5")
    try succeed(
      ["simulate", "urban", "--environments", "6", "--stations", "5", "--size", "64", "--spacing", "4", "--out", large])
    let settings = [
      "model.sources=2", "model.down=[2,2,2,2,2,2,2,2,2]", "model.up=[2,2,2,2,2,2,2,2,2,1]", "training.steps=4",
    ]
    let run = folder.place("unet")
    try succeed(
      ["train", "--preset", "cross-unet-small", "--data", large, "--out", run, "--threads", "1"]
        + settings.flatMap { ["--set", $0] }, ranks: 2)
    let infer = ["infer", "--model", run, "--data", large, "--targets", "2"]
    #expect(
      try succeed(infer + ["--sources", "3", "--out", folder.place("unet.h5")], ranks: 2).contains("2 maps, dB"))
    try expectRefusal(
      infer + ["--sources", "1", "--out", folder.place("no.h5")], "more known stations than there are",
      "2 sources at least")
    try expectRefusal(
      infer + ["--sources", "2", "--estimate", "mean", "--out", folder.place("no.h5")], "UNet has no use for this")
  }

  @Test func whatIsRefused() throws {
    func refused(_ arguments: [String], _ first: String, _ second: String) throws {
      try expectRefusal(arguments, first, second)
      #expect(!FileManager.default.fileExists(atPath: folder.place("no.h5")))
    }
    try refused(train("bs-1-to-n-tiny", "no"), "there is no autoencoder", "--set latent.autoencoder")
    try refused(
      train("bs-1-to-n-tiny", "no", "latent.autoencoder=\(folder.place("nowhere"))"), folder.place("nowhere"),
      "there is no run")
    try succeed(station("bs"))
    try refused(
      train("bs-1-to-n-tiny", "no", "latent.autoencoder=\(folder.place("bs"))"), "of another family", "bs-1-to-n")
    try refused(
      train("autoencoder-tiny", "no", "model.image_size=32"), "another size than the network", "32x32")
    let infer = ["infer", "--model", folder.place("bs"), "--data", data, "--out", folder.place("no.h5")]
    try refused(infer + ["--targets", "2", "--sources", "5"], "too few stations", "7 stations at least")
    try refused(infer + ["--environment", "3", "--at", "900,20"], "outside the area", "(900.0, 20.0) m")
    try refused(infer + ["--environment", "77", "--at", "9,20"], "no such environment", "77")
    try refused(
      ["infer", "--model", autoencoder, "--data", data, "--targets", "1", "--out", folder.place("no.h5")],
      "an autoencoder infers no maps", "latent.autoencoder=RUN")
    try refused(
      ["reconstruct", "--model", folder.place("bs"), "--data", data, "--out", folder.place("no.h5")],
      "cannot start from such observations", "stations")
    // Another autoencoder under the same name.
    try FileManager.default.removeItem(atPath: autoencoder)
    try succeed(train("autoencoder-tiny", "ae", "seed=5"))
    try refused(infer + ["--targets", "1"], "has changed since the run was begun", "check sum")
    try refused(
      station("bs", "training.steps=30") + ["--resume", "latest"], "begun with another configuration",
      "latent.checksum")
  }
}
