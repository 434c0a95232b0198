import Computing
import MessagePassing
import NeuralNetworks
import Runs
import Tensors

/// A family whose networks refine the interpolated coarse map in one pass.
protocol RefinementFamily: ModelFamily
where Section == RefinementSection<Structure>, Task == RefinementTask<Objective> {
  associatedtype Structure: RefinementStructure
  associatedtype Objective: RefinementObjective

  /// What the networks are asked to make small.
  ///
  /// - Parameters:
  ///   - model: the networks.
  ///   - configuration: a valid one.
  ///   - communicator: the ranks that learn; nil where this one is alone, or nothing is learnt.
  ///   - engine: this rank's threads and buffers.
  static func makeObjective(
    _ model: Model, _ configuration: RunConfiguration<Self>, communicator: Communicator?, engine: Engine
  ) throws -> Objective
}

extension RefinementFamily {
  static func makeTask(
    _ model: Model, _ configuration: RunConfiguration<Self>, _ context: TaskContext
  ) throws -> Task {
    let objective = try context.communicator.agree("prepare the objective") {
      try makeObjective(model, configuration, communicator: context.communicator, engine: context.engine)
    }
    return try RefinementTask(configuration.own, objective, context)
  }

  static func makeEstimator(
    _ run: TrainedRun<Self>, _ geometry: ObservationGeometry, _ request: SamplingRequest, communicator: Communicator,
    engine: Engine
  ) throws -> any Estimator {
    try communicator.agree("prepare the network") {
      let objective = try makeObjective(run.model, run.configuration, communicator: nil, engine: engine)
      return try RefinementEstimator(
        run, objective, geometry, request, engine, ranksOnNode: communicator.localSize)
    }
  }

  static func makeTrial(
    _ configuration: RunConfiguration<Self>, batch: Int, isTrained: Bool, seed: UInt64, engine: Engine
  ) throws -> StepTrial {
    let model = try makeModel(configuration, isTrained: isTrained), players = players(model, configuration)
    for player in players { try player.initialise(seed) }
    let objective = try makeObjective(model, configuration, communicator: nil, engine: engine)
    let size = configuration.own.model.imageSize, stream = RandomStream(seed: seed, purpose: .test)
    let maps = (0..<2).map { kind in
      engine.tensor([batch, size, size, 1], stream.gaussian(batch * size * size, sample: kind).map { 0.5 + 0.2 * $0 })
    }
    let magnification = configuration.own.data.magnification
    return StepTrial(
      arenas: players.map(\.arena),
      forward: { range, tape in
        objective.refine(maps[0].samples(range), magnification: magnification, .asTrained, tape)
      },
      losses: { player, range, step, tape in
        let batch = RefinementBatch(
          condition: maps[0].samples(range), target: maps[1].samples(range), positions: Array(range))
        return objective.evaluate(player, batch, step: step, tape).losses
      })
  }
}

extension RunConfiguration where Family: RefinementFamily {
  /// As the paper trains all of its models.
  mutating func setPaperTraining() {
    training = .paper
    training.microbatch = 0
    validation.every = 5000
    checkpoints.every = 5000
  }

  /// An hour on two cores.
  mutating func setSmallTraining() {
    training.steps = 4000
    training.learningRate = 1e-3
    training.warmUp = 50
    training.averageDecay = 0.995
    validation.every = 500
    checkpoints.every = 500
  }
}

extension NetworkOutline {
  /// Layers that work on grids of changing extents, one stage for each list.
  ///
  /// - Parameters:
  ///   - size: rows and columns of the fine map.
  ///   - stages: label, contents, channels that leave it, rows and columns of what enters it, layers.
  init(
    mapOf size: Int,
    _ stages: [(label: String, contents: String, channels: Int, resolution: Int?, layers: [LayerCost])]
  ) {
    self.init(
      for: "one map of \(size) x \(size)",
      stages: stages.map {
        Stage($0.label, contents: $0.contents, channels: $0.channels, resolution: $0.resolution, layers: $0.layers)
      })
  }
}
