import Essentials
import MapStorage
import MessagePassing
import Reconstruction
import Records
import Tensors

/// The whole evaluation protocol: scenario × magnification × method, each with its own report, and one table of all.
public enum ProtocolEvaluation {
  /// Collective. Takes in the scenarios' maps, reconstructs them with each model at each magnification, compares all with
  /// the truth and the interpolations, and writes `protocol.md` and `protocol.json`.
  ///
  /// Each scenario at each magnification gets a directory `NAME-xM` with the reconstructions (`MODEL.h5`), a report and
  /// pictures; maps of foreign files and of layers go through `data/NAME.h5`. Files of the same names are replaced.
  ///
  /// - Parameters:
  ///   - request: what to do; the same on every rank.
  ///   - communicator: the ranks.
  ///   - engine: this rank's threads and buffers.
  ///   - softwareVersion: what files say they were written by.
  ///   - console: told of each step.
  ///   - style: how progress is shown.
  /// - Returns: the report, on every rank.
  /// - Throws: `Fault` on every rank; what was finished before stays.
  @discardableResult
  public static func run(
    _ request: ProtocolRequest, communicator: Communicator, engine: Engine, softwareVersion: String = "",
    console: Console, progress style: ProgressDisplay.Style
  ) throws -> ProtocolReport {
    try communicator.agree("prepare the protocol") { try request.validate() }
    try makeDirectory(request.outputDirectory, communicator)
    // All data before any work on it: a name that is wrong shows at once.
    let paths = try request.data.map { try prepare($0, request, softwareVersion, communicator) }
    var cells: [ProtocolReport.Cell] = []
    for (data, path) in zip(request.data, paths) {
      for magnification in request.magnifications {
        let folder = "\(data.name)-x\(magnification)"
        let directory = "\(request.outputDirectory)/\(folder)"
        try makeDirectory(directory, communicator)
        let files = try request.models.map { name, trained in
          let file = "\(directory)/\(name).h5"
          var own = request.sampling
          own.input = .dataSet(path: path, split: .all)
          own.output = file
          own.magnification = magnification
          own.name = name
          own.overwrite = true
          own.softwareVersion = softwareVersion
          console.note("\(data.name), x\(magnification): \(name)")
          try Reconstructor.run(
            own, .model(trained), communicator: communicator, engine: engine, progress: style)
          return file
        }
        let report = try Evaluator.run(
          dataPath: path, reconstructionPaths: files, magnification: magnification, scale: request.scale,
          perceptual: request.perceptual, outputDirectory: directory, communicator: communicator)
        cells.append(.init(scenario: data.name, folder: folder, report: report))
      }
    }
    let report = ProtocolReport(scale: request.scale, cells: cells)
    try communicator.onRoot("write the protocol") { try report.write(to: request.outputDirectory) }
    return report
  }

  private static func makeDirectory(_ path: String, _ communicator: Communicator) throws {
    try communicator.onRoot("make the protocol's directory") { try ReportDirectory.make(path) }
  }

  /// Collective. The data set of a scenario: the file itself, or one made of a layer or of foreign maps.
  private static func prepare(
    _ data: ProtocolData, _ request: ProtocolRequest, _ version: String, _ communicator: Communicator
  ) throws -> String {
    guard let layer = data.layer else {
      try communicator.agree("open \(data.path)") { _ = try MapSetReader(path: data.path) }
      return data.path
    }
    let (options, description) = try communicator.agree("open \(data.path)") {
      try importOptions(data.path, layer, request)
    }
    let folder = "\(request.outputDirectory)/data"
    try makeDirectory(folder, communicator)
    let target = "\(folder)/\(data.name).h5"
    try MapImporter.run(
      path: data.path, options: options, target: target, area: description?.area ?? request.area,
      softwareVersion: version, communicator: communicator, overwrite: true)
    return target
  }

  /// How a layer of a data set of ours, or an array of a foreign file, is taken in.
  private static func importOptions(
    _ path: String, _ layer: String, _ request: ProtocolRequest
  ) throws -> (ImportOptions, MapSetDescription?) {
    var options = ImportOptions(maps: layer, stationHeight: request.stationHeight)
    // A file of another layout is no error here: the import judges it.
    guard let description = (try? MapSetReader(path: path))?.description else {
      let group = layer.lastIndex(of: "/").map { String(layer[...$0]) } ?? ""
      options.stations = request.stations.map { group + $0 }
      return (options, nil)
    }
    let layers = ["maps"] + description.layers.map(\.name)
    guard layers.contains(layer) else {
      throw Fault(
        "the data set has no such layer", at: "\(path):/\(layer)", expected: layers.joined(separator: ", "))
    }
    options.stations = description.hasStations ? "station" : nil
    options.valid = description.hasValid ? "valid" : nil
    options.environments = description.hasEnvironments ? "environment" : nil
    // What a model may see beside the maps comes along.
    options.layers = description.layers.filter { $0.name != layer }.map { .init(name: $0.name, source: $0.name) }
    // What a layer of a data set of ours is, is known: it is taken as it is.
    options.units = .decibel
    options.ignoresAttributes = true
    options.limits = ValueRange(minimum: -.greatestFiniteMagnitude, maximum: .greatestFiniteMagnitude)
    return (options, description)
  }
}
