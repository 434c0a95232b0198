import ArgumentParser
import ChannelModels
import Essentials
import MessagePassing
import Records

/// `ckm simulate urban`: maps of stations in cities.
struct SimulateUrban: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "urban", abstract: "Maps of many stations in each of many cities, by the dominant path model.",
    discussion: """
      Cities are drawn, or read with --footprints; stations are drawn out of doors, or read. The maps of a city's stations \
      follow each other, with the city's number as their environment and its buildings as their mask.
      """)

  @Option(
    parsing: .unconditional,
    help:
      "How many environments, a city each; those of --footprints again after the last. Default: 1, or one for each file of a folder."
  )
  var environments: Int?

  @Option(
    help: ArgumentHelp(
      "Stations in each city: how many; or their positions, a table of text (CSV) or JSON, a NumPy array, a data set of "
        + "an HDF5 file, or GeoJSON with points, in the coordinates of --footprints.", valueName: "n|file"))
  var stations = "10"

  @Option(
    help: ArgumentHelp(
      "The buildings: polygons in metres or degrees (GeoJSON), or a picture with white buildings, a pixel a place; or a folder of "
        + "them, a city each.", valueName: "file.geojson|file.png|folder"))
  var footprints: String?

  @Option(parsing: .unconditional, help: "Places on a side of the area. Default: 256, or what --footprints take.")
  var size: Int?

  @OptionGroup var common: CommonSimulateOptions

  @Option(help: layersHelp(UrbanQuantity.self), transform: quantities)
  var layers: [UrbanQuantity] = [.gain]

  @Option(parsing: .unconditional, help: "Height of the base station in metres.")
  var stationHeight = 1.5

  @Option(parsing: .unconditional, help: "Height of the buildings in metres: paths lead over them too.")
  var buildingHeight = 25.0

  @Option(parsing: .unconditional, help: "How far drawn stations keep from the border of the area in metres.")
  var margin = 0.0

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "Another value for a key of the simulation's configuration, as the data set records it.", valueName: "key=value"))
  var overrides: [String] = []

  @OptionGroup var output: SimulationOutput

  func validate() throws {
    guard environments.map({ (1...SimulationOutput.mostMaps).contains($0) }) ?? true else {
      throw ValidationError("--environments must be 1 to \(SimulationOutput.mostMaps).")
    }
    if let number = Int(stations), !(1...SimulationOutput.mostMaps).contains(number) {
      throw ValidationError("--stations must be 1 to \(SimulationOutput.mostMaps), or a file.")
    }
  }

  /// What the options say, read on one rank and the same on all.
  private struct Input: Codable {
    var configuration: UrbanConfiguration
    var footprints: [Footprints] = []
    var positions: GivenPositions?
  }

  private func read() throws -> Input {
    let buildings = try footprints.map { try Footprints.read($0) } ?? []
    var configuration = UrbanConfiguration()
    configuration.grid =
      size == nil && !buildings.isEmpty
      ? Footprints.grid(buildings, spacing: common.spacing)
      : AreaGrid(columns: size ?? 256, rows: size ?? 256, spacing: common.spacing)
    configuration.seed = common.seed
    configuration.layers = layers
    (configuration.stationHeight, configuration.userHeight) = (stationHeight, common.userHeight)
    (configuration.buildingHeight, configuration.margin) = (buildingHeight, margin)
    configuration.stationsEach = Int(stations) ?? 1
    configuration = try configuration.changed(by: overrides)
    for one in buildings { try one.require(configuration.grid) }
    if let footprints { configuration.footprints = Footprints.record(buildings, source: footprints) }
    guard Int(stations) != nil || buildings.count < 2 else {
      throw Fault(
        "the stations of several cities are no table", at: "--stations", expected: "their number in each city",
        found: "the file \(stations) for \(buildings.count) cities")
    }
    let positions =
      try Int(stations) == nil
      ? GivenPositions(
        stations, footprints: buildings.first, grid: configuration.grid, height: configuration.stationHeight)
      : nil
    return Input(configuration: configuration, footprints: buildings, positions: positions)
  }

  func run() throws {
    let communicator = try Communicator.world()
    let console = Console(isEnabled: communicator.isRoot)
    try OutputFile.requireDataSet(output.out, communicator)
    let threads = try output.compute.makeThreads(communicator, console)
    let input = try communicator.onRoot("read the city") { try read() }
    let simulator = try communicator.agree("prepare the city") {
      try UrbanSimulator(
        input.configuration, footprints: input.footprints, stations: input.positions, threads: threads)
    }
    let count = try communicator.agree("count the maps") {
      try SimulationOutput.product(
        environments ?? max(1, input.footprints.count), simulator.configuration.stationsEach, of: "--environments")
    }
    try output.run(simulator, count: count, width: threads.count, communicator, console)
  }
}
