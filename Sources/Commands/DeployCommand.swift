import ArgumentParser
import ChannelModels
import Configuration
import Deployment
import Essentials
import Interpolation
import MapStorage
import MessagePassing
import Reconstruction
import Records
import Runs
import Tensors

/// `ckm deploy`: where to put a station.
struct DeployCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "deploy", abstract: "Find where a new station covers regions best, from the maps of known stations.",
    discussion: """
      Every place where a station may stand is looked at: its map is inferred from the known ones by a trained run, weighted \
      from them, or simulated among the buildings that their masks show. Writes deployment.md, deployment.json, candidates.csv \
      and deployment.png. --trial instead measures in the cities of a data set what each method's choice loses beside the true \
      best place, and writes trial.md and trial.json. Runs on any number of ranks.
      """)

  /// What tells the maps of candidates.
  enum Teller: String, CaseIterable, ExpressibleByArgument {
    case model, distance, simulator
  }

  @Option(help: "The run's directory.")
  var model: String?

  @Option(
    help: ArgumentHelp(
      "What tells a candidate's map: model, distance (the known maps weighted by distance) or simulator (the urban one's usual "
        + "law). Default: model. --trial tries all, but the model where there is none."))
  var with: Teller?

  @Option(help: "A data set with the known maps, their stations and environments.")
  var data: String

  @Option(help: "The number of the environment to look at. Default: the only one.")
  var environment: Int?

  @Option(
    help: ArgumentHelp(
      "Known maps of each environment that are looked at, chosen once for all. Default: all that are not inferred.",
      valueName: "count"))
  var sources: Int?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "What is to be covered: the sides of a rectangle in metres. Repeatable.", valueName: "left,bottom,right,top"))
  var region: [RegionArgument] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("What the least gain in every region is to reach, in dB. Repeatable.", valueName: "dB"))
  var atLeast: [Double] = []

  @Option(help: "How many new stations, one after the other.")
  var newStations = 1

  @Option(
    help:
      "Distance in metres between places where a station may stand. Default: a thirty-second of the area's longer side."
  )
  var every: Double?

  @Option(help: "Height in metres of stations that are not there yet. Default: the mean of the known ones.")
  var stationHeight: Float?

  @OptionGroup var sampling: SamplingOptions

  @Flag(help: "Try methods in the cities of a data set instead.")
  var trial = false

  @Option(help: "With --trial: how many of the first cities. Default: all.")
  var maximum: Int?

  @Option(name: .shortAndLong, help: "The report's directory.")
  var out: String

  @OptionGroup var compute: ComputeOptions

  private var teller: Teller { with ?? .model }

  func validate() throws {
    guard trial || (teller == .model) == (model != nil) else {
      throw ValidationError(
        teller == .model ? "Give --model, or --with distance or simulator." : "--model is for --with model.")
    }
    guard trial != !region.isEmpty else {
      throw ValidationError(trial ? "--trial draws its own regions." : "Give at least one --region, or --trial.")
    }
    guard !trial || sources != nil else { throw ValidationError("--trial needs --sources: how many are known.") }
    guard !trial || (with == nil && environment == nil && atLeast.isEmpty && newStations == 1 && stationHeight == nil)
    else {
      throw ValidationError("--trial tries all methods in all cities, one station in each.")
    }
    guard maximum.map({ $0 >= 1 }) ?? true, maximum == nil || trial else {
      throw ValidationError("--maximum is for --trial, 1 at least.")
    }
    guard newStations >= 1, sources.map({ $0 >= 1 }) ?? true else {
      throw ValidationError("--new-stations and --sources must be at least 1.")
    }
    guard every.map({ $0 > 0 && $0.isFinite }) ?? true else {
      throw ValidationError("--every must be a positive number of metres.")
    }
    guard atLeast.allSatisfy(\.isFinite), stationHeight.map(\.isFinite) ?? true else {
      throw ValidationError("--at-least and --station-height are finite numbers.")
    }
    guard model != nil || sampling.request.asked.isEmpty else {
      throw ValidationError("How maps are drawn (--sampler, --samples, --estimate, ...) is a model's.")
    }
  }

  func run() throws {
    let communicator = try Communicator.world()
    let console = Console(isEnabled: communicator.isRoot)
    let engine = Engine(try compute.makeThreads(communicator, console))
    try communicator.requireSameFiles([data])
    let inference = try model.map { path in
      DeploymentMethod.inference(
        .model(
          try ChannelKnowledgeMaps.families.load(
            run: path, weights: sampling.weights, communicator: communicator, console: console)), sampling.request)
    }
    let weighting = DeploymentMethod.inference(.distanceWeighting(DistanceWeighting()), SamplingRequest())
    let simulator = DeploymentMethod.simulator(
      try communicator.agree("read how the data were made") { try simulation() })
    let style = ProgressDisplay.Style.automatic(isEnabled: communicator.isRoot)
    if trial {
      var request = DeploymentTrial.Request(data: data, sources: sources ?? 1, output: out)
      request.maximum = maximum
      request.spacing = every
      request.batch = sampling.batch
      request.seed = sampling.seed ?? 0
      let trial = try DeploymentTrial.run(
        request, [inference, weighting].compactMap { $0 }, truth: simulator, communicator: communicator, engine: engine,
        progress: style)
      if communicator.isRoot { print(trial.markdown + "\n\(out): trial.md, trial.json") }
      return
    }
    var request = DeploymentRequest(data: data, regions: region.map(\.region), output: out)
    request.environment = environment
    request.sources = sources
    request.thresholds = atLeast
    request.stations = newStations
    request.spacing = every
    request.height = stationHeight
    request.batch = sampling.batch
    let method =
      switch teller {
      case .model: inference ?? weighting
      case .distance: weighting
      case .simulator: simulator
      }
    let plan = try DeploymentPlan.run(
      request, method, communicator: communicator, engine: engine, progress: style)
    if communicator.isRoot {
      print(plan.markdown + "\n\(out): deployment.md, deployment.json, candidates.csv, deployment.png")
    }
  }

  /// What the data were simulated by; the usual of maps that were not.
  private func simulation() throws -> UrbanConfiguration {
    let text = try MapSetReader(path: data).description.configuration
    return (try? Configuration.read(yaml: text, named: data, preset: UrbanConfiguration())) ?? UrbanConfiguration()
  }
}

/// Four numbers "20,30,60,80": the sides of a rectangle [m].
struct RegionArgument: ExpressibleByArgument {
  let region: CoverageRegion

  init?(argument: String) {
    let sides = argument.split(separator: ",", omittingEmptySubsequences: false).compactMap { Double($0) }
    guard sides.count == 4, sides.allSatisfy(\.isFinite), sides[0] <= sides[2], sides[1] <= sides[3] else { return nil }
    region = CoverageRegion(left: sides[0], bottom: sides[1], right: sides[2], top: sides[3])
  }
}
