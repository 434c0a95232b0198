import Diffusion
import Essentials
import FingerprintModels
import Tensors

/// The training objective: squared error on the noise (eq. 32), mean over the elements of a map.
public struct NoisePredictionLoss {
  let model: CGDM
  let schedule: NoiseSchedule
  let engine: Engine

  /// - Parameters:
  ///   - model: the network.
  ///   - schedule: how noise grows over the timesteps.
  ///   - engine: this rank's threads and buffers.
  public init(model: CGDM, schedule: NoiseSchedule, engine: Engine) {
    self.model = model
    self.schedule = schedule
    self.engine = engine
  }

  /// What the random numbers of a sample are keyed by; validation and the sensitivity scan draw from streams of their
  /// own.
  public struct Keys {
    var timestep: RandomStream
    var noise: RandomStream

    static func training(_ seed: UInt64) -> Keys {
      Keys(
        timestep: RandomStream(seed: seed, purpose: .timestep),
        noise: RandomStream(seed: seed, purpose: .noise))
    }

    static func validation(_ seed: UInt64) -> Keys {
      Keys(
        timestep: RandomStream(seed: seed, purpose: .validation, layer: 0),
        noise: RandomStream(seed: seed, purpose: .validation, layer: 1))
    }

    /// The streams of the sensitivity scan.
    public static func sensitivity(_ seed: UInt64) -> Keys {
      Keys(
        timestep: RandomStream(seed: seed, purpose: .sensitivity, layer: 0),
        noise: RandomStream(seed: seed, purpose: .sensitivity, layer: 1))
    }
  }

  /// What the network is given for some samples, and what it should answer.
  public struct Batch {
    /// What the network reads, `[N, H, W, input channels]`.
    public var input: Tensor
    /// t of each sample.
    public var timesteps: [Float]
    /// The right answer, `[N, H, W, channels]`.
    public var target: Tensor
  }

  /// The losses of some samples, `[n, 1]`.
  ///
  /// - Parameters:
  ///   - samples: maps with their place in the global batch.
  ///   - step: the training step; with the place it keys timestep, noise and dropout.
  ///   - keys: which streams.
  ///   - tape: where it is recorded.
  func callAsFunction(_ samples: [TrainingSample], step: Int, keys: Keys, _ tape: Tape) throws -> Variable {
    let batch = try assemble(samples, step: step, keys: keys)
    let estimate = model(tape.constant(batch.input), timesteps: batch.timesteps, tape)
    return tape.meanSquaredError(estimate, target: batch.target)
  }

  /// Draws timesteps and noise for some samples and puts the network's input together.
  ///
  /// - Parameters:
  ///   - samples: maps with their place in the global batch.
  ///   - step: the training step; with the place it keys timestep and noise.
  ///   - keys: which streams.
  public func assemble(_ samples: [TrainingSample], step: Int, keys: Keys) throws -> Batch {
    let channels = model.configuration.channels, size = model.configuration.imageSize
    let shape = [samples.count, size, size, channels]
    let input = engine.tensor([samples.count, size, size, 2 * channels])
    let noise = engine.tensor(shape)
    let perMap = size * size * channels
    let timesteps = samples.map { sample in
      1 + keys.timestep.integer(below: schedule.count, sample: sample.position, step: step)
    }
    engine.threads.run(samples.count) { n, _ in
      let own = UnsafeMutableBufferPointer(start: noise.sample(n), count: perMap)
      keys.noise.fillGaussian(own, sample: samples[n].position, step: step)
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * perMap) { scratch in
        let clean = UnsafeMutableBufferPointer(rebasing: scratch[..<perMap])
        let noisy = UnsafeMutableBufferPointer(rebasing: scratch[perMap...])
        repeated(samples[n].map.target ?? samples[n].map.condition, channels, into: clean)
        schedule.addNoise(
          to: UnsafeBufferPointer(clean), noise: UnsafeBufferPointer(own), timestep: timesteps[n],
          into: noisy)
        let condition = samples[n].map.condition
        for pixel in 0..<size * size {
          let out = input.sample(n) + pixel * 2 * channels
          for channel in 0..<channels {
            out[channel] = condition[pixel]
            out[channels + channel] = noisy[pixel * channels + channel]
          }
        }
      }
    }
    return Batch(input: input, timesteps: timesteps.map(Float.init), target: noise)
  }

  private func repeated(
    _ map: [Float], _ channels: Int, into out: UnsafeMutableBufferPointer<Float>
  ) {
    for pixel in map.indices {
      for channel in 0..<channels { out[pixel * channels + channel] = map[pixel] }
    }
  }
}
