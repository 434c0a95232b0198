import Tensors

/// What training makes small: a loss for each sample, and the terms that it is made of.
public protocol TrainingObjective {
  /// Names of the terms that the log shows beside the loss; none where the loss is all.
  var termNames: [String] { get }

  /// The losses of some samples.
  ///
  /// - Parameters:
  ///   - samples: maps with their place in the global batch.
  ///   - step: the training step; with the place it keys all random numbers.
  ///   - keys: which streams.
  ///   - tape: where it is recorded.
  func evaluate(
    _ samples: [TrainingSample], step: Int, keys: DenoisingLoss.Keys, _ tape: Tape
  ) throws -> ObjectiveValue
}

/// What an objective found.
public struct ObjectiveValue {
  /// The loss of each sample, `[n, 1]`.
  public var losses: Variable
  /// Each term before its weight, `[n, 1]`, in the order of the objective's names.
  public var terms: [Tensor]
}

extension DenoisingLoss: TrainingObjective {
  /// The loss is all.
  public var termNames: [String] { [] }

  /// The noise's squared error alone.
  public func evaluate(
    _ samples: [TrainingSample], step: Int, keys: Keys, _ tape: Tape
  ) throws -> ObjectiveValue {
    ObjectiveValue(losses: try self(samples, step: step, keys: keys, tape), terms: [])
  }
}
