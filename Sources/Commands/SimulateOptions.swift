import ArgumentParser
import ChannelModels

extension Scenario: ExpressibleByArgument {}
extension Propagation: ExpressibleByArgument {}
extension ParameterSet: ExpressibleByArgument {}
extension Polarisation: ExpressibleByArgument {}
extension SimulationConfiguration.Wavefront: ExpressibleByArgument {}

/// What is simulated: everything that the content of a data set depends on. Numbers are taken with any sign, so that
/// what is out of range is told with its range.
struct SimulateOptions: ParsableArguments {
  @OptionGroup var common: CommonSimulateOptions

  @Option(name: .customLong("scenario"), help: "Whether places see the base station.")
  var propagation: Propagation

  @Option(
    help: layersHelp(ChannelQuantity.self), transform: quantities)
  var layers: [ChannelQuantity] = [.pathPower]

  @Option(parsing: .unconditional, help: "Places on a side of the area.")
  var size = 128

  @Option(parsing: .unconditional, help: "Places in x, where the area is no square. Default: --size.")
  var columns: Int?

  @Option(parsing: .unconditional, help: "Places in y, where the area is no square. Default: --size.")
  var rows: Int?

  @Option(parsing: .unconditional, help: "Carrier frequency in Hz.")
  var frequency = 2.4e9

  @Option(parsing: .unconditional, help: "Height of the base station in metres. Default: the scenario's.")
  var stationHeight: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Elements of the base station's upright array: in a row, in a column.", valueName: "8x8"))
  var array = ArraySize(horizontal: 8, vertical: 8)

  @Option(parsing: .unconditional, help: "Distance between the array's elements in wavelengths.")
  var elementSpacing = 0.5

  @Option(parsing: .unconditional, help: "Active subcarriers.")
  var subcarriers = 300

  @Option(parsing: .unconditional, help: "Distance between subcarriers in Hz; the bandwidth is that many times it.")
  var subcarrierSpacing = 15e3

  @Option(help: "Shape of the waves at the array: plane, or spherical (slower: the direct sum).")
  var wavefront = SimulationConfiguration.Wavefront.plane

  @Option(help: "Whose parameters: those behind QuaDRiGa 2.6.1's maps, or the standard's as they stand.")
  var parameters = ParameterSet.quadriga

  @Option(help: "What vertical elements receive of a path: normalised loses the cross-polarised part.")
  var polarisation = Polarisation.normalised

  /// All of it as one value, not yet validated.
  ///
  /// - Parameter tables: of the standard.
  func configuration(_ tables: Scenario) -> SimulationConfiguration {
    var simulation = SimulationConfiguration(scenario: tables, propagation: propagation, seed: common.seed)
    simulation.grid = AreaGrid(columns: columns ?? size, rows: rows ?? size, spacing: common.spacing)
    simulation.frequency = frequency
    simulation.stationHeight = stationHeight ?? tables.defaultStationHeight
    simulation.userHeight = common.userHeight
    simulation.array = .init(horizontal: array.horizontal, vertical: array.vertical, spacing: elementSpacing)
    simulation.subcarriers = .init(active: subcarriers, spacing: subcarrierSpacing)
    simulation.wavefront = wavefront
    simulation.layers = layers
    simulation.parameterSet = parameters
    simulation.polarisation = polarisation
    return simulation
  }
}

/// What every simulation takes. Numbers are taken with any sign, as in `SimulateOptions`.
struct CommonSimulateOptions: ParsableArguments {
  @Option(parsing: .unconditional, help: "Keys all random numbers.")
  var seed: UInt64 = 1

  @Option(parsing: .unconditional, help: "Distance between neighbouring places in metres.")
  var spacing = 1.0

  @Option(parsing: .unconditional, help: "Height of the user equipment in metres.")
  var userHeight = 1.5
}

private func names<Quantity: MapQuantity>(_ type: Quantity.Type) -> String {
  type.allCases.map(\.rawValue).joined(separator: ", ")
}

/// The help of an option of layers.
func layersHelp<Quantity: MapQuantity>(_ type: Quantity.Type) -> ArgumentHelp {
  ArgumentHelp(
    "What each map holds, by commas; the first is the data set \"maps\", each further one has its own name: "
      + names(type), valueName: "names")
}

/// Layers by their names, separated by commas.
func quantities<Quantity: MapQuantity>(_ text: String) throws -> [Quantity] {
  try text.split(separator: ",", omittingEmptySubsequences: false).map { name in
    guard let layer = Quantity(rawValue: String(name)) else {
      throw ValidationError("there is no layer \"\(name)\"; there are \(names(Quantity.self)).")
    }
    return layer
  }
}

/// Two numbers "8x4": elements in a row and in a column.
struct ArraySize: ExpressibleByArgument {
  let horizontal: Int
  let vertical: Int

  init(horizontal: Int, vertical: Int) {
    self.horizontal = horizontal
    self.vertical = vertical
  }

  init?(argument: String) {
    let numbers = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count == 2, let horizontal = numbers[0], let vertical = numbers[1] else { return nil }
    self.init(horizontal: horizontal, vertical: vertical)
  }

  var defaultValueDescription: String { "\(horizontal)x\(vertical)" }
}
