import Diffusion
import Essentials
import FingerprintModels
import Tensors

/// The training objective: squared error on the noise (eq. 32), mean over the elements of a map.
struct NoisePredictionLoss {
  let model: CGDM
  let schedule: NoiseSchedule
  let seed: UInt64
  let engine: Engine

  /// What the random numbers of a sample are keyed by; validation draws from streams of its own.
  struct Keys {
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
  }

  /// The losses of some samples, `[n, 1]`.
  ///
  /// - Parameters:
  ///   - samples: maps with their place in the global batch.
  ///   - step: the training step; with the place it keys timestep, noise and dropout.
  ///   - keys: which streams.
  ///   - tape: where it is recorded.
  func callAsFunction(_ samples: [TrainingSample], step: Int, keys: Keys, _ tape: Tape) throws -> Variable {
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
    let estimate = model(tape.constant(input), timesteps: timesteps.map(Float.init), tape)
    return tape.meanSquaredError(estimate, target: noise)
  }

  private func repeated(
    _ map: [Float], _ channels: Int, into out: UnsafeMutableBufferPointer<Float>
  ) {
    for pixel in map.indices {
      for channel in 0..<channels { out[pixel * channels + channel] = map[pixel] }
    }
  }
}
