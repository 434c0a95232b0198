import Foundation
import TestSupport
import Testing

/// Simulations that are killed, stopped or told otherwise, as users run them.
@Suite(.serialized) struct SimulateTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func simulation(_ out: String, _ more: String..., threads: Int = 1) -> [String] {
    ["simulate", "uma", "--scenario", "mixed", "--size", "48", "--threads", "\(threads)", "--seed", "5"] + more
      + ["--layers", "path_power,line_of_sight,k_factor", "--out", folder.place(out)]
  }

  private func succeed(
    _ arguments: [String], ranks: Int, location: SourceLocation = #_sourceLocation
  ) throws -> Command.Outcome {
    let outcome = try Command.launch(ranks: ranks, arguments, patience: 100)
    #expect(outcome.code == 0, "\(outcome.transcript)", sourceLocation: location)
    return outcome
  }

  /// Values and attributes, and since nothing else is in the files, every byte.
  private func expectEqual(_ one: String, _ other: String, location: SourceLocation = #_sourceLocation) throws {
    let difference = try Command.start(["h5diff", folder.place(one), folder.place(other)])
    #expect(difference.code == 0 && difference.output.isEmpty, "\(difference.transcript)", sourceLocation: location)
    #expect(
      FileManager.default.contentsEqual(atPath: folder.place(one), andPath: folder.place(other)),
      sourceLocation: location)
  }

  /// Starts two ranks, waits until some blocks are finished, and does something to them.
  private func startAndDisturb(_ out: String, _ arguments: [String], _ disturb: String) throws -> Command.Outcome {
    let script = """
      mpirun --timeout 100 --oversubscribe --bind-to none -n 2 "$@" & job=$!
      until [ "$(ls '\(folder.place(out)).partial' 2>/dev/null | grep -c samples-)" -ge \(Int.random(in: 2...5)) ]; do
        kill -0 $job 2>/dev/null || break; sleep 0.02
      done
      \(disturb)
      wait $job
      """
    return try Command.start(["bash", "-c", script, "-", Command.program] + arguments)
  }

  /// SIGKILL on one rank of two; three, of two threads each, go on with what is there.
  @Test func killedSimulationGoesOn() throws {
    let count = "600"
    _ = try succeed(simulation("whole.h5", "--count", count), ranks: 1)
    let arguments = simulation("killed.h5", "--count", count)
    // The ranks are the launcher's children.
    let killed = try startAndDisturb("killed.h5", arguments, "kill -KILL $(pgrep -n -P $job)")
    #expect(killed.code != 0, "\(killed.transcript)")
    #expect(folder.contents.contains("killed.h5.partial") && !folder.contents.contains("killed.h5"))
    let resumed = try succeed(simulation("killed.h5", "--count", count, threads: 2), ranks: 3)
    #expect(resumed.errors.contains("goes on with \(folder.place("killed.h5")).partial"), "\(resumed.transcript)")
    try expectEqual("whole.h5", "killed.h5")
    #expect(folder.contents == ["killed.h5", "whole.h5"])
  }

  /// SIGUSR1 to mpirun: exit code 75, then on.
  @Test func stoppedSimulationGoesOn() throws {
    let count = "600"
    let arguments = simulation("stopped.h5", "--count", count)
    let stopped = try startAndDisturb("stopped.h5", arguments, "kill -USR1 $job")
    #expect(stopped.code == 75, "\(stopped.transcript)")
    #expect(stopped.errors.contains("stopped by SIGUSR1: finished maps stay in"), "\(stopped.transcript)")
    // Told what differs, and nothing lost.
    let other = try Command.run(ranks: 2, arguments + ["--frequency", "3.5e9"])
    #expect(other.rankCodes == [1, 1], "\(other.transcript)")
    for part in ["stopped.h5.partial", "found: frequency: 2400000000.0", "--restart"] {
      #expect(other.errors.contains(part), "lacks \(part):\n\(other.transcript)")
    }
    _ = try succeed(arguments, ranks: 1)
    _ = try succeed(simulation("whole.h5", "--count", count), ranks: 2)
    try expectEqual("whole.h5", "stopped.h5")
  }

  @Test func restartThrowsAway() throws {
    let arguments = simulation("maps.h5", "--count", "600")
    let stopped = try startAndDisturb("maps.h5", arguments, "kill -USR1 $job")
    #expect(stopped.code == 75, "\(stopped.transcript)")
    let few = simulation("maps.h5", "--count", "3")
    let other = try Command.run(few)
    #expect(other.code == 1 && other.errors.contains("found: count 600"), "\(other.transcript)")
    _ = try succeed(few + ["--restart"], ranks: 2)
    #expect(folder.contents == ["maps.h5"])
  }

  @Test func stationsFromFiles() throws {
    let places: [Float] = [3, 4, 48, 1, 20.5, 31]
    let array = try folder.file("stations.npy", numPy(shape: [3, 2]) { places[$0] })
    _ = try succeed(simulation("one.h5", "--stations", array, "--seeds-per-station", "2"), ranks: 2)
    let raw = folder.place("stations.raw")
    let dumped = try Command.start(["h5dump", "-d", "/station", "-b", "LE", "-o", raw, folder.place("one.h5")])
    #expect(dumped.code == 0, "\(dumped.transcript)")
    let stored = try Data(contentsOf: URL(fileURLWithPath: raw)).withUnsafeBytes {
      Array($0.bindMemory(to: Float.self))
    }
    let once: [Float] = [3, 4, 25, 48, 1, 25, 20.5, 31, 25]
    #expect(stored == once + once)
    // The data set of stations that it has made itself does as well.
    let inside = folder.place("one.h5") + ":station"
    _ = try succeed(simulation("other.h5", "--stations", inside, "--count", "6"), ranks: 1)
    let same = try Command.start(["h5diff", folder.place("one.h5"), folder.place("other.h5"), "/maps"])
    #expect(same.code == 0, "\(same.transcript)")
    let origin = try Command.start(["h5dump", "-a", "/config", folder.place("other.h5")])
    #expect(origin.output.contains("one.h5:station"), "\(origin.transcript)")
  }

  @Test func stationsThatDoNotFit() throws {
    func expectFault(_ stations: String, _ parts: String..., location: SourceLocation = #_sourceLocation) throws {
      let outcome = try Command.run(ranks: 2, simulation("maps.h5", "--stations", stations))
      #expect(outcome.rankCodes == [1, 1], "\(outcome.transcript)", sourceLocation: location)
      for part in parts {
        #expect(outcome.errors.contains(part), "lacks \(part):\n\(outcome.transcript)", sourceLocation: location)
      }
    }
    let outside = try folder.file("outside.npy", numPy(shape: [2, 2]) { [5, 5, 5, 48.5][$0] })
    try expectFault(outside, "outside.npy, row 1: the station lies outside", "expected: 0 to 48", "(5.0, 48.5)")
    let high = try folder.file("high.npy", numPy(shape: [1, 3]) { [5, 5, 30][$0] })
    try expectFault(high, "high.npy, row 0", "expected: 25.0 m", "found: 30.0 m", "--station-height")
    let maps = try folder.file("maps.npy", numPy(shape: [2, 4, 4]) { Float($0) })
    try expectFault(maps, "maps.npy: the stations have the wrong shape", "found: [2, 4, 4]")
    try expectFault(Command.fixtures + "/maps/foreign.h5:NLOS/nowhere", "foreign.h5:/NLOS/nowhere")
    try expectFault("nowhere.h5:x", "nowhere.h5: ")
    #expect(folder.contents == ["high.npy", "maps.npy", "outside.npy"])
  }

  @Test(arguments: [
    (["--layers", "path_power,fog"], "\"fog\"; there are path_power, coherent_power", Int32(64)),
    (["--layers", "path_power,path_power"], "the list of layers is empty or repeats one", 1),
    (["--array", "8by8"], "--array", 64), (["--array", "0x8"], "array.horizontal", 1),
    (["--size", "-1"], "found: -1", 1), (["--columns", "5000"], "grid.columns", 1),
    (["--count", "-2"], "--count must be 1 to", 64), (["--seeds-per-station", "3"], "exclude each other", 64),
    (["--subcarriers", "0"], "subcarriers.active", 1), (["--subcarrier-spacing", "-1"], "subcarriers.spacing", 1),
    (["--station-height", "1"], "station_height", 1), (["--user-height", "-1"], "user_height", 1),
    (["--frequency", "1e8"], "frequency", 1), (["--element-spacing", "0"], "array.spacing", 1),
    (["--wavefront", "round"], "--wavefront", 64),
  ])
  func optionsOutOfRange(options: [String], message: String, code: Int32) throws {
    let arguments = ["simulate", "uma", "--scenario", "los", "--count", "2", "--out", folder.place("maps.h5")]
    let outcome = try Command.run(arguments + options)
    #expect(outcome.code == code && outcome.errors.contains(message), "\(outcome.transcript)")
    #expect(folder.contents.isEmpty)
  }
}
