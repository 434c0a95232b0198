import ArgumentParser
import ChannelModels
import Essentials
import MessagePassing
import Records

/// The name of a subcommand that simulates by tables of the standard.
protocol StandardTables: Sendable {
  static var scenario: Scenario { get }
}

enum UrbanMacrocell: StandardTables {
  static let scenario = Scenario.uma
}

enum UrbanMicrocell: StandardTables {
  static let scenario = Scenario.umi
}

enum RuralMacrocell: StandardTables {
  static let scenario = Scenario.rma
}

/// `ckm simulate uma`, `umi` and `rma`: maps by 3GPP TR 38.901.
struct SimulateStandard<Tables: StandardTables>: ParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: Tables.scenario.rawValue,
      abstract: "Maps of a massive-MIMO-OFDM channel by the tables \(Tables.scenario.rawValue) of 3GPP TR 38.901.",
      discussion: "Each map has a base station at a random grid point, or at one of --stations.")
  }

  @OptionGroup var simulation: SimulateOptions

  @Option(
    help: ArgumentHelp(
      "Stations' positions [N, 2] in metres, one after the other for maps 0, 1, ...: a data set of an HDF5 file, a "
        + "NumPy array, or a table of text (CSV) or JSON.", valueName: "file:path"))
  var stations: String?

  @Option(parsing: .unconditional, help: "Maps of each of the stations, each with random numbers of its own.")
  var seedsPerStation: Int?

  @Option(parsing: .unconditional, help: "How many maps. Default with --stations: one of each.")
  var count: Int?

  @OptionGroup var output: SimulationOutput

  func validate() throws {
    guard count != nil || stations != nil else { throw ValidationError("--count is missing.") }
    guard count == nil || seedsPerStation == nil else {
      throw ValidationError("--count and --seeds-per-station exclude each other.")
    }
    guard seedsPerStation == nil || stations != nil else {
      throw ValidationError("--seeds-per-station needs --stations.")
    }
    for (name, number) in [("--count", count), ("--seeds-per-station", seedsPerStation)] {
      guard number.map({ (1...SimulationOutput.mostMaps).contains($0) }) ?? true else {
        throw ValidationError("\(name) must be 1 to \(SimulationOutput.mostMaps).")
      }
    }
  }

  private func number(of stations: GivenStations?) throws -> Int {
    if let count { return count }
    return try SimulationOutput.product(seedsPerStation ?? 1, stations?.positions.count ?? 1, of: "--seeds-per-station")
  }

  func run() throws {
    let communicator = try Communicator.world()
    let console = Console(isEnabled: communicator.isRoot)
    try OutputFile.requireDataSet(output.out, communicator)
    let threads = try output.compute.makeThreads(communicator, console)
    let simulator = try communicator.agree("prepare the simulation") {
      try ChannelSimulator(simulation.configuration(Tables.scenario), threads: threads)
    }
    let places: GivenStations? = try communicator.onRoot("read the stations") {
      try stations.map { try GivenStations($0, for: simulator) }
    }
    let count = try communicator.agree("count the maps") { try number(of: places) }
    try output.run(
      StandardSamples(simulator, stations: places), count: count, width: threads.count, communicator, console)
  }
}
