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
    @Option(help: "What is simulated: uma, umi, rma (the standard's tables), or urban (cities).")
    var scenario = BenchScenario.standard(.uma)
    @Option(help: "Places on a side of the square area. Default: 128, of cities 256.")
    var size: Int?
    @Option(help: "Stations in each city, whose maps a thread makes at a time.")
    var stations = 80
    @Flag(help: "Print one JSON object instead of a table.")
    var json = false

    func validate() throws {
      guard (1...Threads.maximumCount).contains(threads) else {
        throw ValidationError("--threads: expected 1...\(Threads.maximumCount), found \(threads)")
      }
      guard (1...4096).contains(batch), (1...100_000).contains(steps) else {
        throw ValidationError("--batch and --steps: expected 1...4096 and 1...100000, found \(batch) and \(steps)")
      }
      guard (1...100_000).contains(stations) else {
        throw ValidationError("--stations: expected 1...100000, found \(stations)")
      }
    }

    func run() throws {
      let world = try Communicator.world()
      let settings = BenchmarkSettings(threads: threads, batch: batch, steps: steps)
      let report: BenchmarkReport
      switch scenario {
      case .standard(let tables):
        var base = SimulationConfiguration(scenario: tables)
        base.grid = AreaGrid(columns: size ?? 128, rows: size ?? 128)
        report = try SimulationBenchmark.run(base, settings, world)
      case .urban:
        var base = UrbanConfiguration()
        base.grid = AreaGrid(columns: size ?? 256, rows: size ?? 256)
        base.stationsEach = stations
        report = try SimulationBenchmark.run(base, settings, world)
      }
      if world.isRoot { print(json ? report.json.serialised : report.text) }
    }
  }
}

/// What `ckm simulate` has a command for.
enum BenchScenario: ExpressibleByArgument {
  case standard(Scenario)
  case urban

  init?(argument: String) {
    if argument == "urban" {
      self = .urban
    } else if let tables = Scenario(rawValue: argument) {
      self = .standard(tables)
    } else {
      return nil
    }
  }

  var defaultValueDescription: String {
    switch self {
    case .standard(let tables): tables.rawValue
    case .urban: "urban"
    }
  }

  static var allValueStrings: [String] { Scenario.allCases.map(\.rawValue) + ["urban"] }
}
