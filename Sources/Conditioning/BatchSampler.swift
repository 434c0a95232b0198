import Computing

/// The order in which an epoch visits the training maps: a function of seed and epoch alone.
public struct EpochOrder: Equatable, Sendable {
  /// Which epoch.
  public let epoch: Int
  /// Positions in the training set, each once.
  public let positions: [Int]

  /// - Parameters:
  ///   - count: how many maps train.
  ///   - seed: the run's seed.
  ///   - epoch: which epoch, from 0.
  public init(count: Int, seed: UInt64, epoch: Int) {
    self.epoch = epoch
    positions = RandomStream(seed: seed, purpose: .shuffle).permutation(count, step: epoch)
  }
}

/// Draws global batches: which maps step s sees is a function of (seed, s, batch) alone, for any number of ranks.
///
/// There is no state to save: samples are counted over the whole run, the n-th is position n mod count of epoch
/// n / count, and batches run across the end of an epoch. So nothing is dropped, and a run goes on at any step.
public struct BatchSampler: Sendable {
  /// How many maps train.
  public let count: Int
  /// Samples of a step, over all ranks.
  public let batch: Int
  /// The run's seed.
  public let seed: UInt64
  /// The epochs last used: drawing an order takes as long as the training set is large.
  private var orders: [EpochOrder] = []

  /// - Parameters:
  ///   - count: how many maps train.
  ///   - batch: samples of a step, over all ranks.
  ///   - seed: the run's seed.
  public init(count: Int, batch: Int, seed: UInt64) {
    precondition(count > 0 && batch > 0, "\(count) maps in batches of \(batch)")
    self.count = count
    self.batch = batch
    self.seed = seed
  }

  /// Where the n-th sample of a run lies.
  public func location(ofSample number: Int) -> (epoch: Int, position: Int) {
    let (epoch, position) = number.quotientAndRemainder(dividingBy: count)
    return (epoch, position)
  }

  /// The maps of a step's samples, as positions in the training set.
  ///
  /// - Parameters:
  ///   - step: which step, from 0.
  ///   - share: which samples of the batch: a rank's, from `Share.range`; all by default.
  public mutating func positions(step: Int, share: Range<Int>? = nil) -> [Int] {
    let share = share ?? 0..<batch
    precondition(share.lowerBound >= 0 && share.upperBound <= batch, "share \(share) of a batch of \(batch)")
    return share.map { sample in
      let (epoch, position) = location(ofSample: step * batch + sample)
      return order(epoch).positions[position]
    }
  }

  private mutating func order(_ epoch: Int) -> EpochOrder {
    if let known = orders.last(where: { $0.epoch == epoch }) { return known }
    let fresh = EpochOrder(count: count, seed: seed, epoch: epoch)
    // Two: a batch may lie across the end of an epoch.
    orders = orders.suffix(1) + [fresh]
    return fresh
  }
}
