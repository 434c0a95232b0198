import ArgumentParser
import Essentials
import Evaluation
import Foundation
import Interpolation
import MessagePassing
import Metrics
import Records
import Tensors

/// `ckm protocol`: the full table, scenario by magnification by method.
struct ProtocolCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "protocol", abstract: "Evaluate models and interpolations on scenarios at several magnifications.",
    discussion: """
      Writes protocol.md and protocol.json, and for each scenario at each magnification a directory with the \
      reconstructions, a report and pictures. A scenario is a data set, one of its layers, or an array of a foreign \
      file: --data mixed=maps.h5 --data coherent=maps.h5:coherent_power --data other=foreign.h5:MIX/path_power. Runs on \
      any number of ranks, with the same result.
      """)

  @Option(
    help: ArgumentHelp("A scenario and its maps. Repeatable.", valueName: "name=file[:layer]"),
    transform: ProtocolCommand.scenario)
  var data: [ProtocolData]

  @Option(
    help: ArgumentHelp(
      "A run's directory, and its name in tables. Default: the family's, or of several runs the directories'. Repeatable; "
        + "none: interpolations alone.",
      valueName: "[name=]directory"))
  var model: [String] = []

  @Option(parsing: .upToNextOption, help: "Fine pixels from one coarse sample to the next: several numbers.")
  var magnification = [2, 4, 8, 16]

  @OptionGroup var sampling: SamplingOptions

  @Option(help: "The stations' array in foreign files, in the group of the maps' array.")
  var stations: String?

  @Option(
    help: ArgumentHelp(
      "Weights of a perceptual distance, which becomes a column: what Scripts/lpips-weights writes.",
      valueName: "file.safetensors"))
  var lpips: String?

  @Option(parsing: .unconditional, help: MetricScale.help)
  var scale = MetricScale.own

  @OptionGroup var place: PlaceOptions

  @Option(name: .shortAndLong, help: "The directory for everything.")
  var out: String

  @OptionGroup var compute: ComputeOptions

  func validate() throws {
    guard !data.isEmpty else { throw ValidationError("Give --data at least once.") }
    try SamplingGrid.validate(magnification)
  }

  func run() throws {
    let communicator = try Communicator.world()
    let console = Console(isEnabled: communicator.isRoot)
    let threads = try compute.makeThreads(communicator, console)
    let models = try model.map { text in
      let (name, run) = named(text)
      let trained = try ChannelKnowledgeMaps.families.load(
        run: run, weights: sampling.weights, communicator: communicator, console: console)
      return (name: name ?? trained.title, trained: trained)
    }
    var request = ProtocolRequest(data: data, models: models, outputDirectory: out)
    request.magnifications = magnification
    request.sampling.sampling = sampling.request
    request.sampling.batch = sampling.batch
    request.stations = stations
    request.stationHeight = place.stationHeight ?? 0
    request.area = place.area
    request.scale = scale
    request.perceptual = lpips
    let report = try ProtocolEvaluation.run(
      request, communicator: communicator, engine: Engine(threads), softwareVersion: Software.version,
      console: console, progress: .automatic(isEnabled: communicator.isRoot))
    if communicator.isRoot {
      print(report.markdown)
      print("\(out): protocol.md, protocol.json, \(report.cells.count) reports")
    }
  }

  /// Name, where one is given or needed, and directory; a directory whose own name holds "=" needs no name.
  private func named(_ text: String) -> (name: String?, run: String) {
    let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
    if parts.count == 2, !FileManager.default.fileExists(atPath: text) { return (parts[0], parts[1]) }
    return (model.count == 1 ? nil : URL(fileURLWithPath: text).lastPathComponent, text)
  }

  private static func scenario(_ text: String) throws -> ProtocolData {
    guard let data = ProtocolData(parsing: text) else {
      throw ValidationError("--data is NAME=FILE or NAME=FILE:LAYER, found \"\(text)\".")
    }
    return data
  }
}
