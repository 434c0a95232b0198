import Conditioning
import Dispatch
import Essentials
import Synchronization

/// A training map with its place in the global batch of its step.
public struct TrainingSample: Sendable {
  /// Keys the sample's random numbers.
  public var position: Int
  /// What the network sees of it.
  public var map: ConditionedMap

  /// - Parameters:
  ///   - position: the place in the global batch.
  ///   - map: what the network sees of it.
  public init(position: Int, map: ConditionedMap) {
    self.position = position
    self.map = map
  }
}

/// Reads a rank's share of each batch, and the next one's while this one is computed.
///
/// What step s holds is a function of (seed, s) alone; a rank reads its own share and nothing else.
final class BatchLoader {
  private let data: TrainingData
  private let share: Range<Int>
  private var sampler: BatchSampler
  private let queue = DispatchQueue(label: "training maps")
  private var ahead: Ahead?

  /// A batch on its way.
  private final class Ahead: Sendable {
    let step: Int
    let group = DispatchGroup()
    let result = Mutex<Result<[TrainingSample], Fault>?>(nil)
    init(step: Int) { self.step = step }
  }

  /// - Parameters:
  ///   - data: the maps.
  ///   - sampler: draws the global batches.
  ///   - share: this rank's places in the global batch.
  init(data: TrainingData, sampler: BatchSampler, share: Range<Int>) {
    self.data = data
    self.sampler = sampler
    self.share = share
  }

  /// What is being read is not wanted any more, but the maps stay open until it ends.
  deinit { ahead?.group.wait() }

  /// This rank's samples of a step; reading of the next step starts.
  func load(step: Int) throws -> [TrainingSample] {
    if ahead?.step != step { ahead = start(step) }
    guard let current = ahead else { return [] }
    current.group.wait()
    ahead = start(step + 1)
    return try current.result.withLock { $0 }?.get() ?? []
  }

  private func start(_ step: Int) -> Ahead {
    let numbers = sampler.positions(step: step, share: share).map { data.epoch[$0] }
    let next = Ahead(step: step)
    queue.async(group: next.group) { [data, share] in
      let result = Result { try zip(numbers, share).map { try data.sample($0, position: $1, step: step) } }
        .mapError { error in
          error as? Fault ?? Fault("cannot read training maps", at: data.maps.path, found: "\(error)")
        }
      next.result.withLock { $0 = result }
    }
    return next
  }
}
