import Conditioning
import Records
import Runs
import Tensors

/// What networks that look across stations are asked to make small.
protocol SceneObjective {
  /// The losses of scenes with equal numbers of sources and of targets, `[n, 1]`.
  ///
  /// - Parameters:
  ///   - scenes: with their places in the global batch.
  ///   - step: the training step; with the place it keys random numbers.
  ///   - tape: where it is recorded.
  func losses(_ scenes: [TrainingSample<StationScene>], step: Int, _ tape: Tape) -> Variable

  /// What is compared over runs on a held-out scene, always with the same random numbers.
  func validationLoss(_ scene: TrainingSample<StationScene>, _ tape: Tape) -> Double

  /// What a checkpoint keeps for the use of the run.
  var notes: JSONValue { get throws }

  /// Takes up what a checkpoint has kept.
  mutating func resume(from state: TrainingState) throws
}

extension SceneObjective {
  var notes: JSONValue { .members([:]) }
  func resume(from state: TrainingState) {}
}

/// What networks learn that look across stations.
struct SceneTask<Objective: SceneObjective>: TrainingTask {
  let source: SceneSamples
  private(set) var objective: Objective

  /// - Parameters:
  ///   - section: how maps become what networks see.
  ///   - size: rows and columns of a map.
  ///   - context: data, ranks and threads.
  ///   - makeObjective: what is made small, once the data are known to fit.
  /// - Throws: `Fault` where the data do not fit the networks.
  init(
    _ section: SceneSection, size: Int, _ context: TaskContext, makeObjective: (SceneSamples) throws -> Objective
  ) throws {
    let data = context.data
    source = try context.communicator.agree("look at the data") {
      try requireSize(size, rows: data.maps.rows, columns: data.maps.columns, at: data.maps.path)
      return try SceneSamples(data, section)
    }
    objective = try makeObjective(source)
  }

  func evaluate(_ player: Int, _ samples: [Sample], step: Int, _ tape: Tape) -> ObjectiveValue {
    // Scenes that are alike go together: those of environments of few stations have fewer sources.
    let groups = Dictionary(grouping: samples.indices) { index in
      let scene = samples[index].value
      return SIMD2(scene.sources.count, scene.targets.count)
    }.sorted { ($0.key.x, $0.key.y) < ($1.key.x, $1.key.y) }
    let parts = groups.map { objective.losses($0.value.map { samples[$0] }, step: step, tape) }
    guard parts.count > 1 else { return ObjectiveValue(losses: parts[0]) }
    let places = groups.flatMap(\.value)
    let order = samples.indices.map { index in places.firstIndex(of: index) ?? 0 }
    return ObjectiveValue(losses: tape.stack(parts, order: order))
  }

  func validationLoss(_ sample: Sample, _ tape: Tape) -> Double { objective.validationLoss(sample, tape) }

  mutating func resume(from state: TrainingState) throws {
    try source.data.split.require(state.split, at: source.path)
    try objective.resume(from: state)
  }

  var notes: JSONValue {
    get throws { try objective.notes }
  }

  var summary: [String] { [source.summary] }
}
