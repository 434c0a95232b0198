import ArgumentParser
import Benchmarks
import ChannelModels
import Computing
import MessagePassing

extension BenchCommand {
  /// `ckm bench simulate`: maps of each kind that a core makes in an hour.
  struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Maps that a core simulates in an hour; under mpirun also all ranks together against one alone.")

    @Option(help: "Threads of a rank.")
    var threads = 1
    @Option(help: "Maps of path power that a thread makes at a time.")
    var batch = 4
    @Option(help: "Rounds that are timed; one more goes before them.")
    var steps = 3
    @Option(help: "The tables of the standard: uma, umi or rma.")
    var tables = Scenario.uma
    @Option(help: "Places on a side of the square area.")
    var size = 128
    @Flag(help: "Print one JSON object instead of a table.")
    var json = false

    func validate() throws {
      guard (1...Threads.maximumCount).contains(threads) else {
        throw ValidationError("--threads: expected 1...\(Threads.maximumCount), found \(threads)")
      }
      guard (1...4096).contains(batch), (1...100_000).contains(steps) else {
        throw ValidationError("--batch and --steps: expected 1...4096 and 1...100000, found \(batch) and \(steps)")
      }
    }

    func run() throws {
      let world = try Communicator.world()
      var base = SimulationConfiguration(scenario: tables)
      base.grid = AreaGrid(columns: size, rows: size)
      let report = try SimulationBenchmark.run(
        base, BenchmarkSettings(threads: threads, batch: batch, steps: steps), world)
      if world.isRoot { print(json ? report.json.serialised : report.text) }
    }
  }
}
