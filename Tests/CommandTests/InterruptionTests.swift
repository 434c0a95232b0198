import Foundation
import Testing

/// Runs that are killed, asked to stop, or whose checkpoint is damaged lose nothing.
@Suite(.serialized) struct InterruptionTests {
  private let folder: TemporaryDirectory
  private let maps: String
  private static let steps = 24

  init() throws {
    folder = try TemporaryDirectory()
    maps = folder.place("maps.h5")
    let simulated = try Command.run(
      ["simulate", "uma", "--scenario", "mixed", "--count", "12", "--size", "32", "--out", maps])
    try #require(simulated.code == 0, "\(simulated.transcript)")
  }

  private func training(_ run: String, resume: Bool = false) -> [String] {
    ["train", "--preset", "tiny", "--data", maps, "--out", folder.place(run), "--threads", "1"]
      + [
        "model.image_size=32", "training.steps=\(Self.steps)", "training.batch=4", "checkpoints.every=4",
        "checkpoints.keep_last=100", "validation.every=8",
      ].flatMap { ["--set", $0] } + (resume ? ["--resume", "latest"] : [])
  }

  /// Weights, average, moments and the loss log.
  private func expectSameResult(_ first: String, _ second: String, location: SourceLocation = #_sourceLocation) {
    let files = ["model", "ema", "optimizer"].map { "checkpoints/step-\(Self.steps)/\($0).safetensors" }
    for file in files + ["metrics.jsonl"] {
      let same = FileManager.default.contentsEqual(
        atPath: folder.place("\(first)/\(file)"), andPath: folder.place("\(second)/\(file)"))
      #expect(same, "\(file)", sourceLocation: location)
    }
  }

  /// Starts two ranks, waits until a step stands in the log, and does something to them.
  private func startAndDisturb(_ run: String, after step: Int, _ disturb: String) throws -> Command.Outcome {
    let log = folder.place("\(run)/metrics.jsonl")
    let script = """
      mpirun --timeout 100 --oversubscribe --bind-to none -n 2 "$@" & job=$!
      until [ "$(grep -c '"loss"' '\(log)' 2>/dev/null)" -ge \(step) ] 2>/dev/null; do
        kill -0 $job 2>/dev/null || break; sleep 0.02
      done
      \(disturb)
      wait $job
      """
    return try Command.start(["bash", "-c", script, "-", Command.program] + training(run))
  }

  /// SIGKILL on one rank at a step that changes from run to run; resumed on two ranks, bit for bit.
  @Test func killedRunGoesOnBitForBit() throws {
    let whole = try Command.launch(ranks: 2, training("whole"), patience: 100)
    #expect(whole.code == 0, "\(whole.transcript)")
    let step = Int.random(in: 5...18)
    let killed = try startAndDisturb(
      "killed", after: step, "pkill -KILL -n -f -- '--out \(folder.place("killed")) '")
    #expect(killed.code != 0, "step \(step): \(killed.transcript)")
    let resumed = try Command.launch(ranks: 2, training("killed", resume: true), patience: 100)
    #expect(resumed.code == 0, "\(resumed.transcript)")
    expectSameResult("whole", "killed")
  }

  /// SIGUSR1 to mpirun: saved within a step, exit code 75 on all ranks; then on bit for bit.
  @Test func stoppedRunGoesOnBitForBit() throws {
    let whole = try Command.launch(ranks: 2, training("whole"), patience: 100)
    #expect(whole.code == 0, "\(whole.transcript)")
    let stopped = try startAndDisturb("stopped", after: 6, "kill -USR1 $job")
    #expect(stopped.code == 75, "\(stopped.transcript)")
    #expect(stopped.errors.contains("stopped by SIGUSR1"), "\(stopped.transcript)")
    let resumed = try Command.launch(ranks: 2, training("stopped", resume: true), patience: 100)
    #expect(resumed.code == 0, "\(resumed.transcript)")
    // The stop itself saved a step that the whole run did not: results are the same nevertheless.
    expectSameResult("whole", "stopped")
  }

  /// One flipped byte in the newest checkpoint: said so, moved aside, the previous one is used, the same end.
  @Test func damagedCheckpointFallsBack() throws {
    let whole = try Command.launch(ranks: 2, training("run"), patience: 100)
    #expect(whole.code == 0, "\(whole.transcript)")
    let newest = folder.place("run/checkpoints/step-\(Self.steps)")
    let expected = try Data(contentsOf: URL(fileURLWithPath: newest + "/model.safetensors"))
    var damaged = expected
    damaged[damaged.count / 2] ^= 1
    try damaged.write(to: URL(fileURLWithPath: newest + "/model.safetensors"))
    let resumed = try Command.launch(ranks: 2, training("run", resume: true), patience: 100)
    #expect(resumed.code == 0, "\(resumed.transcript)")
    #expect(resumed.errors.contains("step-\(Self.steps)"), "\(resumed.transcript)")
    #expect(resumed.errors.contains("step-\(Self.steps - 4)"), "\(resumed.transcript)")
    #expect(try Data(contentsOf: URL(fileURLWithPath: newest + "/model.safetensors")) == expected)
    #expect(FileManager.default.fileExists(atPath: newest + ".bad"))
  }

  /// Coarse maps alone give what decimating the fine ones gives; evaluate tells both what they are worth.
  @Test func coarseMapsAlone() throws {
    let trained = try Command.launch(ranks: 2, training("run"), patience: 100)
    #expect(trained.code == 0, "\(trained.transcript)")
    let coarse = folder.place("coarse.npy")
    let values = try decimated()
    try Data(numPy(shape: [12, 8, 8]) { values[$0] }).write(to: URL(fileURLWithPath: coarse))
    let common = ["reconstruct", "--model", folder.place("run"), "--steps", "3", "--threads", "1"]
    let (one, other) = (folder.place("one.h5"), folder.place("other.h5"))
    let fromData = try Command.launch(
      ranks: 2, common + ["--data", maps, "--split", "all", "--out", one], patience: 60)
    #expect(fromData.code == 0, "\(fromData.transcript)")
    let fromCoarse = try Command.launch(
      ranks: 2, common + ["--coarse", coarse, "--units", "dB", "--magnification", "4", "--out", other],
      patience: 60)
    #expect(fromCoarse.code == 0, "\(fromCoarse.transcript)")
    #expect(try dumped(one) == dumped(other))
    let report = folder.place("report")
    let evaluated = try Command.launch(
      ranks: 2, ["evaluate", "--data", maps, "--reconstruction", one, "--out", report], patience: 60)
    #expect(evaluated.code == 0 && evaluated.output.contains("bilinear"), "\(evaluated.transcript)")
    #expect(FileManager.default.fileExists(atPath: report + "/median.png"))
  }

  /// Every fourth place of the data set's maps.
  private func decimated() throws -> [Float] {
    let all = try dumped(maps)
    return (0..<12 * 64).map { i in all[i / 64 * 1024 + i / 8 % 8 * 4 * 32 + i % 8 * 4] }
  }

  /// A file's maps as h5dump reads them.
  private func dumped(_ file: String) throws -> [Float] {
    let raw = folder.place("maps.raw")
    let outcome = try Command.start(["h5dump", "-d", "/maps", "-b", "LE", "-o", raw, file])
    try #require(outcome.code == 0, "\(outcome.transcript)")
    return try Data(contentsOf: URL(fileURLWithPath: raw)).withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
  }
}
