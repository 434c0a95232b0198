import Conditioning
import Essentials
import Interpolation
import MapStorage
import MessagePassing
import Records
import Runs
import Tensors

/// Which maps are to be inferred.
public enum InferenceTargets: Sendable {
  /// So many known stations of each environment, drawn but always the same, to be held against the truth.
  case held(Int)
  /// Stations at places (x, y, z) [m].
  case places([SIMD3<Float>])

  /// How many of each environment.
  var count: Int {
    switch self {
    case .held(let count): count
    case .places(let places): places.count
    }
  }
}

/// What infers maps of stations from those of others.
public enum InferenceMethod {
  /// A trained run of any family that looks across stations.
  case model(any TrainedModel)
  /// The mean of the known maps, weighted by distance.
  case distanceWeighting(DistanceWeighting)
}

/// What an inference is asked to do.
public struct InferenceRequest: Sendable {
  /// The data set with the known maps.
  public var data: String
  /// Which of its maps.
  public var split: SplitChoice
  /// The environments that are looked at; nil: all.
  public var environments: [Int]?
  /// How many known maps are looked at in each environment, drawn but always the same; nil: all that there are.
  public var sources: Int?
  /// Which maps are to be inferred.
  public var targets: InferenceTargets
  /// The result's file.
  public var output: String
  /// How a model infers maps.
  public var sampling = SamplingRequest()
  /// Maps that a rank has in the network at a time; those of one environment are never divided.
  public var batch = 4
  /// As it stands in tables; nil for the method's own name.
  public var name: String?
  /// Whether an existing file may be replaced.
  public var overwrite = false
  /// What the file says it was written by.
  public var softwareVersion = ""

  /// - Parameters:
  ///   - data: the data set with the known maps.
  ///   - split: which of its maps.
  ///   - targets: which maps are to be inferred.
  ///   - output: the result's file.
  public init(data: String, split: SplitChoice = .all, targets: InferenceTargets, output: String) {
    (self.data, self.split, self.targets, self.output) = (data, split, targets, output)
  }
}

/// Maps of stations from those of others, the environments shared out over the ranks.
public enum StationInference {
  /// Collective. Infers the maps that are asked for into one file, environment by environment; results are in dB.
  ///
  /// Random numbers are keyed by seed, environment, target, draw and timestep: neither the number of ranks nor the batch
  /// changes what comes out.
  ///
  /// - Parameters:
  ///   - request: what to do.
  ///   - method: what infers, on every rank.
  ///   - communicator: the ranks.
  ///   - engine: this rank's threads and buffers.
  ///   - style: how progress is told.
  /// - Returns: how many maps were inferred.
  /// - Throws: `Fault` on all ranks; no file of the result's name is then left behind.
  @discardableResult
  public static func run(
    _ request: InferenceRequest, _ method: InferenceMethod, communicator: Communicator, engine: Engine,
    progress style: ProgressDisplay.Style
  ) throws -> Int {
    let source = try communicator.agree("open the known maps") { try SceneSource(request, method.trained) }
    let estimator = try method.estimator(request.sampling, source.geometry, communicator, engine)
    var record = ReconstructionRecord(
      magnification: nil, data: request.data, method: request.name ?? estimator.name)
    estimator.describe(&record)
    var description = source.description(
      record, hasDeviation: estimator.hasDeviation, draws: estimator.keptDraws)
    description.softwareVersion = request.softwareVersion
    if let trained = method.trained { description.seed = request.sampling.seed ?? trained.seed }
    let count = source.scenes.count * request.targets.count
    let writer = try MapSetWriter.create(
      path: request.output, description: description, count: count, communicator: communicator,
      overwrite: request.overwrite)
    try writer.writeAll(
      source.scenes.count, batch: max(1, request.batch / request.targets.count), "infer", unit: "environments",
      communicator, progress: style
    ) { try source.block($0, estimator) }
    return count
  }
}

extension InferenceMethod {
  fileprivate var trained: (any TrainedModel)? {
    if case .model(let trained) = self { trained } else { nil }
  }

  /// Collective. What infers maps.
  ///
  /// - Parameters:
  ///   - request: how a model infers them.
  ///   - geometry: where the places lie.
  ///   - communicator: the ranks.
  ///   - engine: this rank's threads and buffers.
  /// - Throws: `Fault` on all ranks where what is asked for does not fit the model.
  public func estimator(
    _ request: SamplingRequest, _ geometry: ObservationGeometry, _ communicator: Communicator, _ engine: Engine
  ) throws -> any Estimator {
    switch self {
    case .distanceWeighting(let weighting):
      try communicator.agree { () -> any Estimator in
        try request.require(only: [], by: DistanceWeighting.name)
        return DistanceWeightingEstimator(weighting, geometry)
      }
    case .model(let trained):
      try trained.makeEstimator(geometry, request, communicator: communicator, engine: engine)
    }
  }
}

/// Weighting by distance as an estimator.
struct DistanceWeightingEstimator: Estimator {
  let name = DistanceWeighting.name
  let hasDeviation = false
  let keptDraws = 0
  private let weighting: DistanceWeighting
  private let geometry: ObservationGeometry

  /// - Parameters:
  ///   - weighting: what each known map counts.
  ///   - geometry: where the places lie.
  init(_ weighting: DistanceWeighting, _ geometry: ObservationGeometry) {
    (self.weighting, self.geometry) = (weighting, geometry)
  }

  func describe(_ record: inout ReconstructionRecord) {}

  func estimate(_ observations: [Observation], keys: [Int]) throws -> [[Estimate]] {
    observations.map { observation in
      guard case .stations(let known) = observation else { preconditionFailure("the geometry is of stations") }
      let positions = known.sources.map { geometry.area.position(of: $0.station ?? .zero) }
      return known.targets.map { target in
        Estimate(
          map: weighting.map(of: known.sources, at: positions, for: geometry.area.position(of: target)))
      }
    }
  }
}
