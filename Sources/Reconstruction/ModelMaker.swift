import Metrics
import Conditioning
import Diffusion
import Essentials
import MapStorage
import Models
import Runs
import Tensors

/// Draws maps with a trained network.
final class ModelMaker: MapMaker {
  /// Making room for transformed weights takes as long as they save in about so many evaluations.
  private static let fewestEvaluationsWithKeptWeights = 8

  let record: ReconstructionRecord
  var hasDeviation: Bool { request.drawCount > 1 }
  var keptDraws: Int { request.keepsDraws ? request.drawCount : 0 }
  private let request: ReconstructionRequest
  private let model: CGDM
  private let conditioner: MapConditioner
  private let engine: Engine
  private let ranksOnNode: Int
  /// How the network is shown each map: direct estimates are averaged over all, draws take turns.
  private let views: [GridSymmetry]
  private var prepared: PreparedWeights?
  /// Draws maps.
  private let driver: SamplingDriver
  /// The network's own estimate of their mean, where that is asked for.
  private let direct: SamplingDriver?

  /// - Parameters:
  ///   - trained: the model.
  ///   - request: what to do.
  ///   - source: the maps.
  ///   - engine: this rank's threads and buffers.
  ///   - ranksOnNode: the ranks that share this machine's memory.
  /// - Throws: `Fault` when the maps do not fit the network, or what is asked for does not fit the run's diffusion.
  init(
    _ trained: TrainedModel, _ request: ReconstructionRequest, _ source: ReconstructionSource, _ engine: Engine,
    ranksOnNode: Int
  ) throws {
    try request.validate()
    self.request = request
    self.engine = engine
    self.ranksOnNode = ranksOnNode
    model = trained.model
    let configuration = trained.configuration, grid = source.grid
    let factor = configuration.model.patch << (configuration.model.multipliers.count - 1)
    guard grid.rows % factor == 0, grid.columns % factor == 0 else {
      throw Fault(
        "the fine map does not fit the network's \(configuration.model.multipliers.count) stages",
        at: request.input.path, expected: "rows and columns that are multiples of \(factor)",
        found: "\(grid.rows)x\(grid.columns)")
    }
    conditioner = try configuration.conditioner(
      rows: grid.rows, columns: grid.columns, magnifications: [grid.magnification],
      normaliser: trained.state.normaliser, area: source.area)
    views = request.usesSymmetries ? GridSymmetry.allCases : [.identity]
    guard !request.usesSymmetries || configuration.training.symmetries else {
      throw Fault(
        "the network has not seen turned maps in training", at: "--symmetries",
        expected: "a run with training.symmetries", found: trained.path)
    }
    let drivers = try Self.drivers(request, trained)
    driver = drivers.draws
    direct = drivers.direct
    let isDrawn = request.drawCount > 0
    record = ReconstructionRecord(
      magnification: request.magnification, data: request.input.path, model: trained.path,
      sampler: isDrawn ? request.sampler.rawValue : "direct",
      steps: isDrawn ? driver.sampler.timesteps.count : 1, method: request.name ?? "CGDM",
      estimate: request.chosenEstimate.rawValue, draws: request.drawCount > 1 ? request.drawCount : 0,
      views: views.count)
  }

  private static func drivers(
    _ request: ReconstructionRequest, _ trained: TrainedModel
  ) throws -> (draws: SamplingDriver, direct: SamplingDriver?) {
    let section = trained.configuration.diffusion, normaliser = trained.state.normaliser
    let schedule = try section.makeSchedule()
    let margin = normaliser.normalisation == .fine ? 0 : Double(normaliser.margin)
    // Residuals have no range.
    let isBounded = section.clamp && trained.configuration.data.form == .map
    let clamp: EstimateClamp = isBounded ? .range(margin: margin) : .none
    // From plain noise there is nothing to refine: all the way down.
    let first = section.start == .coarse ? request.startTimestep ?? section.startTimestep : nil
    if let first, first > schedule.count {
      throw Fault(
        "sampling starts at a timestep that there is not", at: "--start-timestep",
        expected: "1 to \(schedule.count)", found: "\(first)")
    }
    let sampler: any Sampler =
      switch request.sampler {
      case .ancestral:
        try LinearSampler.ancestral(
          schedule, from: first, parametrisation: section.prediction, clamp: clamp)
      case .ddim:
        try LinearSampler.ddim(
          schedule, steps: request.steps, from: first, eta: request.eta, spacing: request.spacing ?? .trailing,
          parametrisation: section.prediction, clamp: clamp)
      case .dpmSolver:
        try LinearSampler.dpmSolver(
          schedule, steps: request.steps, from: first, eta: request.eta, spacing: request.spacing ?? .logSNR,
          parametrisation: section.prediction, clamp: clamp)
      }
    func driver(_ sampler: any Sampler) -> SamplingDriver {
      SamplingDriver(
        schedule: schedule, sampler: sampler, start: section.start,
        seed: request.seed ?? trained.configuration.seed)
    }
    let direct =
      request.chosenEstimate == .direct
      ? driver(try LinearSampler.direct(schedule, parametrisation: section.prediction, clamp: clamp)) : nil
    return (driver(sampler), direct)
  }

  func maps(of samples: [Int], in source: ReconstructionSource) throws -> [ReconstructedMap] {
    let conditioned = try samples.map { try source.conditioned($0, conditioner) }
    let grid = source.grid
    var moments = samples.map { _ in DrawMoments(rows: grid.rows, columns: grid.columns) }
    var kept = samples.map { _ in [ChannelFingerprint]() }
    for draw in 0..<request.drawCount {
      let seen = conditioned.map { $0.seen(as: views[draw % views.count]) }
      for (place, map) in try maps(of: samples, seen, driver, draw: draw).enumerated() {
        moments[place].add(map)
        if keptDraws > 0 { kept[place].append(map) }
      }
    }
    let estimates = try direct.map { try directMaps(of: samples, conditioned, $0) }
    let estimate = request.chosenEstimate
    return samples.indices.map { place in
      ReconstructedMap(
        map: estimates?[place] ?? moments[place].average,
        deviation: hasDeviation ? moments[place].deviation(aboutMean: estimate == .mean) : nil, draws: kept[place])
    }
  }

  /// The network's own estimate of each sample, in dB, the mean over all views.
  private func directMaps(
    of samples: [Int], _ conditioned: [ConditionedMap], _ driver: SamplingDriver
  ) throws -> [ChannelFingerprint] {
    let grid = conditioner.layout
    var moments = samples.map { _ in DrawMoments(rows: grid.rows, columns: grid.columns) }
    for view in views {
      let seen = conditioned.map { $0.seen(as: view) }
      for (place, map) in try maps(of: samples, seen, driver, draw: 0).enumerated() { moments[place].add(map) }
    }
    return moments.map(\.average)
  }

  /// One draw of each sample, in dB; all are seen the same way.
  private func maps(
    of samples: [Int], _ conditioned: [ConditionedMap], _ driver: SamplingDriver, draw: Int
  ) throws -> [ChannelFingerprint] {
    let layout = conditioned[0].layout, width = model.configuration.mapWidth
    let size = [layout.placeRows, layout.placeColumns]
    let start = engine.tensor([samples.count] + size + [width], conditioned.flatMap(\.start))
    let state = engine.tensor(start.shape)
    let schedule = driver.schedule
    try driver.sample(
      samples, draw: draw, coarse: UnsafeBufferPointer(start: start.base, count: start.count),
      into: UnsafeMutableBufferPointer(start: state.base, count: state.count), threads: engine.threads
    ) { noisy, timestep, output in
      let tape = Tape(engine: engine, prepared: prepared)
      let input = engine.tensor([samples.count] + size + [model.configuration.conditionWidth + width])
      let each = layout.places * width
      engine.threads.run(samples.count) { n, _ in
        NetworkInput.fill(
          input.sample(n), condition: conditioned[n].condition,
          state: UnsafeBufferPointer(rebasing: noisy[n * each..<(n + 1) * each]),
          isInformative: schedule.alphaBar[timestep] > 0, places: layout.places)
      }
      let timesteps = [Float](repeating: Float(timestep), count: samples.count)
      let estimate = model(tape.constant(input), timesteps: timesteps, tape)
      output.baseAddress?.update(from: estimate.value.base, count: output.count)
      // Every step of every map asks the same network. How much room there is for its transformed weights shows when
      // all other memory is taken: after one evaluation.
      let evaluations = driver.sampler.timesteps.count * max(request.drawCount, views.count)
      if prepared == nil, evaluations >= Self.fewestEvaluationsWithKeptWeights {
        prepared = PreparedWeights(ranksOnNode: ranksOnNode)
      }
    }
    return conditioned.enumerated().map { place, map in
      map.decibels(UnsafeBufferPointer(start: state.sample(place), count: layout.places * width))
    }
  }
}
