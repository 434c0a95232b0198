import Foundation
import TestSupport
import Testing

/// Pruning and distillation by their commands.
extension RunTests {
  private func prune(_ model: String, _ out: String, _ goal: String..., samples: Int = 6) -> [String] {
    ["prune", "--model", folder.place(model), "--data", maps, "--out", folder.place(out), "--threads", "1"]
      + ["--samples", "\(samples)", "--batch", "1"] + goal
  }

  private func distill(_ teacher: String, _ student: String, _ out: String, _ overrides: String...) -> [String] {
    ["distill", "--teacher", folder.place(teacher), "--student", folder.place(student), "--data", maps]
      + ["--out", folder.place(out), "--threads", "1"] + overrides.flatMap { ["--set", $0] }
  }

  private func reconstruct(_ run: String) throws -> String {
    let fine = folder.place("\(run).h5")
    _ = try succeed([
      "reconstruct", "--model", folder.place(run), "--data", maps, "--split", "all", "--out", fine,
      "--magnification", "4", "--steps", "2",
    ])
    return fine
  }

  /// Teacher, pruned, distilled, pruned again: each is a run that every command can read.
  @Test func fromTeacherToStudent() throws {
    _ = try succeed(train("run", "training.steps=3"))
    let report = try succeed(prune("run", "pruned", "--ratio", "0.35"))
    for part in ["Pruned by", "| teacher", "| student", "predicted", "actual / predicted", "mid.0.attn", "| yes"] {
      #expect(report.contains(part), "lacks \(part):\n\(report)")
    }
    let pruned = folder.place("pruned")
    #expect(try String(contentsOfFile: "\(pruned)/prune.md", encoding: .utf8) + "\n" == report)
    #expect(try String(contentsOfFile: "\(pruned)/prune.svg", encoding: .utf8).hasPrefix("<svg"))
    let json = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: "\(pruned)/prune.json")))
    let numbers = try #require(json as? [String: Any])
    let before = try #require(numbers["teacher_parameters"] as? Int)
    let after = try #require(numbers["student_parameters"] as? Int)
    #expect(Double(after) <= 0.65 * Double(before))
    let counted = try succeed(["inspect", "model", "--config", "\(pruned)/config.resolved.yaml"])
    #expect(counted.filter { $0 != "," }.contains("\(after) parameters"), "\(counted)")
    #expect(try succeed(["inspect", "run", pruned]).contains("| step-0"))
    _ = try reconstruct("pruned")

    _ = try succeed(distill("run", "pruned", "light", "training.steps=3", "distillation.normalised_features=true"))
    #expect(try succeed(["inspect", "run", folder.place("light")]).contains("| step-3"))
    let evaluated = try succeed([
      "evaluate", "--data", maps, "--reconstruction", try reconstruct("light"), "--out", folder.place("report"),
    ])
    #expect(evaluated.contains("| CGDM"))
    _ = try succeed(prune("light", "lighter", "--target-parameters", "\(after * 9 / 10)"))
    _ = try reconstruct("lighter")
  }

  /// A scan that was killed or asked to stop goes on and ends with the same bytes as one that was not.
  @Test(arguments: [true, false]) func interruptedScan(isKilled: Bool) throws {
    _ = try succeed(train("run", "training.steps=2"))
    _ = try succeed(prune("run", "whole", "--ratio", "0.3", samples: 200))
    let out = folder.place("broken")
    let blow = isKilled ? "pkill -KILL -n -f -- '--out \(out) '" : "kill -USR1 $job"
    let watch = """
      out=$1; shift; "$@" & job=$!
      until cat "$out"/scan/*.jsonl 2>/dev/null | grep -q .; do sleep 0.01; done
      \(blow); wait $job
      """
    let arguments = prune("run", "broken", "--ratio", "0.3", samples: 200)
    let broken = try Command.launch(ranks: 2, arguments, patience: 60, prefix: ["bash", "-c", watch, "-", out])
    #expect(isKilled ? broken.code != 0 : broken.code == 75, "\(broken.transcript)")
    #expect(!FileManager.default.fileExists(atPath: "\(out)/config.resolved.yaml"))
    _ = try succeed(arguments)
    for file in ["prune.json", "checkpoints/step-0/model.safetensors"] {
      #expect(
        FileManager.default.contentsEqual(atPath: "\(out)/\(file)", andPath: folder.place("whole/\(file)")), "\(file)")
    }
  }

  @Test func badCompression() throws {
    _ = try succeed(train("run", "training.steps=1"))
    _ = try succeed(train("wide", "training.steps=1", "model.base_channels=16"))
    _ = try succeed(prune("run", "pruned", "--ratio", "0.3"))
    func expectFailure(_ arguments: [String], _ parts: [String], code: Int32 = 1) throws {
      let outcome = try Command.run(ranks: 2, arguments)
      #expect(outcome.rankCodes == [code, code], "\(outcome.transcript)")
      for part in parts { #expect(outcome.errors.contains(part), "lacks \(part):\n\(outcome.transcript)") }
    }
    try expectFailure(prune("run", "out", "--ratio", "0.999"), ["--ratio 0.999", "expected: at most", "found: "])
    try expectFailure(prune("run", "out", "--ratio", "1.5"), ["--ratio"], code: 64)
    try expectFailure(prune("run", "out"), ["--ratio or --target-parameters"], code: 64)
    try expectFailure(prune("nothing", "out", "--ratio", "0.3"), ["nothing", "there is no run"])
    try expectFailure(prune("run", "wide", "--ratio", "0.3"), ["wide", "there is a run already"])
    // A run of another kind of model.
    try FileManager.default.copyItem(atPath: folder.place("run"), toPath: folder.place("stranger"))
    _ = try folder.file("stranger/config.resolved.yaml", "autoencoder:\n  latent: 4\n")
    try expectFailure(
      prune("stranger", "out", "--ratio", "0.3"), ["stranger/config.resolved.yaml:1:1", "expected: ", "autoencoder"])
    try expectFailure(
      distill("wide", "pruned", "out"),
      ["the student does not fit its teacher", "expected: model.base_channels = 16", "found: 8"])
    try expectFailure(
      distill("run", "pruned", "out", "distillation.task=0", "distillation.output=0", "distillation.feature=0"),
      ["distillation.task", "nothing to learn"])
    try expectFailure(
      distill("run", "pruned", "out", "distillation.tusk=0"), ["distillation.tusk", "distillation.task"])
    let others = folder.place("others.h5")
    let array = try folder.file("others.npy", numPy(shape: [9, Self.side, Self.side], Self.value))
    _ = try succeed(["import", array, "--out", others])
    for arguments in [prune("run", "out", "--ratio", "0.3"), distill("run", "pruned", "out")] {
      try expectFailure(
        arguments.map { $0 == maps ? others : $0 }, ["others.h5", "not the maps that the run was split on"])
    }
    #expect(!folder.contents.contains("out"))
  }
}
