import Conditioning
import Diffusion
import Essentials
import MapStorage
import Metrics
import Runs
import Tensors

/// Draws maps of stations given those of others.
final class StationEstimator: Estimator {
  let name = StationFamily.title
  var hasDeviation: Bool { request.drawCount > 1 }
  var keptDraws: Int { request.keepsDraws ? request.drawCount : 0 }
  private let objective: LatentObjective
  private let geometry: ObservationGeometry
  private let request: SamplingRequest
  private let range: ValueRange
  private let path: String
  private let engine: Engine
  private let prepared: PreparedWeights
  private let driver: SamplingDriver
  private let direct: SamplingDriver?

  /// - Parameters:
  ///   - run: the trained run.
  ///   - objective: its networks, with the autoencoder.
  ///   - geometry: where the places lie.
  ///   - request: how maps are drawn.
  ///   - engine: this rank's threads and buffers.
  ///   - ranksOnNode: the ranks that share this machine's memory.
  /// - Throws: `Fault` where what is asked for does not fit the run.
  init(
    _ run: TrainedRun<StationFamily>, _ objective: LatentObjective, _ geometry: ObservationGeometry,
    _ request: SamplingRequest, _ engine: Engine, ranksOnNode: Int
  ) throws {
    try request.validate()
    try request.require(
      only: [.sampler, .steps, .spacing, .eta, .draws, .keepDraws, .estimate, .seed, .guidance],
      by: StationFamily.title)
    try geometry.require([.stations], by: StationFamily.title)
    let section = run.configuration.own
    try requireSize(section.model.imageSize, rows: geometry.rows, columns: geometry.columns, at: geometry.place)
    guard request.guidance ?? 1 == 1 || section.latent.withoutSources > 0 else {
      throw Fault(
        "the network has never been without sources", at: "`guidance`",
        expected: "1, or a run with latent.without_sources above 0", found: "\(request.guidance ?? 1)")
    }
    (self.objective, self.geometry, self.request, self.engine) = (objective, geometry, request, engine)
    (range, path) = (section.data.grey.range, run.path)
    prepared = PreparedWeights(ranksOnNode: ranksOnNode)
    let schedule = objective.schedule, parametrisation = objective.parametrisation
    func driver(_ sampler: any Sampler) -> SamplingDriver {
      SamplingDriver(
        schedule: schedule, sampler: sampler, start: .noise, seed: request.seed ?? run.configuration.seed)
    }
    self.driver = driver(
      try request.makeSampler(
        schedule, usualSteps: Self.usualSteps, parametrisation: parametrisation, clamp: .none))
    direct =
      request.chosenEstimate == .direct
      ? driver(try LinearSampler.direct(schedule, parametrisation: parametrisation, clamp: .none)) : nil
  }

  /// As in the paper.
  private static let usualSteps = 50

  func describe(_ record: inout ReconstructionRecord) {
    let isDrawn = request.drawCount > 0
    record.model = path
    record.sampler = isDrawn ? (request.sampler ?? .ddim).rawValue : "direct"
    record.steps = isDrawn ? driver.sampler.timesteps.count : 1
    record.estimate = request.chosenEstimate.rawValue
    record.draws = request.drawCount > 1 ? request.drawCount : 0
  }

  func estimate(_ observations: [Observation], keys: [Int]) throws -> [[Estimate]] {
    try zip(observations, keys).map { observation, key in
      guard case .stations(let known) = observation else { preconditionFailure("the geometry is of stations") }
      guard !known.targets.isEmpty else { return [] }
      return try estimates(try known.scene(range, geometry), key: key)
    }
  }

  private func estimates(_ scene: StationScene, key: Int) throws -> [Estimate] {
    let tape = Tape(engine: engine, prepared: prepared)
    let tokens = objective.networks.tokens([scene], tape)
    var moments = scene.targets.map { _ in DrawMoments(rows: scene.rows, columns: scene.columns) }
    var kept = scene.targets.map { _ in [ChannelFingerprint]() }
    for draw in 0..<request.drawCount {
      for (place, map) in try maps(scene, tokens, driver, key: key, draw: draw).enumerated() {
        moments[place].add(map)
        if keptDraws > 0 { kept[place].append(map) }
      }
    }
    let estimates = try direct.map { try maps(scene, tokens, $0, key: key, draw: 0) }
    let isMean = request.chosenEstimate == .mean
    return scene.targets.indices.map { place in
      Estimate(
        map: estimates?[place] ?? moments[place].average,
        deviation: hasDeviation ? moments[place].deviation(aboutMean: isMean) : nil, draws: kept[place])
    }
  }

  /// One draw of each target.
  private func maps(
    _ scene: StationScene, _ tokens: Variable, _ driver: SamplingDriver, key: Int, draw: Int
  ) throws -> [ChannelFingerprint] {
    let autoencoder = objective.autoencoder, side = autoencoder.latentSide
    let state = engine.tensor([scene.targets.count, side, side, autoencoder.configuration.latent])
    let guidance = Float(request.guidance ?? 1)
    try driver.sample(
      [key], draw: draw, into: UnsafeMutableBufferPointer(start: state.base, count: state.count),
      threads: engine.threads
    ) { noisy, timestep, output in
      let latents = engine.tensor(state.shape)
      latents.base.update(from: noisy.baseAddress!, count: noisy.count)
      func ask(_ factor: Float) -> Tensor {
        let tape = Tape(engine: engine, prepared: prepared)
        let around = objective.surroundings(
          [scene], factor == 1 ? tokens : tape.scale(tokens, samplesBy: [factor]))
        return objective.networks.unet(tape.constant(latents), times: [Float(timestep - 1)], around, tape).value
      }
      let answer = ask(1), free = guidance == 1 ? nil : ask(0)
      for i in output.indices {
        let own = answer.base[i]
        output[i] = free.map { $0.base[i] + guidance * (own - $0.base[i]) } ?? own
      }
    }
    let tape = Tape(engine: engine, prepared: prepared)
    let latents = tape.scale(tape.constant(state), by: 1 / objective.scale)
    return autoencoder.grey(autoencoder.decode(latents, tape).value).map {
      range.map(grey: $0, rows: scene.rows, columns: scene.columns)
    }
  }
}
