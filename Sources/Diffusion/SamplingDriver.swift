import Computing
import Essentials

/// Where sampling starts.
public enum SamplerStart: String, CaseIterable, Codable, Sendable {
  /// N(0, 1), as in the paper. With its schedule G_T still holds 8 % of the signal's amplitude (alphaBar_T = 0.00662),
  /// so this biases the level of the map.
  case noise
  /// q(G_T | upsampled coarse map) = sqrt(alphaBar_T) · coarse + sqrt(1 - alphaBar_T) · n, which has the right level.
  case coarse
}

/// Runs a sampler for a batch of maps, whatever the model.
///
/// The random numbers of a map are keyed by (seed, sample number, draw, timestep): what comes out does not depend on
/// which batch, rank or thread it was computed in, as far as the model does not.
public struct SamplingDriver: Sendable {
  /// The model's noise schedule.
  public let schedule: NoiseSchedule
  /// The sampler.
  public let sampler: any Sampler
  /// Where it starts.
  public let start: SamplerStart
  /// The seed of all its noise.
  public let seed: UInt64

  /// - Parameters:
  ///   - schedule: the one that the model was trained with.
  ///   - sampler: made for that schedule.
  ///   - start: where it starts.
  ///   - seed: of all its noise.
  public init(schedule: NoiseSchedule, sampler: any Sampler, start: SamplerStart, seed: UInt64) {
    self.schedule = schedule
    self.sampler = sampler
    self.start = start
    self.seed = seed
  }

  /// Asks the model: state `[batch, elements]` and timestep in; its answer `[batch, elements]` out.
  public typealias Estimate = (
    _ state: UnsafeBufferPointer<Float>, _ timestep: Int, _ output: UnsafeMutableBufferPointer<Float>
  ) throws -> Void

  /// Draws one map for each sample number.
  ///
  /// - Parameters:
  ///   - samples: the sample number of each map of the batch; it keys the noise.
  ///   - draw: which of several draws for the same samples, from 0.
  ///   - coarse: the upsampled coarse maps in model units, `[batch, elements]`; needed by ``SamplerStart/coarse``.
  ///   - state: receives the maps in model units, `[batch, elements]`.
  ///   - threads: the rank's threads; the model is asked outside of them.
  ///   - estimate: asks the model, once a step for the whole batch.
  /// - Throws: what `estimate` throws; `Fault` when the result holds a value that is not finite.
  public func sample(
    _ samples: [Int], draw: Int = 0, coarse: UnsafeBufferPointer<Float>? = nil,
    into state: UnsafeMutableBufferPointer<Float>, threads: Threads, estimate: Estimate
  ) throws {
    guard !samples.isEmpty else { return }
    let elements = state.count / samples.count
    precondition(state.count == elements * samples.count, "a state of [batch, elements]")
    let buffers = sampler.remembersEstimate ? 3 : 2
    let scratch = UnsafeMutableBufferPointer<Float>.allocate(capacity: buffers * state.count)
    defer { scratch.deallocate() }
    scratch.initialize(repeating: 0)
    let output = UnsafeMutableBufferPointer(rebasing: scratch[..<state.count])
    let noise = UnsafeMutableBufferPointer(rebasing: scratch[state.count..<2 * state.count])
    let memory = UnsafeMutableBufferPointer(rebasing: scratch[(2 * state.count)...])
    begin(samples, draw, coarse, state, threads)
    let stream = RandomStream(seed: seed, purpose: .samplerNoise, layer: draw)
    for (index, timestep) in sampler.timesteps.enumerated() {
      try estimate(UnsafeBufferPointer(state), timestep, output)
      let noisy = sampler.needsNoise(index)
      threads.run(samples.count) { map, _ in
        let range = map * elements..<(map + 1) * elements
        let own = UnsafeMutableBufferPointer(rebasing: noise[range])
        if noisy { stream.fillGaussian(own, sample: samples[map], step: timestep) }
        sampler.step(
          index, estimate: UnsafeBufferPointer(rebasing: output[range]),
          state: UnsafeMutableBufferPointer(rebasing: state[range]),
          memory: memory.isEmpty ? nil : UnsafeMutableBufferPointer(rebasing: memory[range]),
          noise: noisy ? UnsafeBufferPointer(own) : nil)
      }
    }
    if let bad = state.firstIndex(where: { !$0.isFinite }) {
      throw Fault(
        "the sampler arrived at a value that is not finite", at: "sample \(samples[bad / elements])",
        expected: "finite model units", found: "\(state[bad])",
        hint: "the model's answer is not finite: is it trained, and of this parametrisation?")
    }
  }

  private func begin(
    _ samples: [Int], _ draw: Int, _ coarse: UnsafeBufferPointer<Float>?,
    _ state: UnsafeMutableBufferPointer<Float>, _ threads: Threads
  ) {
    let elements = state.count / samples.count
    let stream = RandomStream(seed: seed, purpose: .samplerStart, layer: draw)
    precondition(start == .noise || coarse?.count == state.count, "the coarse start needs the upsampled maps")
    threads.run(samples.count) { map, _ in
      let range = map * elements..<(map + 1) * elements
      let own = UnsafeMutableBufferPointer(rebasing: state[range])
      stream.fillGaussian(own, sample: samples[map])
      if start == .coarse, let coarse {
        schedule.addNoise(
          to: UnsafeBufferPointer(rebasing: coarse[range]), noise: UnsafeBufferPointer(own),
          timestep: sampler.timesteps[0], into: own)
      }
    }
  }
}
