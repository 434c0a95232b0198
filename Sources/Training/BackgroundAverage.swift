import Computing
import Dispatch
import NeuralNetworks

/// The weights' average on rank 0, brought up to date while the next forward runs: both only read the weights.
final class BackgroundAverage {
  /// The average itself; call `wait` before touching it.
  let average: WeightAverage
  private let queue = DispatchQueue(label: "average of the weights")
  private let threads = Threads(count: 1)

  init(_ arena: ParameterArena) { average = WeightAverage(arena) }

  /// Starts the update that follows a step; `decay` nil sets the average to the weights.
  func start(decay: Double?) {
    let work = Work(average: average, threads: threads)
    queue.async {
      if let decay {
        work.average.update(decay: decay, threads: work.threads)
      } else {
        work.average.restart()
      }
    }
  }

  /// Returns when the average is up to date: before weights change, and before it is read.
  func wait() { queue.sync {} }

  /// The queue runs one update at a time, and `wait` orders it before every other use.
  private struct Work: @unchecked Sendable {
    let average: WeightAverage
    let threads: Threads
  }
}
