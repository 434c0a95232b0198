import Diffusion
import Essentials
import FingerprintModels
import Tensors

/// The training objective: squared error on the noise (eq. 32), or on what else the network is asked for, mean over the
/// elements of a map.
struct DenoisingLoss {
  let model: CGDM
  let schedule: NoiseSchedule
  let parametrisation: Parametrisation
  /// Share of the samples at T.
  let terminalShare: Double
  let engine: Engine

  /// What the random numbers of a sample are keyed by; validation draws from streams of its own.
  struct Keys {
    var timestep: RandomStream
    var noise: RandomStream
    /// Whether a sample is trained at T.
    var terminal: RandomStream

    static func training(_ seed: UInt64) -> Keys {
      Keys(
        timestep: RandomStream(seed: seed, purpose: .timestep),
        noise: RandomStream(seed: seed, purpose: .noise),
        terminal: RandomStream(seed: seed, purpose: .timestep, layer: 1))
    }

    static func validation(_ seed: UInt64) -> Keys {
      Keys(
        timestep: RandomStream(seed: seed, purpose: .validation, layer: 0),
        noise: RandomStream(seed: seed, purpose: .validation, layer: 1),
        terminal: RandomStream(seed: seed, purpose: .validation, layer: 2))
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
    let configuration = model.configuration
    let size = configuration.networkSize, width = configuration.mapWidth
    let conditionWidth = configuration.conditionWidth
    let input = engine.tensor([samples.count, size, size, conditionWidth + width])
    let target = engine.tensor([samples.count, size, size, width])
    let perMap = size * size * width
    let timesteps = samples.map { timestep(of: $0.position, step: step, keys) }
    engine.threads.run(samples.count) { n, _ in
      let own = UnsafeMutableBufferPointer(start: target.sample(n), count: perMap)
      keys.noise.fillGaussian(own, sample: samples[n].position, step: step)
      withUnsafeTemporaryAllocation(of: Float.self, capacity: perMap) { noisy in
        (samples[n].map.target ?? samples[n].map.start).withUnsafeBufferPointer { clean in
          let noise = UnsafeBufferPointer(own)
          schedule.addNoise(to: clean, noise: noise, timestep: timesteps[n], into: noisy)
          schedule.target(parametrisation, clean: clean, noise: noise, timestep: timesteps[n], into: own)
        }
        NetworkInput.fill(
          input.sample(n), condition: samples[n].map.condition, state: UnsafeBufferPointer(noisy),
          isInformative: schedule.alphaBar[timesteps[n]] > 0, places: size * size)
      }
    }
    let estimate = model(tape.constant(input), timesteps: timesteps.map(Float.init), tape)
    return tape.meanSquaredError(estimate, target: target)
  }

  private func timestep(of position: Int, step: Int, _ keys: Keys) -> Int {
    let drawn = keys.timestep.integer(below: schedule.count, sample: position, step: step)
    guard terminalShare > 0 else { return 1 + drawn }
    return keys.terminal.uniform(1, sample: position, step: step)[0] < Float(terminalShare)
      ? schedule.count : 1 + drawn
  }
}
