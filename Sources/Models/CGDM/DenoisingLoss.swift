import Computing
import Conditioning
import Diffusion
import Runs
import Tensors

/// The training objective: squared error on the noise (eq. 32), or on what else the network is asked for, mean over the
/// elements of a map.
public struct DenoisingLoss {
  let model: CGDM
  let schedule: NoiseSchedule
  let parametrisation: Parametrisation
  /// Share of the samples at T.
  let terminalShare: Double
  let engine: Engine

  /// - Parameters:
  ///   - model: the network.
  ///   - configuration: the run's: how noise grows, what the network is asked for, which timesteps are drawn.
  ///   - engine: this rank's threads and buffers.
  /// - Throws: `Fault` when the schedule does not rise.
  public init(model: CGDM, configuration: RunConfiguration<CGDMFamily>, engine: Engine) throws {
    self.model = model
    self.engine = engine
    schedule = try configuration.own.diffusion.makeSchedule()
    parametrisation = configuration.own.diffusion.prediction
    terminalShare = configuration.own.diffusion.terminalShare
  }

  /// What the random numbers of a sample are keyed by; validation and the sensitivity scan draw from streams of their
  /// own.
  public struct Keys {
    var timestep: RandomStream
    var noise: RandomStream
    /// Whether a sample is trained at T.
    var terminal: RandomStream

    /// The streams of training.
    public static func training(_ seed: UInt64) -> Keys {
      Keys(
        timestep: RandomStream(seed: seed, purpose: .timestep),
        noise: RandomStream(seed: seed, purpose: .noise),
        terminal: RandomStream(seed: seed, purpose: .timestep, layer: 1))
    }

    /// The streams of validation.
    public static func validation(_ seed: UInt64) -> Keys {
      Keys(
        timestep: RandomStream(seed: seed, purpose: .validation, layer: 0),
        noise: RandomStream(seed: seed, purpose: .validation, layer: 1),
        terminal: RandomStream(seed: seed, purpose: .validation, layer: 2))
    }

    /// The streams of the sensitivity scan.
    public static func sensitivity(_ seed: UInt64) -> Keys {
      Keys(
        timestep: RandomStream(seed: seed, purpose: .sensitivity, layer: 0),
        noise: RandomStream(seed: seed, purpose: .sensitivity, layer: 1),
        terminal: RandomStream(seed: seed, purpose: .sensitivity, layer: 2))
    }
  }

  /// What the network is given for some samples, and what it should answer.
  public struct Batch {
    /// What the network reads, `[N, h, w, conditionWidth + mapWidth]`.
    public var input: Tensor
    /// t of each sample.
    public var timesteps: [Float]
    /// The right answer, `[N, h, w, mapWidth]`.
    public var target: Tensor
    /// What the squared error of each element is multiplied by, of the target's shape; nil for 1.
    public var weights: Tensor?
  }

  /// The losses of some samples, `[n, 1]`.
  ///
  /// - Parameters:
  ///   - samples: maps with their place in the global batch.
  ///   - step: the training step; with the place it keys timestep, noise and dropout.
  ///   - keys: which streams.
  ///   - tape: where it is recorded.
  public func callAsFunction(_ samples: [DenoisingTask.Sample], step: Int, keys: Keys, _ tape: Tape) -> Variable {
    let batch = assemble(samples, step: step, keys: keys)
    let estimate = model(tape.constant(batch.input), timesteps: batch.timesteps, tape)
    return tape.meanSquaredError(estimate, target: batch.target, weights: batch.weights)
  }

  /// Draws timesteps and noise for some samples and puts the network's input together.
  ///
  /// - Parameters:
  ///   - samples: maps with their place in the global batch.
  ///   - step: the training step; with the place it keys timestep and noise.
  ///   - keys: which streams.
  public func assemble(_ samples: [DenoisingTask.Sample], step: Int, keys: Keys) -> Batch {
    let configuration = model.configuration
    let size = configuration.networkSize, width = configuration.mapWidth
    let conditionWidth = configuration.conditionWidth
    let input = engine.tensor([samples.count, size, size, conditionWidth + width])
    let target = engine.tensor([samples.count, size, size, width])
    let weights =
      samples.contains { $0.value.weights != nil } ? engine.tensor([samples.count, size, size, width]) : nil
    let perMap = size * size * width
    let timesteps = samples.map { timestep(of: $0.position, step: step, keys) }
    engine.threads.run(samples.count) { n, _ in
      if let weights {
        let own = UnsafeMutableBufferPointer(start: weights.sample(n), count: perMap)
        fill(own, weights: samples[n].value.weights, isInformative: schedule.alphaBar[timesteps[n]] > 0)
      }
      let own = UnsafeMutableBufferPointer(start: target.sample(n), count: perMap)
      keys.noise.fillGaussian(own, sample: samples[n].position, step: step)
      withUnsafeTemporaryAllocation(of: Float.self, capacity: perMap) { noisy in
        (samples[n].value.target ?? samples[n].value.start).withUnsafeBufferPointer { clean in
          let noise = UnsafeBufferPointer(own)
          schedule.addNoise(to: clean, noise: noise, timestep: timesteps[n], into: noisy)
          schedule.target(parametrisation, clean: clean, noise: noise, timestep: timesteps[n], into: own)
        }
        NetworkInput.fill(
          input.sample(n), condition: samples[n].value.condition, state: UnsafeBufferPointer(noisy),
          isInformative: schedule.alphaBar[timesteps[n]] > 0, places: size * size)
      }
    }
    return Batch(input: input, timesteps: timesteps.map(Float.init), target: target, weights: weights)
  }

  /// How errors count: where the network draws the least-squares map, as in dB²; where it denoises, half so and half by
  /// the network's own units, in which draws have to have the right spread everywhere.
  private func fill(_ own: UnsafeMutableBufferPointer<Float>, weights: [Float]?, isInformative: Bool) {
    guard let weights else { return own.update(repeating: 1) }
    for place in own.indices { own[place] = isInformative ? (1 + weights[place]) / 2 : weights[place] }
  }

  private func timestep(of position: Int, step: Int, _ keys: Keys) -> Int {
    let drawn = keys.timestep.integer(below: schedule.count, sample: position, step: step)
    guard terminalShare > 0 else { return 1 + drawn }
    return keys.terminal.uniform(1, sample: position, step: step)[0] < Float(terminalShare)
      ? schedule.count : 1 + drawn
  }
}
