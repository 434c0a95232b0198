import Essentials
import Foundation
import Records
import Testing
import TestSupport

@testable import Runs

@Suite final class RunDirectoryTests {
  private let base: String
  private var path: String { "\(base)/run" }

  init() throws {
    base = FileManager.default.temporaryDirectory.appendingPathComponent("run-directory-\(UUID())").path
    try FileManager.default.createDirectory(atPath: base, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: base) }

  private func fault<Result>(_ work: () throws -> Result) -> Fault? {
    do {
      _ = try work()
      return nil
    } catch { return error as? Fault }
  }

  private func content(_ file: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
  }

  private func write(_ bytes: [UInt8], _ file: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: file))
  }

  private func list(_ directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
  }

  private func weights(_ step: Int) -> [UInt8] { (0..<1000).map { UInt8(truncatingIfNeeded: $0 * step) } }

  @discardableResult
  private func save(_ run: RunDirectory, _ step: Int, last: Int = 10, every: Int? = nil) throws -> SavedStep {
    try run.save(
      step: step, state: .members(["samples": .integer(step * 12), "loss": .real(1 / Double(step))]),
      files: [
        ("model.safetensors", { try self.write(self.weights(step), $0) }),
        ("ema.safetensors", { try self.write(self.weights(step + 1), $0) }),
      ], keeping: CheckpointRetention(last: last, every: every))
  }

  @Test func whatIsSavedComesBack() throws {
    let saved: SavedStep
    do {
      let run = try RunDirectory.create(at: path, configuration: "seed: 1\n")
      #expect(try run.latestVerified().saved == nil)
      saved = try save(run, 7)
    }
    let run = try RunDirectory.resume(at: path)
    let (found, messages) = try run.latestVerified()
    #expect(found == saved)
    #expect(messages.isEmpty)
    #expect(found?.state["samples"]?.integerValue == 84)
    #expect(found?.state["loss"]?.realValue == 1 / 7.0)
    #expect(try content(try #require(found).file("model.safetensors")) == weights(7))
    #expect(fault { try saved.file("optimizer.safetensors") }?.expected == "optimizer.safetensors")
    #expect(try run.configuration() == "seed: 1\n")
    #expect(try String(contentsOfFile: "\(path)/latest", encoding: .utf8) == "checkpoints/step-7\n")
    #expect(try list("\(path)/checkpoints") == ["step-7"])
    #expect(try list("\(path)/checkpoints/step-7") == ["ema.safetensors", "model.safetensors", "state.json"])
    #expect(fault { try run.saved(step: 8) }?.expected == "one of the steps 7")
  }

  @Test func oldOnesGoExceptEveryMth() throws {
    let run = try RunDirectory.create(at: path, configuration: "")
    for step in stride(from: 10, through: 100, by: 10) { try save(run, step, last: 2, every: 40) }
    #expect(run.steps == [40, 80, 90, 100])
    #expect(try list("\(path)/checkpoints").count == 4)
  }

  @Test func everySingleFlippedByteIsFound() throws {
    let run = try RunDirectory.create(at: path, configuration: "")
    try save(run, 3)
    for name in ["model.safetensors", "state.json"] {
      let file = "\(path)/checkpoints/step-3/\(name)"
      let whole = try content(file)
      for index in stride(from: 0, to: whole.count, by: name == "state.json" ? 1 : 37) {
        var bytes = whole
        bytes[index] ^= 0x04
        try write(bytes, file)
        // Blanks between JSON tokens carry nothing; a blank changed into something else is still an error.
        #expect(fault { try run.saved(step: 3) } != nil, "\(name) byte \(index)")
      }
      try write(whole, file)
      for length in [0, 1, whole.count / 2, whole.count - 2] {
        try write(Array(whole[..<length]), file)
        #expect(fault { try run.saved(step: 3) }?.place == file)
      }
      try write(whole, file)
    }
    #expect(try run.saved(step: 3).step == 3)
  }

  @Test func damagedOnesAreMovedAsideAndTheOneBeforeIsUsed() throws {
    let run = try RunDirectory.create(at: path, configuration: "")
    for step in 1...4 { try save(run, step) }
    let checkpoints = "\(path)/checkpoints"
    var bytes = try content("\(checkpoints)/step-4/ema.safetensors")
    bytes[500] ^= 1
    try write(bytes, "\(checkpoints)/step-4/ema.safetensors")
    try FileManager.default.removeItem(atPath: "\(checkpoints)/step-3/state.json")
    try FileManager.default.removeItem(atPath: "\(checkpoints)/step-2/model.safetensors")

    // Who only reads, moves nothing.
    let reader = try RunDirectory.open(at: path)
    #expect(try reader.latestVerified().saved?.step == 1)
    #expect(run.steps == [1, 2, 3, 4])

    let (found, messages) = try run.latestVerified()
    #expect(found?.step == 1)
    #expect(messages.count == 3)
    #expect(messages[0].contains("step-4/ema.safetensors") && messages[0].contains("step-4.bad"))
    #expect(try list(checkpoints) == ["step-1", "step-2.bad", "step-3.bad", "step-4.bad"])
    #expect(
      try String(contentsOfFile: "\(checkpoints)/step-4.bad/WHY.txt", encoding: .utf8).contains("check sum"))
    #expect(try String(contentsOfFile: "\(path)/latest", encoding: .utf8) == "checkpoints/step-1\n")
    // The same step fails once more.
    try save(run, 4)
    try write([], "\(checkpoints)/step-4/model.safetensors")
    #expect(try run.latestVerified().saved?.step == 1)
    #expect(try list(checkpoints).contains("step-4.bad-2"))
  }

  @Test func aFailedSaveHarmsNothing() throws {
    let run = try RunDirectory.create(at: path, configuration: "")
    let first = try save(run, 1)
    let full = fault {
      try run.save(
        step: 2, state: .null,
        files: [
          ("model.safetensors", { try self.write(self.weights(2), $0) }),
          ("ema.safetensors", { throw Files.systemFault("cannot write", at: $0, code: ENOSPC) }),
        ], keeping: CheckpointRetention(last: 1))
    }
    #expect(full?.found == "No space left on device")
    #expect(try list("\(path)/checkpoints") == ["step-1"])
    #expect(try run.latestVerified().saved == first)
  }

  @Test func leftoversOfAKilledWriteAreCleared() throws {
    do {
      let run = try RunDirectory.create(at: path, configuration: "")
      for step in 1...3 { try save(run, step) }
    }
    let checkpoints = "\(path)/checkpoints"
    // Killed while writing step 4; while replacing step 3; after replacing step 2.
    try FileManager.default.copyItem(atPath: "\(checkpoints)/step-1", toPath: "\(checkpoints)/step-4.partial")
    try FileManager.default.moveItem(
      atPath: "\(checkpoints)/step-3", toPath: "\(checkpoints)/step-3.replaced")
    try FileManager.default.copyItem(
      atPath: "\(checkpoints)/step-2", toPath: "\(checkpoints)/step-2.replaced")
    try write([1], "\(path)/latest.99.partial")
    let run = try RunDirectory.resume(at: path)
    #expect(try list(checkpoints) == ["step-1", "step-2", "step-3"])
    #expect(try run.latestVerified().saved?.step == 3)
    #expect(!(try list(path)).contains("latest.99.partial"))
  }

  @Test func savingAStepAgainReplacesIt() throws {
    let run = try RunDirectory.create(at: path, configuration: "")
    try save(run, 5)
    try run.save(
      step: 5, state: .text("second"), files: [("model.safetensors", { try self.write([9], $0) })],
      keeping: CheckpointRetention(last: 1))
    #expect(try run.latestVerified().saved?.state == .text("second"))
    #expect(try list("\(path)/checkpoints") == ["step-5"])
  }

  @Test func goingOnFromAnOlderStepLeavesTheLaterOnesBehind() throws {
    let run = try RunDirectory.create(at: path, configuration: "")
    for step in [10, 20, 30] { try save(run, step) }
    try save(run, 15, last: 1)
    #expect(run.steps == [15])
    #expect(try list("\(path)/checkpoints") == ["step-15", "step-20.abandoned", "step-30.abandoned"])
  }

  @Test func twoRunsCannotShareADirectory() throws {
    var run: RunDirectory? = try RunDirectory.create(at: path, configuration: "")
    #expect(fault { try RunDirectory.resume(at: path) }?.what == "another run writes into this directory")
    #expect(
      fault { try RunDirectory.create(at: path, configuration: "") }?.hint?.contains("`resume` latest")
        == true)
    #expect(try RunDirectory.open(at: path).steps == [])
    try #require(run != nil)
    run = nil
    #expect(fault { try RunDirectory.resume(at: path) } == nil)
    // A process of this machine that was killed has left its name: nobody holds the lock.
    try JSONSerialization.data(withJSONObject: ["host": ProcessInfo.processInfo.hostName, "process": 1])
      .write(to: URL(fileURLWithPath: "\(path)/.lock"))
    #expect(fault { try RunDirectory.resume(at: path) } == nil)
    try write(Array(#"{"host":"another-node","process":4711}"#.utf8), "\(path)/.lock")
    let held = fault { try RunDirectory.resume(at: path) }
    #expect(held?.found == "process 4711 on another-node")
    #expect(held?.hint?.contains(".lock") == true)
    try write(Array("rubbish".utf8), "\(path)/.lock")
    #expect(fault { try RunDirectory.resume(at: path) } == nil)
  }

  @Test func placesThatCannotBeUsedAreNamed() throws {
    #expect(fault { try RunDirectory.resume(at: path) }?.found == "nothing")
    #expect(fault { try RunDirectory.open(at: base) }?.found == "a folder without it")
    try write([1], "\(base)/file")
    #expect(fault { try RunDirectory.create(at: "\(base)/file/run", configuration: "") } != nil)
    #expect(fault { try RunDirectory.create(at: "/proc/run", configuration: "") } != nil)
  }

  @Test func foreignStateFilesCannotReachOutside() throws {
    let run = try RunDirectory.create(at: path, configuration: "")
    let saved = try save(run, 1)
    try write([1], "\(path)/checkpoints/outside")
    for name in ["../outside", "/etc/passwd", "", "..", ".hidden"] {
      let entry = StateFile.Entry(name: name, byteCount: 1, sum: Checksum.of([1]))
      try StateFile.write(step: 1, state: .null, entries: [entry], into: saved.path)
      #expect(fault { try run.saved(step: 1) }?.found == name)
    }
    // A link instead of a file is not followed.
    try FileManager.default.removeItem(atPath: "\(saved.path)/model.safetensors")
    try FileManager.default.createSymbolicLink(
      atPath: "\(saved.path)/model.safetensors", withDestinationPath: "\(path)/checkpoints/outside")
    let entry = StateFile.Entry(name: "model.safetensors", byteCount: 1, sum: Checksum.of([1]))
    try StateFile.write(step: 1, state: .null, entries: [entry], into: saved.path)
    #expect(fault { try run.saved(step: 1) } != nil)
  }

  @Test func latestIsMendedAfterAKill() throws {
    do {
      let run = try RunDirectory.create(at: path, configuration: "")
      for step in 1...2 { try save(run, step) }
    }
    // Killed between the checkpoint's name and what points to it.
    try write(Array("checkpoints/step-1\n".utf8), "\(path)/latest")
    _ = try RunDirectory.open(at: path).latestVerified()
    #expect(try content("\(path)/latest") == Array("checkpoints/step-1\n".utf8))
    _ = try RunDirectory.resume(at: path).latestVerified()
    #expect(try content("\(path)/latest") == Array("checkpoints/step-2\n".utf8))
  }

  @Test func linksAreNotWrittenThrough() throws {
    let elsewhere = "\(base)/elsewhere"
    try FileManager.default.createDirectory(atPath: elsewhere, withIntermediateDirectories: true)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(atPath: "\(path)/checkpoints", withDestinationPath: elsewhere)
    #expect(fault { try RunDirectory.create(at: path, configuration: "") }?.found == "a link")
    #expect(fault { try RunDirectory.requireCreatable(at: path) }?.found == "a link")
    try write([1], "\(path)/config.resolved.yaml")
    #expect(fault { try RunDirectory.resume(at: path) }?.found == "a link")
    #expect(fault { try RunDirectory.requireResumable(at: path) }?.found == "a link")
    #expect(try list(elsewhere).isEmpty)
  }

  /// A state with right sums that nobody can have written.
  @Test(arguments: [
    ("step", JSONValue.integer(-1)), ("step", .integer(3)), ("samples", .integer(-12)), ("ranks", .integer(0)),
    ("weightsHash", .text("any")), ("weightsHash", .text("-1")), ("split", .null),
  ])
  func forgedStatesAreRefused(key: String, value: JSONValue) throws {
    let split: JSONValue = .members([
      "seed": .integer(1), "byEnvironment": .flag(false), "trainingCount": .integer(5), "testCount": .integer(1),
      "testHash": .text("0"),
    ])
    let sound: KeyValuePairs<String, JSONValue> = [
      "step": .integer(4), "samples": .integer(16), "ranks": .integer(2), "processor": .text("any"),
      "weightsHash": .text("ff"), "data": .text("maps.h5"), "split": split, "notes": .members([:]),
    ]
    func saved(_ members: [JSONMember]) -> SavedStep {
      SavedStep(step: 4, path: path, state: .object(members), fileNames: [])
    }
    let members = sound.map { JSONMember(key: $0.key, value: $0.value) }
    #expect(try TrainingState(saved(members)).samples == 16)
    let found = fault {
      try TrainingState(saved(members.map { $0.key == key ? JSONMember(key: key, value: value) : $0 }))
    }
    #expect(found?.place.hasSuffix("state.json: \(key)") == true)
  }
}
