import Conditioning
import Records
import Runs
import Tensors

/// What CGDM learns from some data: to denoise, and for a student also what its teacher answers.
public struct DenoisingTask: TrainingTask {
  /// Maps with the coarse ones that they would be measured as.
  public let source: GridSamples
  /// The squared error of the answer: what is compared over runs, whatever is trained on.
  public let loss: DenoisingLoss
  private let distillation: DistillationObjective?
  private let seed: UInt64

  /// Collective.
  ///
  /// - Parameters:
  ///   - model: the network that learns.
  ///   - configuration: the run's.
  ///   - context: data, ranks and threads.
  ///   - teacher: a frozen network to learn from as well; nil for none.
  /// - Throws: `Fault` on all ranks when the data do not fit the network, or cannot be used.
  public init(
    _ model: CGDM, _ configuration: RunConfiguration<CGDMFamily>, _ context: TaskContext, teacher: CGDM? = nil
  ) throws {
    let structure = model.configuration
    try context.data.requireWindows(
      of: structure.imageSize, step: structure.patch * structure.coarsestStep, key: "model.image_size")
    source = try GridSamples(
      context.data, configuration.own.data, layout: configuration.own.layout(), communicator: context.communicator)
    let loss = try DenoisingLoss(model: model, configuration: configuration, engine: context.engine)
    self.loss = loss
    distillation = try teacher.map {
      try DistillationObjective(task: loss, teacher: $0, section: configuration.own.distillation)
    }
    seed = configuration.seed
  }

  /// The terms of a student's loss.
  public func termNames(of player: Int) -> [String] { distillation?.termNames ?? [] }

  /// The losses of some samples.
  public func evaluate(_ player: Int, _ samples: [Sample], step: Int, _ tape: Tape) throws -> ObjectiveValue {
    if loss.model.configuration.dropout > 0 {
      tape.dropoutKeys = DropoutKeys(seed: seed, step: step, samples: samples.map(\.position))
    }
    let keys = DenoisingLoss.Keys.training(seed)
    guard let distillation else { return ObjectiveValue(losses: loss(samples, step: step, keys: keys, tape)) }
    return distillation.evaluate(samples, step: step, keys: keys, tape)
  }

  /// The denoising loss, always with the same timesteps and noise.
  public func validationLoss(_ sample: Sample, _ tape: Tape) throws -> Double {
    Double(loss([sample], step: 0, keys: .validation(seed), tape).value.base[0])
  }

  /// The maps must be seen as the run saw them before.
  public func resume(from state: TrainingState) throws { try source.require(state) }

  /// How maps are normalised, with the training set's range where that matters.
  public var notes: JSONValue {
    get throws { try source.notes }
  }

  /// The data.
  public var summary: [String] { [source.summary] }
}
