import Computing
import Essentials
import Training

/// Over what layers are judged.
public struct ScanSettings: Sendable {
  /// How many draws of map, timestep and noise.
  public var samples = 64
  /// Draws that a rank has in the network at a time.
  public var batch = 4
  /// Keys the draws; nil for the run's own seed.
  public var seed: UInt64?
  /// Whether the teacher's activations before a removed layer are used again, which gives the same bits sooner.
  public var reusesActivations = true

  /// 64 draws in batches of 4.
  public init() {}
}

/// The fixed sample of maps, timesteps and noise: a function of the data, the seed and the settings alone.
///
/// Maps are those that the model was trained on, in an order drawn by the seed, and once more from the start where more
/// draws than maps are wanted, with other timesteps and noise.
struct ScanSample {
  let loss: DenoisingLoss
  let samples: [TrainingSample]
  private let batch: Int
  private let seed: UInt64

  init(_ settings: ScanSettings, seed: UInt64, data: TrainingData, loss: DenoisingLoss) throws {
    let training = data.split.training
    let order = RandomStream(seed: seed, purpose: .sensitivity, layer: 3).permutation(training.count)
    samples = try (0..<settings.samples).map { draw in
      try data.sample(training[order[draw % order.count]], position: draw, step: 0)
    }
    batch = settings.batch
    self.seed = seed
    self.loss = loss
  }

  /// How many batches there are.
  var batchCount: Int { (samples.count + batch - 1) / batch }

  /// The places of a batch's draws.
  func places(_ number: Int) -> Range<Int> {
    number * batch..<min(samples.count, (number + 1) * batch)
  }

  /// What the network is given for a batch, and what it should answer.
  func assemble(_ number: Int) -> DenoisingLoss.Batch {
    loss.assemble(Array(samples[places(number)]), step: 0, keys: .sensitivity(seed))
  }

  /// 64 bits that stand for all that the network is given.
  var hash: UInt64 {
    var hash = stableHash("\(samples.count) in \(batch), seed \(seed)".utf8)
    for sample in samples {
      for values in [sample.map.condition, sample.map.target ?? []] {
        let own = values.withUnsafeBytes { stableHash($0) }
        hash = stableHash("\(hash) \(own)".utf8)
      }
    }
    return hash
  }
}
