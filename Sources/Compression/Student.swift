import Configuration
import Essentials
import MessagePassing
import Models
import NeuralNetworks
import Runs
import Tensors

/// What is left of a teacher when layers are taken away: a model like any other, its structure in its configuration.
struct Student {
  let configuration: RunConfiguration
  let model: CGDM

  /// The remaining weights of a teacher.
  ///
  /// - Parameters:
  ///   - trained: the teacher; it may be pruned already.
  ///   - layers: names of its prunable layers that go.
  init(of trained: TrainedModel, without layers: Set<String>) {
    var configuration = trained.configuration
    var whole = configuration.model
    whole.omitted = []
    let gone = layers.union(configuration.model.omitted)
    configuration.model.omitted = CGDM.prunableLayers(whole).map(\.name).filter(gone.contains)
    configuration.distillation = DistillationSection()
    self.configuration = configuration
    model = CGDM(configuration.model)
    let (from, to) = (trained.model.arena, model.arena)
    let places = Dictionary(uniqueKeysWithValues: zip(from.parameters.map(\.name), from.ranges))
    for (parameter, range) in zip(to.parameters, to.ranges) {
      guard let source = places[parameter.name] else {
        preconditionFailure("a pruned network has no parameters of its own, such as \(parameter.name)")
      }
      (to.weights.base + range.lowerBound).update(from: trained.weights.base + source.lowerBound, count: range.count)
    }
  }

  /// Writes a run directory with one checkpoint, of step 0: the weights, as their own average, and moments of 0.
  ///
  /// - Parameters:
  ///   - path: the run's directory.
  ///   - trained: the teacher, whose split and normalisation stay.
  ///   - ranks: how many ranks pruned it.
  /// - Throws: `Fault` when there is a run already, or the place cannot be written.
  func save(to path: String, of trained: TrainedModel, ranks: Int) throws {
    let text = Configuration.yaml(configuration)
    let directory =
      try Self.isBegun(path, text)
      ? RunDirectory.resume(at: path) : RunDirectory.create(at: path, configuration: text)
    let arena = model.arena
    var state = trained.state
    (state.step, state.samples, state.ranks) = (0, 0, ranks)
    state.processor = TrainingState.thisProcessor()
    state.weightsHash = String(TrainingCheckpoint.hash(arena.weights, count: arena.count), radix: 16)
    let zeros = Storage(zeroed: arena.count)
    try TrainingCheckpoint.save(
      to: directory, state: state, arena: arena, average: arena.weights, moments: (zeros, zeros),
      keeping: configuration.checkpoints)
  }

  /// Whether a pruning to this very student was killed between the configuration and the checkpoint.
  private static func isBegun(_ path: String, _ text: String) throws -> Bool {
    guard RunDirectory.exists(at: path) else { return false }
    let run = try RunDirectory.open(at: path)
    return try run.steps.isEmpty && run.configuration() == text
  }
}

extension TrainedModel {
  /// The weights that the network computes with.
  fileprivate var weights: Storage { model.arena.weights }
}
