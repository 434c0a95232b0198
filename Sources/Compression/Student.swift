import Configuration
import Runs
import Tensors

/// What is left of a teacher when layers are taken away: a model like any other, its structure in its configuration.
struct Student<Family: PrunableFamily> {
  let configuration: RunConfiguration<Family>
  let model: Family.Model

  /// The remaining weights of a teacher.
  ///
  /// - Parameters:
  ///   - trained: the teacher; it may be pruned already.
  ///   - layers: names of its prunable layers that go.
  init(of trained: TrainedRun<Family>, without layers: Set<String>) throws {
    configuration = try Family.pruned(trained.configuration, without: layers)
    model = try Family.makeFittingModel(configuration, isTrained: false)
    let teachers = Family.players(trained.model, trained.configuration)
    for (own, teacher) in zip(Family.players(model, configuration), teachers) {
      let (from, to) = (teacher.arena, own.arena)
      let places = Dictionary(
        uniqueKeysWithValues: zip(from.parameters, from.ranges).map { ($0.name, (shape: $0.shape, range: $1)) })
      for (parameter, range) in zip(to.parameters, to.ranges) {
        guard let place = places[parameter.name], place.shape == parameter.shape else {
          preconditionFailure("a pruned network has no parameters of its own, such as \(parameter.name)")
        }
        let source = place.range
        (to.weights.base + range.lowerBound).update(from: from.weights.base + source.lowerBound, count: range.count)
      }
    }
  }

  /// Writes a run directory with one checkpoint, of step 0: the weights, as their own average, and moments of 0.
  ///
  /// - Parameters:
  ///   - path: the run's directory.
  ///   - trained: the teacher, whose split and notes stay.
  ///   - ranks: how many ranks pruned it.
  /// - Throws: `Fault` when there is a run already, or the place cannot be written.
  func save(to path: String, of trained: TrainedRun<Family>, ranks: Int) throws {
    let text = Configuration.yaml(configuration)
    let directory =
      try Self.isBegun(path, text)
      ? RunDirectory.resume(at: path) : RunDirectory.create(at: path, configuration: text)
    let players = Family.players(model, configuration)
    try TrainingCheckpoint.save(
      to: directory,
      state: trained.state.beforeTraining(weightsHash: TrainingCheckpoint.hash(players), ranks: ranks),
      players: players.map { player in
        let zeros = Storage(zeroed: player.arena.count)
        return .init(player, average: player.hasAverage ? player.arena.weights : nil, first: zeros, second: zeros)
      }, keeping: configuration.checkpoints)
  }

  /// Whether a pruning to this very student was killed between the configuration and the end.
  private static func isBegun(_ path: String, _ text: String) throws -> Bool {
    guard RunDirectory.exists(at: path) else { return false }
    let run = try RunDirectory.open(at: path)
    return try !run.isPointedTo && run.steps.allSatisfy { $0 == 0 } && run.configuration() == text
  }
}
