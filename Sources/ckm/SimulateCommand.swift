import ArgumentParser
import ChannelModels
import Essentials
import MapStorage
import MessagePassing
import RunRecords

extension Scenario: ExpressibleByArgument {}
extension Propagation: ExpressibleByArgument {}
extension ParameterSet: ExpressibleByArgument {}
extension Polarisation: ExpressibleByArgument {}

/// `ckm simulate`: a data set of simulated maps.
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate", abstract: "Simulate a data set of channel power maps (3GPP TR 38.901).",
    discussion: """
      Each map has a base station at a random grid point and shows the expected channel power at every place. What a \
      map holds depends on the seed and its number alone, not on the ranks or threads that made it.
      """)

  @Argument(help: "The tables of the standard: uma, umi or rma.")
  var tables: Scenario

  @Option(name: .customLong("scenario"), help: "Whether places see the base station.")
  var propagation: Propagation

  @Option(help: "How many maps.")
  var count: Int

  @Option(help: "Keys all random numbers.")
  var seed: UInt64 = 1

  @Option(name: .shortAndLong, help: "The data set to write.")
  var out: String

  @Flag(help: "Replace the data set if there is one.")
  var overwrite = false

  @Option(help: "Places on a side of the square area.")
  var size = 128

  @Option(help: "Distance between neighbouring places in metres.")
  var spacing = 1.0

  @Option(help: "Carrier frequency in Hz.")
  var frequency = 2.4e9

  @Option(help: "Height of the base station in metres. Default: the scenario's.")
  var stationHeight: Double?

  @Option(help: "Height of the user equipment in metres.")
  var userHeight = 1.5

  @Option(help: "Whose parameters: those behind QuaDRiGa 2.6.1's maps, or the standard's as they stand.")
  var parameters = ParameterSet.quadriga

  @Option(help: "What vertical elements receive of a path: normalised loses the cross-polarised part.")
  var polarisation = Polarisation.normalised

  @OptionGroup var compute: ComputeOptions

  func validate() throws {
    guard count > 0 else { throw ValidationError("--count must be at least 1.") }
  }

  func run() throws {
    let communicator = try Communicator.world()
    let console = Console(isEnabled: communicator.isRoot)
    let simulation = simulation
    let threads = try compute.makeThreads(communicator, console)
    let simulator = try communicator.agree("prepare the simulation") {
      try ChannelSimulator(simulation, threads: threads)
    }
    try SimulationWriter(simulator: simulator, count: count, path: out, overwrite: overwrite)
      .run(communicator)
    if communicator.isRoot { print("\(out): \(count) maps of \(size) x \(size), dB") }
  }

  private var simulation: SimulationConfiguration {
    var simulation = SimulationConfiguration(scenario: tables, propagation: propagation, seed: seed)
    simulation.grid = AreaGrid(columns: size, rows: size, spacing: spacing)
    simulation.frequency = frequency
    simulation.stationHeight = stationHeight ?? tables.defaultStationHeight
    simulation.userHeight = userHeight
    simulation.parameterSet = parameters
    simulation.polarisation = polarisation
    return simulation
  }
}
