import Conditioning
import Dispatch
import Essentials
import Runs
import Synchronization

/// Reads a rank's share of each batch, and the next one's while this one is computed.
///
/// What step s holds is a function of (seed, s) alone; a rank reads its own share and nothing else.
final class BatchLoader<Source: SampleSource> {
  typealias Samples = [TrainingSample<Source.Sample>]

  private let source: Source
  private let share: Range<Int>
  private var sampler: BatchSampler
  private let queue = DispatchQueue(label: "training samples")
  private var ahead: Ahead?

  /// A batch on its way.
  private final class Ahead: Sendable {
    let step: Int
    let group = DispatchGroup()
    let result = Mutex<Result<Samples, Fault>?>(nil)
    init(step: Int) { self.step = step }
  }

  /// - Parameters:
  ///   - source: where samples come from.
  ///   - sampler: draws the global batches.
  ///   - share: this rank's places in the global batch.
  init(_ source: Source, sampler: BatchSampler, share: Range<Int>) {
    self.source = source
    self.sampler = sampler
    self.share = share
  }

  /// What is being read is not wanted any more, but the files stay open until it ends.
  deinit { ahead?.group.wait() }

  /// This rank's samples of a step; reading of the next step starts.
  func load(step: Int) throws -> Samples {
    if ahead?.step != step { ahead = start(step) }
    guard let current = ahead else { return [] }
    current.group.wait()
    ahead = start(step + 1)
    return try current.result.withLock { $0 }?.get() ?? []
  }

  private func start(_ step: Int) -> Ahead {
    let visits = sampler.positions(step: step, share: share)
    let next = Ahead(step: step)
    queue.async(group: next.group) { [source, share] in
      let result = Result {
        try zip(visits, share).map {
          TrainingSample(position: $1, value: try source.sample(visit: $0, position: $1, step: step))
        }
      }
      .mapError { error in
        error as? Fault ?? Fault("cannot read training samples", at: source.path, found: "\(error)")
      }
      next.result.withLock { $0 = result }
    }
    return next
  }
}
