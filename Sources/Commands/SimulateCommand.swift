import ArgumentParser
import ChannelModels
import Essentials
import MessagePassing
import Records

/// `ckm simulate`: a data set of simulated maps.
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate", abstract: "Simulate a data set of channel power maps (3GPP TR 38.901).",
    discussion: """
      Each map has a base station at a random grid point, or at one of --stations. What a map holds depends on the \
      options, the seed and its number alone, not on the ranks or threads that made it.

      Finished blocks stay in FILE.partial: after SIGUSR1 to mpirun (exit code 75), a crash or a full disk the same \
      command goes on from there, with any number of ranks, and ends with the same file.
      """)

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

  @Option(name: .shortAndLong, help: "The data set to write.")
  var out: String

  @Flag(help: "Replace the data set if there is one.")
  var overwrite = false

  @Flag(help: "Throw away what an interrupted run has left, and start over.")
  var restart = false

  @OptionGroup var compute: ComputeOptions

  func validate() throws {
    guard count != nil || stations != nil else { throw ValidationError("--count is missing.") }
    guard count == nil || seedsPerStation == nil else {
      throw ValidationError("--count and --seeds-per-station exclude each other.")
    }
    guard seedsPerStation == nil || stations != nil else {
      throw ValidationError("--seeds-per-station needs --stations.")
    }
    for (name, number) in [("--count", count), ("--seeds-per-station", seedsPerStation)] {
      guard number.map({ (1...Self.most).contains($0) }) ?? true else {
        throw ValidationError("\(name) must be 1 to \(Self.most).")
      }
    }
  }

  /// Numbers of samples are 32 bits in many places, in other people's programs too.
  private static let most = Int(Int32.max)

  private func number(of stations: GivenStations?) throws -> Int {
    if let count { return count }
    let product = (seedsPerStation ?? 1).multipliedReportingOverflow(by: stations?.positions.count ?? 1)
    guard !product.overflow, product.partialValue <= Self.most else {
      throw Fault("these are too many maps", at: "--seeds-per-station", expected: "at most \(Self.most) maps")
    }
    return product.partialValue
  }

  func run() throws {
    let communicator = try Communicator.world()
    let console = Console(isEnabled: communicator.isRoot)
    try OutputFile.requireDataSet(out, communicator)
    let threads = try compute.makeThreads(communicator, console)
    let simulator = try communicator.agree("prepare the simulation") {
      try ChannelSimulator(simulation.configuration, threads: threads)
    }
    let places: GivenStations? = try communicator.onRoot("read the stations") {
      try stations.map { try GivenStations($0, for: simulator) }
    }
    let count = try communicator.agree("count the maps") { try number(of: places) }
    let run = SimulationRun(
      simulator: simulator, stations: places, count: count, path: out, width: threads.count, overwrite: overwrite,
      restart: restart)
    if case .stopped = try run.run(communicator, console) { throw ExitCode(75) }
    if communicator.isRoot {
      let grid = simulator.configuration.grid
      print("\(out): \(count) maps of \(grid.rows) x \(grid.columns), \(simulator.configuration.layers[0].unit)")
    }
  }
}
