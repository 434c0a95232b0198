import Foundation
import TestSupport
import Testing

/// Reconstruction with deviation, evaluation and protocol by their commands, and what is wrong with them.
@Suite(.serialized) struct ReconstructionCommandTests {
  private static let side = 16
  private let folder: TemporaryDirectory
  private let maps: String

  init() throws {
    folder = try TemporaryDirectory()
    maps = folder.place("maps.h5")
    let array = try folder.file("maps.npy", numPy(shape: [6, Self.side, Self.side]) { Self.value($0, 1) })
    let imported = try Command.run(["import", array, "--out", maps])
    try #require(imported.code == 0, "\(imported.transcript)")
  }

  /// A value of maps that are decimated.
  private static func value(_ index: Int, _ magnification: Int) -> Float {
    let side = side / magnification
    let (map, row, column) = (
      index / side / side, index / side % side * magnification, index % side * magnification
    )
    return -80 - Float(map + 1) * Float(row) + Float((row * column) % 7)
  }

  @discardableResult
  private func succeed(
    _ arguments: [String], ranks: Int = 2, location: SourceLocation = #_sourceLocation
  ) throws -> String {
    let outcome = try Command.launch(ranks: ranks, arguments, patience: 60)
    try #require(outcome.code == 0, "\(outcome.transcript)", sourceLocation: location)
    return outcome.output
  }

  private func train(_ name: String, _ settings: [String], on data: String? = nil) throws -> String {
    let all = ["model.image_size=\(Self.side)", "training.batch=4", "training.steps=2", "validation.every=0"]
    try succeed(
      ["train", "--preset", "tiny", "--data", data ?? maps, "--out", folder.place(name), "--threads", "1"]
        + (all + settings).flatMap { ["--set", $0] })
    return folder.place(name)
  }

  /// Coarse maps alone, with their stations, give what decimating the fine ones gives: from kriging, from a network that
  /// starts from it, and in a plan of measurements. Without stations they do not.
  @Test func coarseMapsWithTheirStations() throws {
    let stations = try folder.file(
      "stations.npy", numPy(shape: [6, 2]) { Float($0 % 2 == 0 ? 7 * ($0 / 2) : 12 - $0) })
    let coarse = try folder.file("coarse.npy", numPy(shape: [6, 4, 4]) { Self.value($0, 4) })
    let place = ["--stations", stations, "--station-height", "25", "--spacing", "2", "--origin", "3,-4"]
    let placed = folder.place("placed.h5")
    try succeed(["import", folder.place("maps.npy"), "--out", placed] + place)
    let run = try train(
      "run",
      [
        "data.form=residual", "data.normalisation=dataset", "model.condition_channels=6", "model.patch=2",
        "diffusion.prediction=velocity", "diffusion.zero_terminal_snr=true", "diffusion.start=noise",
        "diffusion.start_timestep=null", "training.learning_rate=0.1",
      ], on: placed)
    for (name, method) in [
      ("kriging", ["--method", "kriging"]), ("run", ["--model", run, "--estimate", "direct"]),
    ] {
      let results = ["fine", "alone", "lost"].map { folder.place("\(name)-\($0).h5") }
      let start = ["reconstruct", "--magnification", "4"] + method
      try succeed(start + ["--data", placed, "--split", "all", "--out", results[0]])
      try succeed(start + ["--coarse", coarse, "--out", results[1]] + place)
      try succeed(start + ["--coarse", coarse, "--out", results[2]])
      for part in ["/maps", "/station", "/x", "/y"] {
        let difference = try Command.start(["h5diff", results[0], results[1], part, part])
        #expect(difference.code == 0, "\(name): \(difference.transcript)")
      }
      #expect(try Command.start(["h5diff", "-q", results[0], results[2], "/maps", "/maps"]).code == 1, "\(name)")
    }
    let plan = ["plan-measurements", "--sample", "3", "--count", "4", "--out", folder.place("plan")]
    let plans = try [["--data", placed], ["--coarse", coarse] + place, ["--coarse", coarse]].map {
      try succeed(plan + $0, ranks: 1)
    }
    #expect(plans[0] == plans[1] && plans[0] != plans[2])
  }

  /// From a model that ends in pure noise to its deviation, its direct estimate, and the table of all.
  @Test func drawsDeviationsAndTheProtocol() throws {
    let run = try train(
      "run",
      [
        "diffusion.prediction=velocity", "diffusion.zero_terminal_snr=true", "diffusion.start=noise",
        "diffusion.start_timestep=null", "data.symmetries=true",
      ])
    let draw = [
      "reconstruct", "--data", maps, "--split", "all", "--model", run, "--sampler", "dpm-solver", "--steps", "3",
    ]
    let files = ["one.h5", "two.h5", "three.h5"].map(folder.place)
    for (ranks, file) in zip(1..., files) {
      try succeed(draw + ["--samples", "2", "--keep-draws", "--out", file], ranks: ranks)
    }
    for other in files.dropFirst() {
      for layer in ["/maps", "/deviation", "/draws"] {
        // Each rank has another batch: rounding of values about -100.
        let difference = try Command.start(["h5diff", "-d", "1e-3", files[0], other, layer, layer])
        #expect(difference.code == 0, "\(difference.transcript)")
      }
    }
    let mean = folder.place("direct.h5"), kriged = folder.place("kriged.h5")
    try succeed(draw + ["--estimate", "direct", "--symmetries", "--name", "direct", "--out", mean])
    try succeed(["reconstruct", "--data", maps, "--method", "kriging", "--out", kriged])
    let ensemble = folder.place("ensemble.h5")
    try succeed(["reconstruct", "--data", maps, "--method", "kriging", "--covariance-of", maps, "--out", ensemble])
    let table = try succeed(
      ["evaluate", "--data", maps, "--out", folder.place("report")]
        + [files[0], mean, kriged, ensemble].flatMap { ["--reconstruction", $0] })
    let parts = [
      "| direct", "| CGDM", "| reconstruction (kriging)", "| kriging (ensemble)", "in 90 % interval", "interior: MSE",
    ]
    for part in parts {
      #expect(table.contains(part), "lacks \(part):\n\(table)")
    }
    let out = folder.place("protocol")
    let whole = try succeed([
      "protocol", "--data", "mixed=\(maps)", "--data", "again=\(maps):maps", "--model", run, "--magnification", "2",
      "4",
      "--estimate", "direct", "--out", out,
    ])
    for part in ["Paired gains", "## mixed", "### again, x4", "| CGDM", "| kriging", "MSE / best"] {
      #expect(whole.contains(part), "lacks \(part):\n\(whole)")
    }
    for name in ["protocol.md", "protocol.json", "mixed-x2/CGDM.h5", "again-x4/report.json", "data/again.h5"] {
      #expect(FileManager.default.fileExists(atPath: "\(out)/\(name)"), "\(name)")
    }
  }

  private func expectFailure(_ arguments: [String], _ parts: [String], code: Int32 = 1) throws {
    let outcome = try Command.run(ranks: 2, arguments)
    #expect(outcome.rankCodes == [code, code], "\(outcome.transcript)")
    for part in parts { #expect(outcome.errors.contains(part), "lacks \(part):\n\(outcome.transcript)") }
  }

  @Test func whatCannotBeReconstructed() throws {
    let out = folder.place("out.h5"), run = try train("run", [])
    let start = ["reconstruct", "--data", maps, "--out", out]
    let model = start + ["--model", run, "--split", "all"]
    try expectFailure(start, ["--model or --method"], code: 64)
    try expectFailure(start + ["--method", "kriging", "--model", run], ["--model or --method"], code: 64)
    try expectFailure(start + ["--method", "kriging", "--samples", "4"], ["a model's"], code: 64)
    try expectFailure(start + ["--method", "spline", "--split", "test"], ["--split test"], code: 64)
    try expectFailure(start + ["--method", "lanczos"], ["lanczos"], code: 64)
    try expectFailure(model + ["--samples", "0"], ["--samples"], code: 64)
    try expectFailure(model + ["--samples", "3", "--estimate", "draw"], ["mean or direct"], code: 64)
    try expectFailure(model + ["--estimate", "direct"], ["no direct estimate", "expected: ", "epsilon"])
    try expectFailure(model + ["--symmetries"], ["turned maps", "data.symmetries"])
    try expectFailure(start + ["--method", "kriging", "--symmetries"], ["a model's"], code: 64)
    try expectFailure(start + ["--method", "spline", "--covariance-of", maps], ["--method kriging"], code: 64)
    try expectFailure(start + ["--method", "kriging", "--covariance-of", "nowhere.h5"], ["nowhere.h5"])
    try expectFailure(
      model + ["--sampler", "dpm-solver", "--steps", "0"], ["no such number of sampling steps", "found: 0"])
    try expectFailure(model + ["--eta", "2"], ["eta is out of range", "0...1"])
    try expectFailure(
      ["reconstruct", "--coarse", "nowhere.npy", "--method", "kriging", "--out", out], ["nowhere.npy"])
    try expectFailure(
      ["reconstruct", "--coarse", folder.place("maps.npy"), "--method", "kriging", "--out", out, "--stations", maps],
      ["maps.h5", "expected: "])
    try expectFailure(start + ["--method", "kriging", "--stations", "s.npy"], ["is for --coarse"], code: 64)
    try expectFailure(start + ["--method", "kriging", "--spacing", "0"], ["--spacing", "found 0.0"], code: 64)
    #expect(!FileManager.default.fileExists(atPath: out))
  }

  @Test func whatCannotBeEvaluated() throws {
    let out = ["--out", folder.place("report")]
    try expectFailure(["evaluate", "--data", maps] + out, ["--magnification"], code: 64)
    try expectFailure(["evaluate", "--data", maps, "--magnification", "3"] + out, ["maps.h5", "divisor"])
    try expectFailure(["evaluate", "--data", maps, "--reconstruction", maps] + out, ["holds no reconstruction"])
    try expectFailure(["protocol", "--data", maps] + out, ["NAME=FILE"], code: 64)
    try expectFailure(["protocol", "--data", "a=nowhere.h5"] + out, ["nowhere.h5"])
    try expectFailure(["protocol", "--data", "a=\(maps):coherent"] + out, ["no such layer", "expected: maps"])
    try expectFailure(["protocol", "--data", "a/b=\(maps)"] + out, ["cannot have this name"])
    try expectFailure(["protocol", "--data", "a=\(maps)", "--data", "a=\(maps)"] + out, ["no name twice"])
    try expectFailure(["protocol", "--data", "a=\(maps)", "--magnification", "5"] + out, ["divisor"])
    try expectFailure(
      ["protocol", "--data", "a=\(maps)", "--model", folder.place("none")] + out, ["none"])
  }
}
