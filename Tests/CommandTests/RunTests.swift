import Foundation
import Testing

/// Runs of a network and maps so small that they take seconds: shown, tried dry, and given what they cannot use.
@Suite(.serialized) struct RunTests {
  private static let side = 16
  private let folder: TemporaryDirectory
  private let maps: String
  /// Six smooth maps [dB], each with a slope of its own.
  private static func value(_ index: Int) -> Float {
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

  private func train(_ run: String, _ overrides: String...) -> [String] {
    let settings = ["model.image_size=\(Self.side)", "training.batch=4", "validation.every=0"] + overrides
    return ["train", "--preset", "tiny", "--data", maps, "--out", folder.place(run), "--threads", "1"]
      + settings.flatMap { ["--set", $0] }
  }

  private func succeed(_ arguments: [String], location: SourceLocation = #_sourceLocation) throws -> String {
    let outcome = try Command.launch(ranks: 2, arguments, patience: 60)
    try #require(outcome.code == 0, "\(outcome.transcript)", sourceLocation: location)
    return outcome.output
  }

  /// What a run is made of is shown, and a damaged checkpoint among it is left as it is.
  @Test func runIsInspected() throws {
    let run = folder.place("run")
    _ = try succeed(train("run", "training.steps=3", "checkpoints.every=2"))
    let inspected = try succeed(["inspect", "run", run, "--out", folder.place("loss.svg")])
    for part in ["| step-2", "| step-3", "| whole", "| training.steps", "| loss"] {
      #expect(inspected.contains(part), "lacks \(part):\n\(inspected)")
    }
    #expect(!inspected.contains("damaged"), "\(inspected)")
    #expect(try String(contentsOfFile: folder.place("loss.svg"), encoding: .utf8).hasPrefix("<svg"))

    let weights = "\(run)/checkpoints/step-3/model.safetensors"
    var bytes = try Data(contentsOf: URL(fileURLWithPath: weights))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(fileURLWithPath: weights))
    let damaged = try succeed(["inspect", "run", run])
    #expect(damaged.contains("damaged") && damaged.contains("model.safetensors"), "\(damaged)")
    #expect(try Data(contentsOf: URL(fileURLWithPath: weights)) == bytes)
  }

  @Test func dryRunWritesNothing() throws {
    let outcome = try Command.launch(ranks: 2, train("run") + ["--dry-run"], patience: 60)
    #expect(outcome.code == 0, "\(outcome.transcript)")
    #expect(folder.contents == ["maps.h5", "maps.npy"])
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
    let holes = try folder.file("holes.npy", numPy(shape: [1, 4, 4]) { $0 == 5 ? .nan : Float($0) })
    try expectFailure(["--coarse", holes], ["holes.npy", "found: nan in sample 0, row 1, column 1"])
    let wide = try folder.file("wide.npy", numPy(shape: [1, 5, 5]) { Float($0) })
    try expectFailure(["--coarse", wide], ["wide.npy", "expected: ", "found: "])
    try expectFailure(["--coarse", "nowhere.png"], ["nowhere.png", "No such file"])
    #expect(!FileManager.default.fileExists(atPath: out))
  }
}
