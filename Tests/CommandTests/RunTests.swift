import Foundation
import TestSupport
import Testing

/// The main job by its commands, with a network and maps so small that all of it takes seconds.
@Suite(.serialized) struct RunTests {
  static let side = 16
  let folder: TemporaryDirectory
  let maps: String
  /// Six smooth maps [dB], each with a slope of its own.
  static func value(_ index: Int) -> Float {
    let (map, row, column) = (index / (side * side), index / side % side, index % side)
    return -80 - Float(map + 1) * Float(row) + Float((row * column) % 7)
  }

  init() throws {
    folder = try TemporaryDirectory()
    maps = folder.place("maps.h5")
    let array = try folder.file("maps.npy", numPy(shape: [6, Self.side, Self.side], Self.value))
    let imported = try Command.run(["import", array, "--out", maps])
    try #require(imported.code == 0, "\(imported.transcript)")
  }

  func train(_ run: String, _ overrides: String..., resume: Bool = false) -> [String] {
    let settings = ["model.image_size=\(Self.side)", "training.batch=4", "validation.every=0"] + overrides
    return ["train", "--preset", "tiny", "--data", maps, "--out", folder.place(run), "--threads", "1"]
      + settings.flatMap { ["--set", $0] } + (resume ? ["--resume", "latest"] : [])
  }

  func succeed(_ arguments: [String], location: SourceLocation = #_sourceLocation) throws -> String {
    let outcome = try Command.launch(ranks: 2, arguments, patience: 60)
    try #require(outcome.code == 0, "\(outcome.transcript)", sourceLocation: location)
    return outcome.output
  }

  /// Also that measured coarse maps alone give what decimating the fine ones gives.
  @Test func fromMapsToReport() throws {
    let run = folder.place("run")
    _ = try succeed(train("run", "training.steps=3", "checkpoints.every=2"))
    let inspected = try succeed(["inspect", "run", run, "--out", folder.place("loss.svg")])
    for part in ["| step-2", "| step-3", "| whole", "| training.steps", "| loss"] {
      #expect(inspected.contains(part), "lacks \(part):\n\(inspected)")
    }
    #expect(try String(contentsOfFile: folder.place("loss.svg"), encoding: .utf8).hasPrefix("<svg"))

    let (fine, alone) = (folder.place("fine.h5"), folder.place("alone.h5"))
    let sampling = ["--model", run, "--magnification", "4", "--sampler", "ddim", "--steps", "2"]
    _ = try succeed(["reconstruct", "--data", maps, "--split", "all", "--out", fine] + sampling)
    let coarse = try folder.file(
      "coarse.npy",
      numPy(shape: [6, 4, 4]) { index in
        Self.value(index / 16 * 256 + index / 4 % 4 * 4 * 16 + index % 4 * 4)
      })
    _ = try succeed(["reconstruct", "--coarse", coarse, "--units", "dB", "--out", alone] + sampling)
    let difference = try Command.start(["h5diff", fine, alone, "/maps", "/maps"])
    #expect(difference.code == 0, "\(difference.transcript)")

    let report = try succeed([
      "evaluate", "--data", maps, "--reconstruction", fine, "--out", folder.place("report"),
    ])
    for method in ["nearest", "bilinear", "bicubic", "spline", "kriging", "CGDM"] {
      #expect(report.contains("| \(method)"))
    }
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.place("report"))
    #expect(Set(files) == ["report.md", "report.json", "calibration.svg", "best.png", "median.png", "worst.png"])
  }

  @Test func dryRunWritesNothing() throws {
    let outcome = try Command.launch(ranks: 2, train("run") + ["--dry-run"], patience: 60)
    #expect(outcome.code == 0, "\(outcome.transcript)")
    #expect(folder.contents == ["maps.h5", "maps.npy"])
  }

  /// SIGUSR1 to mpirun: saved, stopped, exit code 75; what is resumed ends as what was never stopped.
  @Test func stopsWhenAskedAndGoesOn() throws {
    let settings = ["training.steps=60", "checkpoints.every=1000"]
    _ = try succeed(train("whole", settings[0], settings[1]))
    let run = folder.place("stopped")
    // The signal follows as soon as a step has been logged: far from the last one.
    let watch = #"log=$1; shift; "$@" & job=$!; until [[ -s $log ]]; do sleep 0.01; done; kill -USR1 $job; wait $job"#
    let stopped = try Command.launch(
      ranks: 2, train("stopped", settings[0], settings[1]), patience: 60,
      prefix: ["bash", "-c", watch, "-", "\(run)/metrics.jsonl"])
    #expect(stopped.code == 75, "\(stopped.transcript)")
    let saved = try FileManager.default.contentsOfDirectory(atPath: "\(run)/checkpoints")
    #expect(saved.count == 1 && saved != ["step-60"], "\(saved)")
    _ = try succeed(train("stopped", settings[0], settings[1], resume: true))
    expectSameEnd("whole", "stopped", step: 60)
  }

  /// SIGKILL on one rank at a step that differs from run to run: the job ends, and what is resumed ends as what was
  /// never stopped.
  @Test func losesNothingWhenARankIsKilled() throws {
    let settings = ["training.steps=40", "checkpoints.every=5"]
    _ = try succeed(train("whole", settings[0], settings[1]))
    let run = folder.place("killed"), step = Int.random(in: 6...25)
    let watch = """
      log=$1; shift; "$@" & job=$!
      until [[ $(wc -l < "$log" 2>/dev/null || echo 0) -ge \(step) ]]; do sleep 0.01; done
      pkill -KILL -n -f -- '--out \(run) '; wait $job
      """
    let killed = try Command.launch(
      ranks: 2, train("killed", settings[0], settings[1]), patience: 60,
      prefix: ["bash", "-c", watch, "-", "\(run)/metrics.jsonl"])
    #expect(killed.code != 0, "step \(step): \(killed.transcript)")
    _ = try succeed(train("killed", settings[0], settings[1], resume: true))
    expectSameEnd("whole", "killed", step: 40)
  }

  /// Weights, average, moments and the log, bit for bit.
  private func expectSameEnd(_ first: String, _ second: String, step: Int) {
    let files = ["model", "ema", "optimizer"].map { "checkpoints/step-\(step)/\($0).safetensors" }
    for file in files + ["metrics.jsonl"] {
      let (one, other) = (folder.place("\(first)/\(file)"), folder.place("\(second)/\(file)"))
      #expect(FileManager.default.contentsEqual(atPath: one, andPath: other), "\(file)")
    }
  }

  @Test func badReconstructions() throws {
    _ = try succeed(train("run", "training.steps=1"))
    let out = folder.place("fine.h5")
    let start = ["reconstruct", "--model", folder.place("run"), "--out", out]
    func expectFailure(_ arguments: [String], _ parts: [String], code: Int32 = 1) throws {
      let outcome = try Command.run(ranks: 2, start + arguments)
      #expect(outcome.rankCodes == [code, code], "\(outcome.transcript)")
      for part in parts { #expect(outcome.errors.contains(part), "lacks \(part):\n\(outcome.transcript)") }
    }
    try expectFailure(["--data", maps, "--magnification", "3"], ["magnification", "expected: ", "found: "])
    try expectFailure([], ["--data or --coarse"], code: 64)
    let holes = try folder.file("holes.npy", numPy(shape: [1, 4, 4]) { $0 == 5 ? .nan : -Float($0) })
    try expectFailure(["--coarse", holes], ["holes.npy", "found: nan in sample 0, row 1, column 1"])
    let wide = try folder.file("wide.npy", numPy(shape: [1, 5, 5]) { Float($0) })
    try expectFailure(["--coarse", wide], ["wide.npy", "expected: ", "found: "])
    try expectFailure(["--coarse", "nowhere.png"], ["nowhere.png", "No such file"])
    #expect(!FileManager.default.fileExists(atPath: out))
  }

  /// One flipped byte: the checkpoint before it takes its place, and that is said.
  @Test func damagedCheckpoint() throws {
    _ = try succeed(train("run", "training.steps=2", "checkpoints.every=1"))
    let weights = "\(folder.place("run"))/checkpoints/step-2/model.safetensors"
    var bytes = try Data(contentsOf: URL(fileURLWithPath: weights))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(fileURLWithPath: weights))
    let inspected = try succeed(["inspect", "run", folder.place("run")])
    #expect(inspected.contains("damaged") && inspected.contains("model.safetensors"), "\(inspected)")
    let resumed = try Command.launch(
      ranks: 2, train("run", "training.steps=2", "checkpoints.every=1", resume: true), patience: 60)
    #expect(resumed.code == 0 && resumed.errors.contains("step-2.bad"), "\(resumed.transcript)")
  }
}
