import ArgumentParser
import Essentials
import Interpolation
import MapStorage
import MessagePassing
import Reconstruction
import Records
import Tensors

/// How maps of stations are weighted without a network.
enum StationMethod: String, CaseIterable, ExpressibleByArgument {
  case distance
}

/// `ckm infer`: maps of stations from those of others.
struct InferCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "infer",
    abstract: "Infer maps of stations from the maps of other stations of the same environment.",
    discussion: """
      --targets takes some stations' maps away and infers them from others, to be evaluated: of each environment the same ones \
      for any number of --sources. --at infers those of stations that do not exist yet. Results are in dB. Runs on any number \
      of ranks, with the same result.
      """)

  @Option(help: "The run's directory.")
  var model: String?

  @Option(help: "Interpolation instead of a model: distance, the known maps weighted by d^-power.")
  var method: StationMethod?

  @Option(help: "That power of the distance between two stations. Default: 2.")
  var power: Double?

  @Option(help: "A data set with the known maps, their stations and environments.")
  var data: String

  @Option(
    help:
      "Which maps of the data set: train, test or all, as the run was split. Default: test with --targets, all with --at."
  )
  var split: SplitChoice?

  @Option(help: "The number of an environment to look at. Repeatable. Default: all.")
  var environment: [Int] = []

  @Option(
    help: ArgumentHelp(
      "Known maps of each environment that are looked at, chosen once for all. Default: all that are not inferred.",
      valueName: "count"))
  var sources: Int?

  @Option(help: ArgumentHelp("Maps of each environment to be inferred and evaluated.", valueName: "count"))
  var targets: Int?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Where a station would stand, in metres: 120,45. Repeatable.", valueName: "x,y"))
  var at: [Position] = []

  @Option(help: "Height in metres of stations that are not there yet. Default: the mean of the known ones.")
  var stationHeight: Float?

  @OptionGroup var sampling: SamplingOptions

  @Flag(help: "Write all draws of each map as well: the data set draws [sample, draw, y, x].")
  var keepDraws = false

  @Option(help: "What the method is called in tables. Default: the family's name, or the interpolation's.")
  var name: String?

  @Option(name: .shortAndLong, help: "The data set to write, a name that ends in .h5.")
  var out: String

  @Flag(help: "Replace the file if there is one.")
  var overwrite = false

  @OptionGroup var compute: ComputeOptions

  func validate() throws {
    guard (model == nil) != (method == nil) else { throw ValidationError("Give either --model or --method.") }
    guard (targets == nil) != at.isEmpty else {
      throw ValidationError("Give either --targets, to be evaluated, or --at, where stations would stand.")
    }
    guard targets.map({ $0 >= 1 }) ?? true, sources.map({ $0 >= 1 }) ?? true else {
      throw ValidationError("--targets and --sources must be at least 1: maps are inferred from maps.")
    }
    guard power == nil || method != nil else { throw ValidationError("--power is for --method distance.") }
    guard power.map({ (0...100).contains($0) }) ?? true else { throw ValidationError("--power must be 0 to 100.") }
    guard stationHeight == nil || !at.isEmpty else { throw ValidationError("--station-height is for --at.") }
    guard stationHeight.map(\.isFinite) ?? true else {
      throw ValidationError("--station-height must be a number of metres.")
    }
    guard method == nil || (sampling.request.asked.isEmpty && !keepDraws) else {
      throw ValidationError("How maps are drawn (--sampler, --samples, --estimate, --keep-draws, ...) is a model's.")
    }
    guard method == nil || split == nil || split == .all else {
      throw ValidationError("--split \(split?.rawValue ?? "") is a run's; --method takes all maps.")
    }
  }

  func run() throws {
    let communicator = try Communicator.world()
    let console = Console(isEnabled: communicator.isRoot)
    try OutputFile.requireDataSet(out, communicator)
    let threads = try compute.makeThreads(communicator, console)
    try communicator.requireSameFiles([data])
    var request = InferenceRequest(
      data: data, split: split ?? (method != nil || !at.isEmpty ? .all : .test),
      targets: try targets.map { .held($0) } ?? .places(places(communicator)), output: out)
    request.environments = environment.isEmpty ? nil : environment
    request.sources = sources
    request.sampling = sampling.request
    request.sampling.keepsDraws = keepDraws
    request.batch = sampling.batch
    request.name = name
    request.overwrite = overwrite
    request.softwareVersion = Software.version
    let count = try StationInference.run(
      request, try chosenMethod(communicator, console), communicator: communicator, engine: Engine(threads),
      progress: .automatic(isEnabled: communicator.isRoot))
    if communicator.isRoot { print("\(out): \(count) maps, dB") }
  }

  private func chosenMethod(_ communicator: Communicator, _ console: Console) throws -> InferenceMethod {
    if method != nil { return .distanceWeighting(DistanceWeighting(power: power ?? 2)) }
    return .model(
      try ChannelKnowledgeMaps.families.load(
        run: model ?? "", weights: sampling.weights, communicator: communicator, console: console))
  }

  /// Collective.
  private func places(_ communicator: Communicator) throws -> [SIMD3<Float>] {
    let height = try communicator.agree("look at the known stations") {
      if let stationHeight { return stationHeight }
      let reader = try MapSetReader(path: data)
      let known = try reader.stations(indices: Array(0..<reader.count)) ?? []
      return known.isEmpty ? 0 : known.map(\.z).reduce(0, +) / Float(known.count)
    }
    return at.map { SIMD3(Float($0.x), Float($0.y), height) }
  }
}
