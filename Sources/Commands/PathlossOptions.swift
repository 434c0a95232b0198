import ArgumentParser
import ChannelModels
import Evaluation
import MapStorage

/// The pathloss that power maps are to be freed of, where the file does not tell.
struct PathlossOptions: ParsableArguments {
  @Option(help: "The pathloss of a file that no simulation made: uma, umi or rma.")
  var pathloss: Scenario?

  @Option(
    name: .customLong("scenario"),
    help: "With --pathloss: whether places see the base station, los or nlos, where no layer line_of_sight tells.")
  var propagation: Propagation?

  @Option(help: "With --pathloss: carrier frequency in Hz.")
  var frequency = 2.4e9

  @Option(help: "With --pathloss: height of the base station in metres. Default: the scenario's.")
  var stationHeight: Double?

  @Option(help: "With --pathloss: height of the user equipment in metres. Default: the data set's.")
  var userHeight: Double?

  @Option(help: "With --pathloss: standard lets no 2-D distance fall below 10 m, quadriga does.")
  var parameters = ParameterSet.quadriga

  /// What the options, or else the file, say of the links; nil when neither does.
  ///
  /// - Throws: `Fault` when a value is out of range.
  func link(of reader: MapSetReader) throws -> LinkKnowledge? {
    guard let pathloss else {
      let record = try SimulationRecord(yaml: reader.description.configuration, at: "\(reader.path):@config")
      return record.map { Self.link($0.simulation) }
    }
    var simulation = SimulationConfiguration(scenario: pathloss, propagation: propagation ?? .mixed)
    simulation.frequency = frequency
    simulation.stationHeight = stationHeight ?? pathloss.defaultStationHeight
    simulation.userHeight = userHeight ?? reader.description.area.userHeight
    simulation.parameterSet = parameters
    try simulation.validate()
    return Self.link(simulation)
  }

  private static func link(_ simulation: SimulationConfiguration) -> LinkKnowledge {
    let pathloss = Pathloss(
      scenario: simulation.scenario, frequency: simulation.frequency, stationHeight: simulation.stationHeight,
      userHeight: simulation.userHeight, parameterSet: simulation.parameterSet)
    let state: Bool? =
      switch simulation.propagation {
      case .lineOfSight: true
      case .nonLineOfSight: false
      case .mixed: nil
      }
    return LinkKnowledge(state: state) { pathloss.decibels(distance: $0, lineOfSight: $1) }
  }
}
