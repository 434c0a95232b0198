import MessagePassing
import Runs
import Tensors

/// The loss of the averaged weights on held-out samples, always with the same random numbers.
struct Validator<Family: ModelFamily> {
  private let trainer: Trainer<Family>
  private let samples: [Family.Task.Sample]
  private let count: Int

  /// Collective: each rank reads its share of the samples once.
  init(_ trainer: Trainer<Family>) throws {
    self.trainer = trainer
    let section = trainer.configuration.validation, source = trainer.task.source
    let communicator = trainer.communicator
    let count = section.every > 0 ? min(section.maps, source.heldOutCount) : 0
    self.count = count
    samples = try communicator.agree("read the validation maps") {
      let share = Share.range(of: count, rank: communicator.rank, size: communicator.size)
      return try share.map { TrainingSample(position: $0, value: try source.heldOut($0, of: count)) }
    }
  }

  func isDue(after step: Int, isLast: Bool) -> Bool {
    count > 0 && (isLast || step % trainer.configuration.validation.every == 0)
  }

  /// Collective: the mean over the samples, the same on all ranks.
  func loss() throws -> Double {
    let communicator = trainer.communicator
    var restore: [() -> Void] = []
    defer { for undo in restore { undo() } }
    for learner in trainer.learners where learner.player.hasAverage {
      let weights: Storage
      if let average = learner.average {
        average.wait()
        weights = average.average.weights
      } else {
        weights = Storage(zeroed: learner.arena.count)
      }
      try communicator.broadcast(UnsafeMutableBufferPointer(start: weights.base, count: learner.arena.count))
      learner.arena.exchangeWeights(with: weights)
      restore.append { learner.arena.exchangeWeights(with: weights) }
    }
    let losses = try communicator.agree("compute the validation loss") {
      var losses = [Double](repeating: 0, count: count)
      for sample in samples {
        let tape = Tape(engine: trainer.engine, isRecording: false)
        losses[sample.position] = try trainer.task.validationLoss(sample, tape)
      }
      return losses
    }
    return try communicator.allReduce(losses, .sum, checked: false).reduce(0, +) / Double(count)
  }
}
