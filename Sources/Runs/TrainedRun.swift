import Configuration
import Essentials
import MessagePassing
import Records
import Tensors

/// Which of a checkpoint's weights.
public enum WeightsChoice: String, CaseIterable, Sendable {
  /// The exponential moving average.
  case ema
  /// The last step's own.
  case model
}

/// A trained run of some family, as those see it who only use it.
public protocol TrainedModel {
  /// The family's name in tables.
  var title: String { get }
  /// The run's seed.
  var seed: UInt64 { get }
  /// Which maps trained, which test.
  var split: SplitSection { get }
  /// The state it was saved with: also which layers it sees beside the maps.
  var state: TrainingState { get }
  /// The checkpoint's directory.
  var path: String { get }

  /// Collective. What infers maps with it.
  ///
  /// - Parameters:
  ///   - geometry: what is observed, and where.
  ///   - request: how.
  ///   - communicator: the ranks.
  ///   - engine: this rank's threads and buffers.
  /// - Throws: `Fault` on all ranks where what is asked for does not fit the run.
  func makeEstimator(
    _ geometry: ObservationGeometry, _ request: SamplingRequest, communicator: Communicator,
    engine: Engine
  )
    throws -> any Estimator
}

/// A trained run: networks with what their use needs.
public struct TrainedRun<Family: ModelFamily>: TrainedModel {
  /// The run's configuration.
  public let configuration: RunConfiguration<Family>
  /// The networks.
  public let model: Family.Model
  /// The state it was saved with.
  public let state: TrainingState
  /// The checkpoint's directory.
  public let path: String

  /// The family's name in tables.
  public var title: String { Family.title }
  /// The run's seed.
  public var seed: UInt64 { configuration.seed }
  /// Which maps trained, which test.
  public var split: SplitSection { configuration.split }

  /// See `ModelFamily.makeEstimator`.
  public func makeEstimator(
    _ geometry: ObservationGeometry, _ request: SamplingRequest, communicator: Communicator,
    engine: Engine
  ) throws -> any Estimator {
    try Family.makeEstimator(self, geometry, request, communicator: communicator, engine: engine)
  }

  /// XXH64 of the weights in use.
  public var weightsHash: UInt64 { TrainingCheckpoint.hash(Family.players(model, configuration)) }

  /// Collective. Loads the newest whole checkpoint of a run: rank 0 reads and verifies, all ranks get the weights.
  ///
  /// - Parameters:
  ///   - path: the run's directory.
  ///   - weights: which weights.
  ///   - communicator: the ranks.
  ///   - console: told about checkpoints that are damaged.
  /// - Throws: `Fault` on all ranks.
  public static func load(
    run path: String, weights: WeightsChoice = .ema, communicator: Communicator, console: Console
  ) throws -> Self {
    var step: SavedStep?
    let found: FoundRun = try communicator.onRoot("open the run") {
      let directory = try RunDirectory.open(at: path)
      let (saved, messages) = try directory.latestVerified()
      messages.forEach(console.warn)
      guard let saved else {
        throw Fault(
          "the run has no whole checkpoint", at: "\(path)/checkpoints",
          expected: "one at least", found: messages.isEmpty ? "none" : "\(messages.count) damaged ones")
      }
      step = saved
      return FoundRun(yaml: try directory.configuration(), state: try TrainingState(saved), path: saved.path)
    }
    let configuration = try RunConfiguration<Family>.read(run: found.yaml, named: "\(path)/config.resolved.yaml")
    try communicator.onRoot("look at the weights") {
      if let step { try Family.requireWeights(in: step, for: configuration) }
    }
    let model = try communicator.agree("make the networks") {
      try Family.makeFittingModel(configuration, isTrained: false)
    }
    let players = Family.players(model, configuration)
    try communicator.onRoot("read the weights") {
      guard let step else { return }
      for player in players {
        let file = weights == .ema ? player.usedFile : player.weightsFile
        try ModelFile.read(step.file(file), player.arena, into: player.arena.weights)
      }
    }
    for arena in players.map(\.arena) {
      try communicator.broadcast(UnsafeMutableBufferPointer(start: arena.weights.base, count: arena.count))
    }
    return Self(configuration: configuration, model: model, state: found.state, path: found.path)
  }
}

/// What rank 0 tells the others of a run.
private struct FoundRun: Codable {
  var yaml: String
  var state: TrainingState
  var path: String
}
