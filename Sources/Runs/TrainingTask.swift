import Conditioning
import MessagePassing
import Records
import Tensors

/// A sample with its place in the global batch of its step.
public struct TrainingSample<Value: Sendable>: Sendable {
  /// Keys the sample's random numbers.
  public var position: Int
  /// What the networks see of it.
  public var value: Value

  /// - Parameters:
  ///   - position: the place in the global batch.
  ///   - value: what the networks see of it.
  public init(position: Int, value: Value) {
    self.position = position
    self.value = value
  }
}

/// What a family's players learn from some data: what its samples are, and what each player makes small.
///
/// All random numbers are keyed by (seed, step, place in the global batch), so that any number of ranks computes the same
/// losses.
public protocol TrainingTask {
  /// Where samples come from.
  associatedtype Source: SampleSource
  /// One of them, in its place.
  typealias Sample = TrainingSample<Source.Sample>

  /// Where samples come from; another thread reads ahead.
  var source: Source { get }

  /// Names of the terms that the log shows beside a player's loss; none where the loss is all.
  func termNames(of player: Int) -> [String]

  /// A player's losses of some samples, recorded on a tape that has the other players' weights frozen.
  ///
  /// - Parameters:
  ///   - player: its place among the family's players.
  ///   - samples: this rank's, or some of them; none only where samples are coupled.
  ///   - step: the training step, from 0.
  ///   - tape: where it is recorded.
  func evaluate(_ player: Int, _ samples: [Sample], step: Int, _ tape: Tape) throws -> ObjectiveValue

  /// Whether losses depend on all samples of the global batch at once, such as through the statistics of a batch norm.
  ///
  /// Then `evaluate` is called exactly once for a step's turn on every rank, also where a rank has no samples, so that it may
  /// send messages; micro-batches are refused, and a fault on one rank ends the job.
  var couplesSamples: Bool { get }

  /// Takes up what a checkpoint has kept; called on every rank when a run goes on, before its first step.
  ///
  /// - Throws: `Fault` when the data are others than those that the run was begun with.
  mutating func resume(from state: TrainingState) throws

  /// What is compared over runs on one held-out sample, whatever is trained on; always with the same random numbers.
  func validationLoss(_ sample: Sample, _ tape: Tape) throws -> Double

  /// What a checkpoint keeps for the use of the run, such as the range of its data.
  var notes: JSONValue { get throws }

  /// What it is about to learn from, in a few lines that begin with a name: what a dry run prints, and the head of every run's log.
  var summary: [String] { get }
}

extension TrainingTask {
  /// The loss is all.
  public func termNames(of player: Int) -> [String] { [] }

  /// Each sample's loss is its own.
  public var couplesSamples: Bool { false }

  /// There is nothing to take up.
  public mutating func resume(from state: TrainingState) throws {}
}

/// What an objective found.
public struct ObjectiveValue {
  /// The loss of each sample, `[n, 1]`.
  public var losses: Variable
  /// Each term before its weight, `[n, 1]`, in the order of the task's names.
  public var terms: [Tensor]

  /// - Parameters:
  ///   - losses: the loss of each sample, `[n, 1]`.
  ///   - terms: each term before its weight, `[n, 1]`, in the order of the task's names.
  public init(losses: Variable, terms: [Tensor] = []) {
    self.losses = losses
    self.terms = terms
  }
}

/// What a task is made with.
public struct TaskContext {
  /// The data sets, and which of their maps train.
  public var data: MapData
  /// The ranks.
  public var communicator: Communicator
  /// This rank's threads and buffers.
  public var engine: Engine

  /// - Parameters:
  ///   - data: the data sets, and which of their maps train.
  ///   - communicator: the ranks.
  ///   - engine: this rank's threads and buffers.
  public init(data: MapData, communicator: Communicator, engine: Engine) {
    self.data = data
    self.communicator = communicator
    self.engine = engine
  }
}
