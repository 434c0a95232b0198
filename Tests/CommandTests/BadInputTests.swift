import Foundation
import TestSupport
import Testing

/// Bad input ends every rank of two with an error that can be mended, within the time that is promised, and harms
/// nothing that is there.
@Suite(.serialized) struct BadInputTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  /// Expects one message that holds all of `parts`, and `code` from both ranks.
  private func expectFailure(
    _ arguments: [String], telling parts: [String], code: Int32 = 1, prefix: [String] = [],
    location: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try Command.run(ranks: 2, arguments, prefix: prefix)
    #expect(outcome.rankCodes == [code, code], "\(outcome.transcript)", sourceLocation: location)
    for part in parts {
      #expect(outcome.errors.contains(part), "lacks \(part):\n\(outcome.transcript)", sourceLocation: location)
    }
    let messages = outcome.errors.components(separatedBy: "Error: ").count - 1
    #expect(messages == 1, "\(outcome.transcript)", sourceLocation: location)
  }

  private func layout() throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: Command.fixtures + "/maps/layout.h5")))
  }

  @Test func missingFile() throws {
    try expectFailure(["inspect", "data", "nowhere.h5"], telling: ["nowhere.h5: ", "No such file"])
    try expectFailure(
      ["import", "nowhere.npy", "--out", folder.place("maps.h5")], telling: ["nowhere.npy: ", "No such file"])
    try expectFailure(
      ["train", "--preset", "tiny", "--data", "nowhere.h5", "--out", folder.place("run")],
      telling: ["nowhere.h5: ", "No such file"])
    #expect(folder.contents.isEmpty)
  }

  /// What goes to standard output is a result: a full disk there is told. One behind standard error is not a crash.
  @Test func outputThatCannotBeWritten() throws {
    func run(_ redirection: String, _ arguments: [String]) throws -> Command.Outcome {
      try Command.start(
        ["timeout", "60", "sh", "-c", "exec \"$0\" \"$@\" \(redirection)", Command.program] + arguments)
    }
    for arguments in [["config"], ["config", "--help"]] {
      let lost = try run("> /dev/full", arguments)
      #expect(lost.code == 1 && lost.errors.contains("standard output"), "\(lost.transcript)")
    }
    let silent = try run("2> /dev/full", ["inspect", "data", "nowhere.h5"])
    #expect(silent.code == 1, "\(silent.transcript)")
  }

  /// What Open MPI keeps in files is removed after a kill by the next process: it lies in folders whose lock nobody holds.
  @Test func litterOfKilledProcessesIsRemoved() throws {
    let place = folder.place("tmp"), user = getuid(), manager = FileManager.default
    func make(_ name: String, age: Double, lock: Bool) throws -> String {
      let path = "\(place)/ckm-mpi.\(name)"
      try manager.createDirectory(atPath: path + "/ompi/pid", withIntermediateDirectories: true)
      if lock { try Data().write(to: URL(fileURLWithPath: path + "/lock")) }
      try manager.setAttributes([.modificationDate: Date(timeIntervalSinceNow: -age)], ofItemAtPath: path)
      return path
    }
    let killed = try make("\(user).aaaaaa", age: 600, lock: true)
    let half = try make("\(user).bbbbbb", age: 600, lock: false)
    let fresh = try make("\(user).cccccc", age: 0, lock: true)
    let strange = try make("\(user + 1).dddddd", age: 600, lock: true)
    let living = try make("\(user).eeeeee", age: 600, lock: true)
    let lock = open(living + "/lock", O_RDWR | O_CLOEXEC)
    defer { close(lock) }
    #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
    let outcome = try Command.start(
      ["timeout", "60", Command.program, "inspect", "data", Command.fixtures + "/maps/layout.h5"],
      environment: ["TMPDIR": place])
    #expect(outcome.code == 0, "\(outcome.transcript)")
    let left = Set(try manager.contentsOfDirectory(atPath: place).map { "\(place)/\($0)" })
    #expect(left == [fresh, strange, living], "\(killed) and \(half) were to go")
  }

  /// Every key at its greatest: counted, and held against memory, before any of it is taken.
  @Test func aNetworkThatNoMachineHolds() throws {
    let greatest = [
      "model.image_size=4096", "model.channels=16", "model.patch=8", "model.base_channels=1024", "model.blocks=16",
      "model.multipliers=[256,256,256,256,256,256,256,256,256,256]",
      "model.attention_resolutions=[512,256,128,64,32,16,8]",
    ].flatMap { ["--set", $0] }
    try expectFailure(
      ["train"] + greatest + [
        "--data", Command.fixtures + "/maps/layout.h5", "--out", folder.place("run"), "--dry-run",
      ],
      telling: ["do not fit into memory", "expected: ", "found: "])
    #expect(folder.contents.isEmpty)
  }

  @Test func truncatedHDF5() throws {
    let whole = try layout()
    let file = try folder.file("cut.h5", Array(whole[..<(whole.count / 2)]))
    try expectFailure(["inspect", "data", file], telling: ["\(file)", "expected: ", "found: "])
    try expectFailure(
      ["train", "--preset", "tiny", "--data", file, "--out", folder.place("run")],
      telling: ["\(file)", "expected: ", "found: "])
    #expect(folder.contents == ["cut.h5"])
  }

  @Test func unknownKeyAndWrongType() throws {
    let unknown = try folder.file("unknown.yaml", "seed: 1\ntraining:\n  bach: 8\n")
    try expectFailure(
      ["config", "--config", unknown],
      telling: ["unknown.yaml:3:3", "training.bach", "expected: ", "found: bach", "training.batch"])
    let wrong = try folder.file("wrong.yaml", "training:\n  batch: many\n")
    try expectFailure(
      ["train", "--config", wrong, "--data", "maps.h5", "--out", folder.place("run")],
      telling: ["wrong.yaml:2:10", "training.batch", "expected: ", "found: "])
    try expectFailure(
      ["inspect", "model", "--set", "training.batch=-1"], telling: ["--set training.batch", "expected: ", "found: -1"])
  }

  @Test func wrongUse() throws {
    try expectFailure(["inspect", "--colour"], telling: ["--colour"], code: 64)
    try expectFailure(
      ["simulate", "uma", "--scenario", "fog", "--count", "1", "--out", "x.h5"],
      telling: ["fog", "'los', 'nlos' or 'mixed'"], code: 64)
    try expectFailure(["config", "--threads", "65"], telling: ["--threads"], code: 64)
  }

  @Test func wrongShape() throws {
    let deep = try folder.file("deep.npy", numPy(shape: [2, 3, 4, 5]) { Float($0) })
    let maps = try folder.file("maps.npy", numPy(shape: [2, 8, 8]) { Float($0) })
    let masks = try folder.file("masks.npy", numPy(shape: [2, 8, 4]) { _ in 1 })
    try expectFailure(
      ["import", deep, "--out", folder.place("out.h5")],
      telling: ["deep.npy", "expected: [N, H, W]", "found: [2, 3, 4, 5]"])
    try expectFailure(
      ["import", maps, "--valid", masks, "--out", folder.place("out.h5")],
      telling: ["masks.npy", "expected: [2, 8, 8]", "found: [2, 8, 4]"])
    #expect(folder.contents == ["deep.npy", "maps.npy", "masks.npy"])
  }

  @Test func notANumber() throws {
    let file = try folder.file("holes.npy", numPy(shape: [3, 8, 8]) { $0 == 2 * 64 + 19 ? .nan : -Float($0) })
    try expectFailure(
      ["import", file, "--out", folder.place("out.h5")],
      telling: ["holes.npy", "expected: ", "found: nan in sample 2, row 2, column 3"])
    #expect(folder.contents == ["holes.npy"])
  }

  @Test func constantMap() throws {
    let file = try folder.file("flat.npy", numPy(shape: [6, 16, 16]) { $0 / 256 == 4 ? -80 : -Float($0 % 200) })
    let maps = folder.place("flat.h5")
    let imported = try Command.run(["import", file, "--out", maps])
    #expect(imported.code == 0, "\(imported.transcript)")
    // In whichever part of the split the map is, training or validation meets it before anything is trained.
    try expectFailure(
      train(maps, "run", "model.image_size=16"), telling: ["flat.h5:/maps[4]", "expected: ", "found: -80.0 everywhere"])
  }

  @Test func magnificationThatDoesNotDivide() throws {
    let maps = folder.place("maps.h5")
    let simulated = try Command.run(
      ["simulate", "uma", "--scenario", "nlos", "--count", "6", "--size", "24", "--out", maps])
    #expect(simulated.code == 0, "\(simulated.transcript)")
    try expectFailure(
      train(maps, "run", "model.image_size=24", "data.magnification=5"),
      telling: ["magnification", "expected: ", "found: "])
    try expectFailure(
      train(maps, "run", "model.image_size=32"), telling: ["maps.h5", "expected: ", "found: ", "24"])
    #expect(folder.contents == ["maps.h5"])
  }

  private func train(_ data: String, _ run: String, _ overrides: String...) -> [String] {
    ["train", "--preset", "tiny", "--data", data, "--out", folder.place(run)]
      + (overrides + ["training.steps=2"]).flatMap { ["--set", $0] }
  }

  @Test func existingFileStays() throws {
    let old = try folder.file("maps.h5", "precious")
    try expectFailure(
      ["simulate", "uma", "--scenario", "los", "--count", "2", "--size", "16", "--out", old],
      telling: ["maps.h5: the file exists", "overwritten"])
    #expect(try String(contentsOfFile: old, encoding: .utf8) == "precious")
    #expect(folder.contents == ["maps.h5"])
  }

  @Test func simulationOutOfRange() throws {
    let out = folder.place("maps.h5")
    let start = ["simulate", "uma", "--scenario", "los", "--count", "2", "--out", out]
    try expectFailure(start + ["--size", "0"], telling: ["grid.columns", "expected: 1 to 4096", "found: 0"])
    try expectFailure(start + ["--frequency", "1e12"], telling: ["frequency", "expected: ", "found: "])
    try expectFailure(start + ["--spacing", "nan"], telling: ["spacing", "expected: ", "found: "])
    try expectFailure(
      ["simulate", "uma", "--scenario", "los", "--count", "0", "--out", out], telling: ["--count"], code: 64)
    #expect(folder.contents.isEmpty)
  }

  @Test func unwritableOutput() throws {
    let file = try folder.file("file", "")
    for out in [file + "/maps.h5", folder.place("missing/maps.h5"), "/proc/maps.h5"] {
      try expectFailure(
        ["simulate", "uma", "--scenario", "los", "--count", "2", "--size", "16", "--out", out],
        telling: [out, "found: "])
    }
    let maps = folder.place("maps.h5")
    let simulated = try Command.run(
      ["simulate", "uma", "--scenario", "nlos", "--count", "6", "--size", "16", "--out", maps])
    #expect(simulated.code == 0, "\(simulated.transcript)")
    try expectFailure(train(maps, "file/run", "model.image_size=16"), telling: ["file/run", "found: "])
  }
}

/// A file system of its own in a name space where an ordinary user may mount one, to be filled up.
private enum SmallDisk {
  static func inside(_ directory: String, _ size: String) -> [String] {
    [
      "unshare", "--map-root-user", "--mount", "bash", "-c",
      #"mount -t tmpfs -o size="$2" tmpfs "$1" && exec "${@:3}""#, "-", directory, size,
    ]
  }

  static let canMount: Bool = {
    guard let folder = try? TemporaryDirectory() else { return false }
    return (try? Command.start(inside(folder.path, "64k") + ["true"]))?.code == 0
  }()
}

/// A full disk is an error on all ranks, told by name.
@Suite(.serialized, .enabled(if: SmallDisk.canMount)) struct FullDiskTests {
  @Test func fullDisk() throws {
    let folder = try TemporaryDirectory()
    let out = folder.place("maps.h5")
    let outcome = try Command.run(
      ranks: 2, ["simulate", "uma", "--scenario", "los", "--count", "64", "--size", "64", "--out", out],
      prefix: SmallDisk.inside(folder.path, "256k"))
    #expect(outcome.rankCodes == [1, 1], "\(outcome.transcript)")
    #expect(outcome.errors.contains("there is no room for the file"), "\(outcome.transcript)")
    #expect(outcome.errors.contains(out), "\(outcome.transcript)")
  }

  @Test func fullDiskForARun() throws {
    let folder = try TemporaryDirectory()
    let data = try TemporaryDirectory()
    let maps = data.place("maps.h5")
    let simulated = try Command.run(
      ["simulate", "uma", "--scenario", "nlos", "--count", "6", "--size", "16", "--out", maps])
    #expect(simulated.code == 0, "\(simulated.transcript)")
    let settings = ["model.image_size=16", "training.steps=2", "checkpoints.every=1", "validation.every=0"]
    let outcome = try Command.run(
      ranks: 2,
      ["train", "--preset", "tiny", "--data", maps, "--out", folder.place("run")]
        + settings.flatMap { ["--set", $0] }, prefix: SmallDisk.inside(folder.path, "256k"))
    #expect(outcome.rankCodes == [1, 1], "\(outcome.transcript)")
    #expect(outcome.errors.contains("No space left on device"), "\(outcome.transcript)")
  }
}
