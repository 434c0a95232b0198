import Conditioning
import Diffusion
import Essentials
import MapStorage
import Metrics
import Runs
import Tensors

/// Draws maps with a trained network.
final class CGDMEstimator: Estimator {
  /// Making room for transformed weights takes as long as they save in about so many evaluations.
  private static let fewestEvaluationsWithKeptWeights = 8

  let name = CGDMFamily.title
  var hasDeviation: Bool { request.drawCount > 1 }
  var keptDraws: Int { request.keepsDraws ? request.drawCount : 0 }
  private let request: SamplingRequest
  private let model: CGDM
  private let path: String
  private let magnification: Int
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
  ///   - run: the trained run.
  ///   - geometry: what is observed, and where.
  ///   - request: how.
  ///   - engine: this rank's threads and buffers.
  ///   - ranksOnNode: the ranks that share this machine's memory.
  /// - Throws: `Fault` when the maps do not fit the network, or what is asked for does not fit the run's diffusion.
  init(
    _ run: TrainedRun<CGDMFamily>, _ geometry: ObservationGeometry, _ request: SamplingRequest, _ engine: Engine,
    ranksOnNode: Int
  ) throws {
    try request.validate()
    let section = run.configuration.own
    let grid = try geometry.requireGrid(by: CGDMFamily.title)
    self.request = request
    self.engine = engine
    self.ranksOnNode = ranksOnNode
    model = run.model
    path = run.path
    magnification = grid.magnification
    let factor = section.model.patch << (section.model.multipliers.count - 1)
    guard grid.rows % factor == 0, grid.columns % factor == 0 else {
      throw Fault(
        "the fine map does not fit the network's \(section.model.multipliers.count) stages",
        at: geometry.place, expected: "rows and columns that are multiples of \(factor)",
        found: "\(grid.rows)x\(grid.columns)")
    }
    conditioner = try MapConditioner(
      section.data, layout: section.layout(rows: grid.rows, columns: grid.columns),
      magnifications: [grid.magnification], normaliser: run.state.normaliser(), area: geometry.area)
    views = request.usesSymmetries ? GridSymmetry.allCases : [.identity]
    guard !request.usesSymmetries || section.data.symmetries else {
      throw Fault(
        "the network has not seen turned maps in training", at: "`symmetries`",
        expected: "a run with data.symmetries", found: run.path)
    }
    (driver, direct) = try Self.drivers(request, run)
  }

  func describe(_ record: inout ReconstructionRecord) {
    let isDrawn = request.drawCount > 0
    record.model = path
    record.sampler = isDrawn ? Self.sampler(request).rawValue : "direct"
    record.steps = isDrawn ? driver.sampler.timesteps.count : 1
    record.estimate = request.chosenEstimate.rawValue
    record.draws = request.drawCount > 1 ? request.drawCount : 0
    record.views = views.count
  }

  private static func sampler(_ request: SamplingRequest) -> SamplingRequest.SamplerKind { request.sampler ?? .ddim }

  private static func drivers(
    _ request: SamplingRequest, _ trained: TrainedRun<CGDMFamily>
  ) throws -> (draws: SamplingDriver, direct: SamplingDriver?) {
    let section = trained.configuration.own.diffusion, normaliser = try trained.state.normaliser()
    let schedule = try section.makeSchedule()
    let margin = normaliser.normalisation == .fine ? 0 : Double(normaliser.margin)
    // Residuals have no range.
    let isBounded = section.clamp && trained.configuration.own.data.form == .map
    let clamp: EstimateClamp = isBounded ? .range(margin: margin) : .none
    // From plain noise there is nothing to refine: all the way down.
    let first = section.start == .coarse ? request.startTimestep ?? section.startTimestep : nil
    if let first, first > schedule.count {
      throw Fault(
        "sampling starts at a timestep that there is not", at: "`start_timestep`",
        expected: "1 to \(schedule.count)", found: "\(first)")
    }
    let sampler: any Sampler =
      switch Self.sampler(request) {
      case .ancestral:
        try LinearSampler.ancestral(
          schedule, from: first, parametrisation: section.prediction, clamp: clamp)
      case .ddim:
        try LinearSampler.ddim(
          schedule, steps: request.steps ?? 20, from: first, eta: request.eta ?? 0,
          spacing: request.spacing ?? .trailing,
          parametrisation: section.prediction, clamp: clamp)
      case .dpmSolver:
        try LinearSampler.dpmSolver(
          schedule, steps: request.steps ?? 20, from: first, eta: request.eta ?? 0, spacing: request.spacing ?? .logSNR,
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

  func estimate(_ observations: [Observation], keys: [Int]) throws -> [[Estimate]] {
    let conditioned = try observations.map { try conditioner.condition($0, magnification: magnification) }
    let grid = conditioner.layout
    var moments = keys.map { _ in DrawMoments(rows: grid.rows, columns: grid.columns) }
    var kept = keys.map { _ in [ChannelFingerprint]() }
    for draw in 0..<request.drawCount {
      let seen = conditioned.map { $0.seen(as: views[draw % views.count]) }
      for (place, map) in try maps(of: keys, seen, driver, draw: draw).enumerated() {
        moments[place].add(map)
        if keptDraws > 0 { kept[place].append(map) }
      }
    }
    let estimates = try direct.map { try directMaps(of: keys, conditioned, $0) }
    let isMean = request.chosenEstimate == .mean
    return keys.indices.map { place in
      [
        Estimate(
          map: estimates?[place] ?? moments[place].average,
          deviation: hasDeviation ? moments[place].deviation(aboutMean: isMean) : nil, draws: kept[place])
      ]
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
