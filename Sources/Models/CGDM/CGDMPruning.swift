import Computing
import Conditioning
import Essentials
import Runs
import Tensors

extension CGDMFamily: PrunableFamily {
  /// A pruned network is a configuration like any other, its missing layers named.
  public static func pruned(
    _ configuration: RunConfiguration<Self>, without layers: Set<String>
  ) throws -> RunConfiguration<Self> {
    var pruned = configuration
    let gone = layers.union(configuration.own.model.omitted)
    pruned.own.model.omitted = CGDM.prunableNames(configuration.own.model).filter(gone.contains)
    pruned.own.distillation = DistillationSection()
    return pruned
  }

  /// Collective. Draws of map, timestep and noise.
  public static func makeScan(
    _ run: TrainedRun<Self>, _ context: TaskContext, draws: Int, seed: UInt64
  ) throws -> any PruningScan<CGDM> {
    let source = try GridSamples(
      context.data, run.configuration.own.data, layout: run.configuration.own.layout(),
      communicator: context.communicator)
    return try context.communicator.agree("prepare the scan") {
      try source.require(run.state)
      return try DenoisingScan(run, source, draws: draws, seed: seed, context.engine)
    }
  }
}

/// The fixed sample of maps, timesteps and noise.
///
/// Maps are those that the model was trained on, in an order drawn by the seed, and once more from the start where more
/// draws than maps are wanted, with other timesteps and noise.
private struct DenoisingScan: PruningScan {
  private let loss: DenoisingLoss
  private let samples: [DenoisingTask.Sample]
  private let seed: UInt64
  private let engine: Engine

  init(
    _ run: TrainedRun<CGDMFamily>, _ source: GridSamples, draws: Int, seed: UInt64, _ engine: Engine
  ) throws {
    let training = source.data.split.training
    let order = RandomStream(seed: seed, purpose: .sensitivity, layer: 3).permutation(training.count)
    samples = try (0..<draws).map { draw in
      let number = training[order[draw % order.count]]
      return DenoisingTask.Sample(
        position: draw, value: try source.sample(number: number, position: draw, step: 0))
    }
    loss = try DenoisingLoss(model: run.model, configuration: run.configuration, engine: engine)
    self.seed = seed
    self.engine = engine
  }

  var count: Int { samples.count }

  var hash: UInt64 {
    var hash = stableHash("\(samples.count), seed \(seed)".utf8)
    for sample in samples {
      for values in [sample.value.condition, sample.value.target ?? []] {
        let own = values.withUnsafeBytes { stableHash($0) }
        hash = stableHash("\(hash) \(own)".utf8)
      }
    }
    return hash
  }

  func pass(_ draws: Range<Int>, keeping layers: [String]) -> any PruningPass<CGDM> {
    let batch = loss.assemble(Array(samples[draws]), step: 0, keys: .sensitivity(seed))
    return DenoisingPass(loss.model, batch, keeping: layers, engine)
  }
}

/// The teacher on one batch of the sample: its answer, and its state before each prunable layer.
///
/// A state is made of references to what the teacher computed anyway, so all states together take the memory of the
/// batch's activations (some 60 MB a map for the paper's network), and each layer's removal costs the layers behind it.
private struct DenoisingPass: PruningPass {
  let answer: Tensor
  var target: Tensor { batch.target }
  private let model: CGDM
  private let batch: DenoisingLoss.Batch
  private let engine: Engine
  private let states: [String: CGDM.Walk]

  init(_ model: CGDM, _ batch: DenoisingLoss.Batch, keeping layers: [String], _ engine: Engine) {
    self.model = model
    self.batch = batch
    self.engine = engine
    var walk = Self.begin(model, batch, engine)
    var states: [String: CGDM.Walk] = [:]
    for layer in layers {
      walk.advance(to: layer)
      states[layer] = walk.kept
    }
    self.states = states
    answer = walk.finish().value
  }

  private static func begin(_ model: CGDM, _ batch: DenoisingLoss.Batch, _ engine: Engine) -> CGDM.Walk {
    let tape = Tape(engine: engine, isRecording: false)
    return model.start(tape.constant(batch.input), timesteps: batch.timesteps, tape)
  }

  func answer(without layer: String) -> Tensor {
    var walk = states[layer] ?? Self.begin(model, batch, engine)
    return walk.finish(without: layer).value
  }

  func answer(of other: CGDM) -> Tensor {
    let tape = Tape(engine: engine, isRecording: false)
    return other(tape.constant(batch.input), timesteps: batch.timesteps, tape).value
  }
}
