import Interpolation
import MapStorage
import MessagePassing
import Records
import Runs
import Tensors

/// Fine maps out of coarse ones, by a trained run or by interpolation, the work shared out over the ranks.
public enum Reconstructor {
  /// Collective. Reconstructs all maps of the input into one file; results are in dB.
  ///
  /// The random numbers of a draw are keyed by seed, sample, draw and timestep: neither the number of ranks nor the batch
  /// changes what comes out.
  ///
  /// - Parameters:
  ///   - request: what to do.
  ///   - method: what makes the maps, on every rank.
  ///   - communicator: the ranks.
  ///   - engine: this rank's threads and buffers.
  ///   - progress: told on every rank; silent where it is.
  /// - Returns: how many maps were reconstructed.
  /// - Throws: `Fault` on all ranks; no file of the result's name is then left behind.
  @discardableResult
  public static func run(
    _ request: ReconstructionRequest, _ method: ReconstructionMethod, communicator: Communicator, engine: Engine,
    progress style: ProgressDisplay.Style
  ) throws -> Int {
    let source = try communicator.agree("open the coarse maps") {
      let source = try ReconstructionSource(request.input, method.trained, magnification: request.magnification)
      if let target = request.exportedTo {
        try ExportFormat(of: target).require(count: source.samples.count, at: target)
      }
      return source
    }
    let estimator = try method.estimator(request, source.geometry, communicator, engine)
    var record = ReconstructionRecord(
      magnification: request.magnification, data: request.input.path, method: request.name ?? estimator.name)
    estimator.describe(&record)
    var description = source.description(
      record, hasDeviation: estimator.hasDeviation, draws: estimator.keptDraws)
    description.softwareVersion = request.softwareVersion
    if let trained = method.trained { description.seed = request.sampling.seed ?? trained.seed }
    let writer = try MapSetWriter.create(
      path: request.output, description: description, count: source.samples.count, communicator: communicator,
      overwrite: request.overwrite)
    try writer.writeAll(
      source.samples.count, batch: request.batch, "reconstruct", unit: "maps", communicator, progress: style
    ) { try makeBlock($0, source, estimator) }
    return source.samples.count
  }

  private static func makeBlock(
    _ places: Range<Int>, _ source: ReconstructionSource, _ estimator: any Estimator
  ) throws -> MapBlock {
    let samples = places.map { source.samples[$0] }
    let known = try samples.map(source.known)
    let made = try estimator.estimate(known.map(source.observation), keys: samples).map { $0[0] }
    let companions = source.companions(known)
    return MapBlock(
      first: places.lowerBound, maps: made.map(\.map), stations: companions.stations, masks: companions.masks,
      layers: estimator.hasDeviation ? [ReconstructionRecord.deviationName: made.compactMap(\.deviation)] : [:],
      sampleIndices: samples.map { Int32($0) }, draws: estimator.keptDraws > 0 ? made.map(\.draws) : [])
  }
}

extension ReconstructionMethod {
  /// The run, which knows its split and its seed; nil for interpolation.
  fileprivate var trained: (any TrainedModel)? {
    if case .model(let trained) = self { trained } else { nil }
  }

  /// Collective.
  fileprivate func estimator(
    _ request: ReconstructionRequest, _ geometry: ObservationGeometry, _ communicator: Communicator, _ engine: Engine
  ) throws -> any Estimator {
    guard case .model(let trained) = self else {
      return try communicator.agree("prepare the interpolation") { try interpolator(request, geometry) }
    }
    return try trained.makeEstimator(geometry, request.sampling, communicator: communicator, engine: engine)
  }

  private func interpolator(
    _ request: ReconstructionRequest, _ geometry: ObservationGeometry
  ) throws -> any Estimator {
    switch self {
    case .model: preconditionFailure("a model makes its estimator on all ranks together")
    case .interpolation(let method):
      try request.sampling.require(only: [], by: method.rawValue)
      return try InterpolationEstimator.make(method, geometry)
    case .ensembleKriging(let ensemble):
      let grid = try geometry.requireGrid(by: InterpolationMethod.kriging.rawValue)
      let kriging = try EnsembleKriging(grid: grid, ensemble: ensemble, area: geometry.area)
      try request.sampling.require(only: [], by: kriging.name)
      return InterpolationEstimator(kriging, hasDeviation: true)
    }
  }
}
