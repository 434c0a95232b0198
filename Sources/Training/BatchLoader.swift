import Dispatch
import Essentials
import FingerprintModels
import MapStorage
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
  private let reader: MapSetReader
  private let conditioner: MapConditioner
  private let training: [Int]
  private let share: Range<Int>
  private var sampler: BatchSampler
  private let queue = DispatchQueue(label: "training maps")
  private var ahead: Ahead?

  /// A batch on its way.
  private final class Ahead: Sendable {
    let step: Int
    let group = DispatchGroup()
    let result = Mutex<Result<[ConditionedMap], Fault>?>(nil)
    init(step: Int) { self.step = step }
  }

  /// - Parameters:
  ///   - reader: the data set.
  ///   - conditioner: from dB to model units.
  ///   - training: numbers of the training maps.
  ///   - sampler: draws the global batches.
  ///   - share: this rank's places in the global batch.
  init(
    reader: MapSetReader, conditioner: MapConditioner, training: [Int], sampler: BatchSampler,
    share: Range<Int>
  ) {
    self.reader = reader
    self.conditioner = conditioner
    self.training = training
    self.sampler = sampler
    self.share = share
  }

  /// This rank's samples of a step; reading of the next step starts.
  func load(step: Int) throws -> [TrainingSample] {
    if ahead?.step != step { ahead = start(step) }
    guard let current = ahead else { return [] }
    current.group.wait()
    ahead = start(step + 1)
    let maps = try current.result.withLock { $0 }?.get() ?? []
    return zip(share, maps).map { TrainingSample(position: $0, map: $1) }
  }

  private func start(_ step: Int) -> Ahead {
    let numbers = sampler.positions(step: step, share: share).map { training[$0] }
    let next = Ahead(step: step)
    queue.async(group: next.group) { [reader, conditioner] in
      let result = Result { try Self.read(numbers, reader, conditioner) }.mapError { error in
        error as? Fault ?? Fault("cannot read training maps", at: reader.path, found: "\(error)")
      }
      next.result.withLock { $0 = result }
    }
    return next
  }

  private static func read(
    _ numbers: [Int], _ reader: MapSetReader, _ conditioner: MapConditioner
  ) throws -> [ConditionedMap] {
    guard !numbers.isEmpty else { return [] }
    let maps = try reader.read(indices: numbers)
    let valid = try reader.valid(indices: numbers)
    return try numbers.indices.map { i in
      try conditioner.condition(
        fine: maps[i], valid: valid?[i], training: true, at: "\(reader.path):/maps[\(numbers[i])]")
    }
  }
}
