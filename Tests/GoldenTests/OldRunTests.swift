import Foundation
import Testing

/// Runs that the program made before it was rebuilt (7d7dfe3): they go on, reconstruct, are pruned and inspected, with
/// the results that they had then.
@Suite(.serialized) struct OldRunTests {
  private struct Results: Codable {
    /// Of the lines of the log, after the run went on to its end.
    var losses: [Double]
    var gradientNorms: [Double]
    var validationLosses: [Double]
    var averageNorm: Double
    /// Values [dB] of the reconstructed maps, at every 37th pixel of all maps together.
    var drawn: [Double]
    var direct: [Double]
    /// The prunable layers, with what each is worth.
    var layers: [String]
    var values: [Double]
    var pruned: [String]
    /// The rows of the tables of `ckm inspect run`.
    var inspected: [String]
  }

  private let folder: Folder

  init() throws { folder = try Folder(copying: "\(Program.fixtures)/run-7d7dfe3") }

  private func reconstruct(_ run: String, _ way: [String]) throws -> [Double] {
    try Program.ckm(
      ["reconstruct", "--model", run, "--data", "maps.h5", "--split", "all", "--magnification", "4"]
        + ["--out", "fine.h5", "--overwrite", "--threads", "1"] + way, in: folder)
    let all = try folder.dataSet("/maps", of: "fine.h5")
    return stride(from: 0, to: all.count, by: 37).map { Double(all[$0]) }
  }

  /// What a run is, row by row of the tables, without their heads: of keys their last part and the run's value, since
  /// keys may move from section to section; of anything else all that is told.
  private func inspect(_ run: String) throws -> [String] {
    let rows = try Program.ckm(["inspect", "run", run], in: folder).split(separator: "\n").filter { $0.hasPrefix("|") }
    func isRule(_ index: Int) -> Bool { index < rows.count && rows[index].hasPrefix("| --") }
    return rows.indices.filter { !isRule($0) && !isRule($0 + 1) }.map { index in
      let cells = rows[index].split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard let key = cells.first, key.contains(".") || key == "seed" else { return cells.joined(separator: " ") }
      return "\(key.split(separator: ".").last ?? ""): \(cells.last ?? "")"
    }
  }

  private func prune(_ run: String) throws -> [[String: Any]] {
    try Program.ckm(
      ["prune", "--model", run, "--data", "maps.h5", "--ratio", "0.2", "--samples", "8", "--out", "pruned"]
        + ["--threads", "1"], in: folder)
    let report = try JSONSerialization.jsonObject(with: folder.bytes("pruned/prune.json")) as? [String: Any]
    return try #require(report?["layers"] as? [[String: Any]])
  }

  @Test(arguments: ["plain", "residual"]) func isUsedAsBefore(run: String) throws {
    let inspected = try inspect(run), layers = try prune(run)
    let drawn = try reconstruct(run, ["--steps", "3"])
    // The plain run asks for the noise, and has no direct estimate.
    let direct = run == "residual" ? try reconstruct(run, ["--estimate", "direct", "--symmetries"]) : []
    try Program.ckm(
      ["train", "--preset", "tiny", "--config", "\(run)/config.resolved.yaml", "--set", "training.steps=12"]
        + ["--data", "maps.h5", "--out", run, "--resume", "latest", "--threads", "1"], in: folder)
    let lines = try folder.lines("\(run)/metrics.jsonl")
    #expect(lines.compactMap { $0["step"] as? Int } == Array(1...12))
    let measured = Results(
      losses: lines.compactMap { $0["loss"] as? Double },
      gradientNorms: lines.compactMap { $0["gradient_norm"] as? Double },
      validationLosses: lines.compactMap { $0["validation_loss"] as? Double },
      averageNorm: try folder.norm(ofTensorsIn: folder.averageFile(run, step: 12)),
      drawn: drawn, direct: direct,
      layers: layers.compactMap { $0["name"] as? String }, values: layers.compactMap { $0["value"] as? Double },
      pruned: layers.filter { $0["pruned"] as? Bool == true }.compactMap { $0["name"] as? String },
      inspected: inspected)
    let golden = try Golden.numbers("run-7d7dfe3/\(run)", measured: measured)

    expect(measured.losses, near: golden.losses, within: 1e-4, "losses")
    expect(measured.gradientNorms, near: golden.gradientNorms, within: 1e-4, "norms of gradients")
    expect(measured.validationLosses, near: golden.validationLosses, within: 1e-4, "losses in validation")
    expect([measured.averageNorm], near: [golden.averageNorm], within: 1e-6, "norm of the average")
    for (name, found, expected) in [("drawn", drawn, golden.drawn), ("direct", direct, golden.direct)] {
      let difference = distance(found.map(Float.init), expected.map(Float.init))
      #expect(difference <= 1e-3, "\(name): off by \(difference) dB")
    }
    #expect(measured.layers == golden.layers)
    expect(measured.values, near: golden.values, within: 1e-3, "what layers are worth")
    #expect(measured.pruned == golden.pruned)
    let missing = golden.inspected.filter { !measured.inspected.contains($0) }
    #expect(missing.isEmpty, "what is no more told of the run: \(missing)")
  }

  /// What pruning an old run leaves is a run like any other.
  @Test func prunedRunIsTrained() throws {
    _ = try prune("plain")
    try Program.ckm(
      ["distill", "--teacher", "plain", "--student", "pruned", "--data", "maps.h5", "--out", "light", "--threads", "1"]
        + ["--set", "training.steps=2"], in: folder)
    let values = try reconstruct("light", ["--steps", "2"])
    #expect(values.count > 80 && values.allSatisfy { $0 < -40 && $0 > -160 })
  }
}
