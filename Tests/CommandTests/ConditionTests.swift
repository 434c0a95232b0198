import Foundation
import TestSupport
import Testing

/// Layers beside the maps as conditions of a network, and maps of other sizes than the network's.
@Suite(.serialized) struct ConditionTests {
  private let folder: TemporaryDirectory
  private let maps: String
  private static let rows = 20, columns = 28

  /// Twelve maps with a building each, behind which it is darker: the layer tells where.
  private static func isBuilding(_ index: Int) -> Bool {
    let (map, row, column) = (index / (rows * columns), index / columns % rows, index % columns)
    return (5..<11).contains(row) && (6 + map..<10 + map).contains(column)
  }

  private static func value(_ index: Int) -> Float {
    let (map, row, column) = (index / (rows * columns), index / columns % rows, index % columns)
    return -70 - 0.7 * Float(row) - 0.4 * Float(column) - Float(map) - (isBuilding(index) ? 15 : 0)
  }

  init() throws {
    folder = try TemporaryDirectory()
    maps = folder.place("maps.h5")
    let shape = [12, Self.rows, Self.columns]
    let power = try folder.file("power.npy", numPy(shape: shape, Self.value))
    let buildings = try folder.file("buildings.npy", numPy(shape: shape) { Self.isBuilding($0) ? 1 : 0 })
    let heights = try folder.file("heights.npy", numPy(shape: shape) { 100 + Float($0 % 7) })
    let imported = try Command.run([
      "import", power, "--layer", "buildings=\(buildings)", "--layer", "heights=\(heights)", "--out", maps,
    ])
    try #require(imported.code == 0, "\(imported.transcript)")
  }

  private func train(_ run: String, ranks: Int = 2, _ more: String...) throws -> Command.Outcome {
    try Command.launch(
      ranks: ranks,
      [
        "train", "--preset", "tiny", "--data", maps, "--out", folder.place(run), "--threads", "1", "--set",
        "model.image_size=16", "--set", "training.batch=4", "--set", "validation.every=2", "--set",
        "training.steps=4",
      ] + more, patience: 90)
  }

  private func same(_ first: String, _ second: String, _ dataSet: String) throws {
    // Blocks of a matrix product depend on the batch: rounding, of values of -100 dB.
    let difference = try Command.start([
      "h5diff", "-d", "0.001", folder.place(first), folder.place(second), dataSet, dataSet,
    ])
    #expect(difference.code == 0, "\(difference.transcript)")
  }

  @Test func layersEnterTheNetwork() throws {
    let seen = "data.conditions=[buildings, heights, valid]"
    let whole = try train("whole", "--set", seen)
    try #require(whole.code == 0, "\(whole.transcript)")
    #expect(
      whole.errors.contains("in windows of 16x16") && whole.errors.contains("seen with buildings, heights, valid"))
    // One rank, and a run that was stopped in between, see the same.
    let alone = try train("alone", ranks: 1, "--set", seen)
    try #require(alone.code == 0, "\(alone.transcript)")
    let losses = try ["whole", "alone"].map {
      try String(contentsOfFile: "\(folder.place($0))/metrics.jsonl", encoding: .utf8).split(separator: "\n").map {
        let object = try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        return object?["loss"] as? Double ?? .nan
      }
    }
    #expect(losses[0].count == 4 && zip(losses[0], losses[1]).allSatisfy { abs($0 - $1) < 1e-5 * abs($0) }, "\(losses)")
    let first = try train("parted", "--set", seen, "--set", "training.steps=2")
    try #require(first.code == 0, "\(first.transcript)")
    // Half of the steps at another rate: only the layers and the windows are compared, by going on.
    let second = try train("parted", "--set", seen, "--resume", "latest")
    #expect(second.code == 0, "\(second.transcript)")
    let other = try train("parted", "--resume", "latest", "--set", "data.conditions=[buildings]")
    #expect(other.code == 1 && other.errors.contains("data.conditions"), "\(other.transcript)")

    // Without the layers it is another network; with them the state says how they were scaled.
    let state = try String(contentsOfFile: "\(folder.place("whole"))/checkpoints/step-4/state.json", encoding: .utf8)
    #expect(state.contains("\"heights\"") && state.contains("\"deviation\""))

    // 20 x 28 by a network of 16 x 16: by windows, the same on any ranks and batches.
    let model = ["--model", folder.place("whole"), "--steps", "2", "--data", maps, "--split", "all", "--tile", "16"]
    for (name, ranks, more) in [("one.h5", 1, ["--batch", "5"]), ("two.h5", 2, ["--batch", "1"])] {
      let made = try Command.launch(
        ranks: ranks, ["reconstruct"] + model + more + ["--out", folder.place(name)], patience: 60)
      try #require(made.code == 0, "\(made.transcript)")
    }
    try same("one.h5", "two.h5", "/maps")
    let attributes = try Command.start(["h5dump", "-a", "/tile", folder.place("one.h5")])
    #expect(attributes.output.contains("16"), "\(attributes.transcript)")
  }

  /// Coarse maps alone need the layers from files; with them they give what the data set gives.
  @Test func layersBesideCoarseMaps() throws {
    let trained = try train("run", "--set", "data.conditions=[buildings]")
    try #require(trained.code == 0, "\(trained.transcript)")
    let coarse = try folder.file(
      "coarse.npy",
      numPy(shape: [12, 5, 7]) { Self.value($0 / 35 * 560 + $0 / 7 % 5 * 4 * 28 + $0 % 7 * 4) })
    let start = ["reconstruct", "--model", folder.place("run"), "--steps", "2", "--threads", "1"]
    let alone = start + ["--coarse", coarse, "--out", folder.place("alone.h5")]
    let made = try Command.run(alone + ["--condition", "buildings=\(folder.place("buildings.npy"))"])
    try #require(made.code == 0, "\(made.transcript)")
    let from = try Command.run(start + ["--data", maps, "--split", "all", "--out", folder.place("data.h5")])
    try #require(from.code == 0, "\(from.transcript)")
    try same("alone.h5", "data.h5", "/maps")
    func refused(_ arguments: [String], _ parts: [String]) throws {
      let outcome = try Command.run(arguments + ["--overwrite"])
      #expect(outcome.code == 1, "\(outcome.transcript)")
      for part in parts { #expect(outcome.errors.contains(part), "lacks \(part):\n\(outcome.transcript)") }
    }
    try refused(alone, ["--condition", "buildings=SOURCE"])
    try refused(alone + ["--condition", "terrain=\(coarse)"], ["expected: buildings=SOURCE", "found: terrain"])
    try refused(alone + ["--condition", "buildings=\(coarse)"], ["coarse.npy", "20x28"])
    let plain = folder.place("plain.h5")
    _ = try Command.run(["import", folder.place("power.npy"), "--out", plain])
    try refused(start + ["--data", plain, "--split", "all", "--out", folder.place("no.h5")], ["plain.h5:/buildings"])
  }

  @Test func sizesAreTried() throws {
    let trained = try train("run", ranks: 1)
    try #require(trained.code == 0, "\(trained.transcript)")
    let tried = try Command.run([
      "bench", "tiles", "--model", folder.place("run"), "--data", maps, "--window", "16", "--sizes", "16", "20x28",
      "--count", "2", "--steps", "2", "--threads", "1",
    ])
    #expect(tried.code == 0, "\(tried.transcript)")
    let rows = tried.output.split(separator: "\n").filter { $0.hasPrefix("| 16") || $0.hasPrefix("| 20") }
    #expect(rows.count == 4 && ["whole", "windows", "whole", "apart"].indices.allSatisfy { !rows[$0].contains("nan") })
  }

  @Test func layersThatAreNotThere() throws {
    let missing = try train("run", "--set", "data.conditions=[buildings, terrain]")
    #expect(missing.code == 1, "\(missing.transcript)")
    #expect(
      missing.errors.contains("maps.h5:/terrain") && missing.errors.contains("expected: buildings, heights, valid"))
    let twice = try train("run", "--set", "data.conditions=[buildings, buildings]")
    #expect(twice.code == 1 && twice.errors.contains("a layer is given twice"), "\(twice.transcript)")
    let large = try train("run", "--set", "model.image_size=32")
    #expect(large.code == 1 && large.errors.contains("--set model.image_size=16"), "\(large.transcript)")
    let follows = try train("run", "--set", "model.image_size=16", "--dry-run")
    #expect(follows.code == 0, "\(follows.transcript)")
  }
}
