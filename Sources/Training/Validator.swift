import Essentials
import MessagePassing
import Tensors

/// The loss of the averaged weights on held-out maps, always with the same timesteps and noise.
struct Validator {
  private let trainer: Trainer
  private let samples: [TrainingSample]
  private let count: Int

  /// Collective: each rank reads its share of the maps once.
  init(_ trainer: Trainer) throws {
    self.trainer = trainer
    let section = trainer.configuration.validation
    count = section.every > 0 ? min(section.maps, trainer.data.split.test.count) : 0
    samples = try trainer.communicator.agree("read the validation maps") { [count] in
      try trainer.data.heldOut(count, trainer.communicator)
    }
  }

  func isDue(after step: Int, isLast: Bool) -> Bool {
    count > 0 && (isLast || step % trainer.configuration.validation.every == 0)
  }

  /// Collective: the mean over the maps, the same on all ranks.
  func loss() throws -> Double {
    let communicator = trainer.communicator, arena = trainer.arena
    let weights: Storage
    if let average = trainer.average {
      average.wait()
      weights = average.average.weights
    } else {
      weights = Storage(zeroed: arena.count)
    }
    try communicator.broadcast(UnsafeMutableBufferPointer(start: weights.base, count: arena.count))
    arena.exchangeWeights(with: weights)
    defer { arena.exchangeWeights(with: weights) }
    let losses = try communicator.agree("compute the validation loss") {
      var losses = [Double](repeating: 0, count: count)
      for sample in samples {
        let tape = Tape(engine: trainer.engine, isRecording: false)
        let loss = try trainer.taskLoss(
          [sample], step: 0, keys: .validation(trainer.configuration.seed), tape)
        losses[sample.position] = Double(loss.value.base[0])
      }
      return losses
    }
    return try communicator.allReduce(losses, .sum, checked: false).reduce(0, +) / Double(count)
  }
}
