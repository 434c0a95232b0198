import CKernels
import Essentials

/// What the estimate of the clean map may be, in model units.
public enum EstimateClamp: Codable, Equatable, Sendable {
  /// Anything.
  case none
  /// Within [-1 - margin, 1 + margin]. A margin leaves room for fine values outside the coarse map's own range.
  case range(margin: Double)

  var bounds: (low: Float, high: Float) {
    switch self {
    case .none: (-.infinity, .infinity)
    case .range(let margin): (Float(-1 - margin), Float(1 + margin))
    }
  }
}

/// A way from noise to a map, one step at a time. It holds no model and no state: a step is a pure function of its
/// buffers.
public protocol Sampler: Sendable {
  /// The timesteps at which the network is asked, noisiest first; after the last step the state is the map.
  var timesteps: [Int] { get }
  /// Whether a step adds noise.
  func needsNoise(_ index: Int) -> Bool
  /// Goes from `timesteps[index]` to the next one, or to the clean map.
  ///
  /// - Parameters:
  ///   - index: which step.
  ///   - estimate: the network's answer at `timesteps[index]`, as many values as the state.
  ///   - state: the noisy map at that timestep; receives the next state.
  ///   - noise: as many standard normal values; looked at where ``needsNoise(_:)``.
  func step(
    _ index: Int, estimate: UnsafeBufferPointer<Float>, state: UnsafeMutableBufferPointer<Float>,
    noise: UnsafeBufferPointer<Float>?)
}

/// Which timesteps a sampler with fewer steps than T visits.
public enum TimestepSpacing: String, CaseIterable, Codable, Sendable {
  /// round(T - i T / S): equally far apart, T among them, where the start's distribution is known (Lin, Liu, Li, Yang,
  /// "Common diffusion noise schedules and sample steps are flawed", WACV 2024, section 3.3).
  case trailing
  /// round(T (1 - i / S)²): denser towards the clean map (Song, Meng, Ermon, "Denoising diffusion implicit models",
  /// ICLR 2021, appendix D.2, counted from T).
  case quadratic

  /// `steps` different timesteps in 1...`count`, falling, the first `count`.
  func timesteps(_ steps: Int, of count: Int) -> [Int] {
    var result: [Int] = []
    for i in 0..<steps {
      let share = 1 - Double(i) / Double(steps)
      let wanted = Int((Double(count) * (self == .trailing ? share : share * share)).rounded())
      // Neighbours that round to one timestep, or to none, are pushed apart: `steps - i` more must fit below.
      let highest = result.last.map { $0 - 1 } ?? count
      result.append(min(max(wanted, steps - i), highest))
    }
    return result
  }
}

/// The samplers whose next state is a sum of the clean estimate, the state and noise, without memory of earlier
/// steps: ancestral and DDIM. The weights are computed once, in double precision.
public struct SingleStepSampler: Sampler {
  /// The timesteps at which the network is asked, noisiest first.
  public let timesteps: [Int]
  private let weights: [ck_step]

  /// Eq. (34), all T steps: the posterior mean of G_{t-1} given G_t and the estimate of G_0, plus noise of deviation
  /// sqrt((1 - alphaBar_{t-1}) / (1 - alphaBar_t) · beta_t). (As printed, the paper has beta_t outside the root.)
  ///
  /// - Parameters:
  ///   - schedule: the one that the model was trained with.
  ///   - start: the first timestep; nil for T.
  ///   - parametrisation: what the network answers.
  ///   - clamp: what the estimate of the clean map may be.
  public static func ancestral(
    _ schedule: NoiseSchedule, from start: Int? = nil, parametrisation: Parametrisation = .epsilon,
    clamp: EstimateClamp = .range(margin: 0)
  ) -> SingleStepSampler {
    let timesteps = Array((1...(start ?? schedule.count)).reversed())
    return SingleStepSampler(
      timesteps: timesteps,
      weights: timesteps.map { t in
        let now = schedule.alphaBar[t], next = schedule.alphaBar[t - 1]
        return Self.weights(
          schedule.cleanEstimate(parametrisation, t), clamp,
          clean: next.squareRoot() * schedule.beta[t] / (1 - now),
          keep: schedule.alpha[t].squareRoot() * (1 - next) / (1 - now),
          noise: ((1 - next) / (1 - now) * schedule.beta[t]).squareRoot())
      })
  }

  /// DDIM (Song, Meng, Ermon, ICLR 2021, eqs. 12 and 16) with any number of steps. The noise that it re-adds is the
  /// one that fits the clamped estimate. With eta = 1 and T steps it is the ancestral sampler.
  ///
  /// - Parameters:
  ///   - schedule: the one that the model was trained with.
  ///   - steps: network evaluations, in 1...start.
  ///   - start: the first timestep; nil for T. From less than T a map that is already near the answer is refined (Chung,
  ///     Sim, Ye, "Come-Closer-Diffuse-Faster", CVPR 2022): the rest of the way down would only lose it.
  ///   - eta: 0 without noise ... 1 with the posterior's.
  ///   - spacing: which timesteps.
  ///   - parametrisation: what the network answers.
  ///   - clamp: what the estimate of the clean map may be.
  /// - Throws: `Fault` when `steps` or `eta` is out of range.
  public static func ddim(
    _ schedule: NoiseSchedule, steps: Int, from start: Int? = nil, eta: Double = 0,
    spacing: TimestepSpacing = .trailing,
    parametrisation: Parametrisation = .epsilon, clamp: EstimateClamp = .range(margin: 0)
  ) throws -> SingleStepSampler {
    let start = start ?? schedule.count
    guard (1...schedule.count).contains(start) else {
      throw Fault(
        "no such timestep to start from", at: "sampler start", expected: "1...\(schedule.count)", found: "\(start)")
    }
    guard (1...start).contains(steps) else {
      throw Fault(
        "no such number of sampling steps", at: "sampler steps", expected: "1...\(start)", found: "\(steps)")
    }
    guard (0...1).contains(eta) else {
      throw Fault("eta is out of range", at: "sampler eta", expected: "0...1", found: "\(eta)")
    }
    let timesteps = spacing.timesteps(steps, of: start)
    return SingleStepSampler(
      timesteps: timesteps,
      weights: timesteps.indices.map { index in
        let t = timesteps[index], s = index + 1 < steps ? timesteps[index + 1] : 0
        let now = schedule.alphaBar[t], next = schedule.alphaBar[s]
        let variance = eta * eta * (1 - next) / (1 - now) * (1 - now / next)
        let keep = (max(1 - next - variance, 0) / (1 - now)).squareRoot()
        return Self.weights(
          schedule.cleanEstimate(parametrisation, t), clamp,
          clean: next.squareRoot() - keep * now.squareRoot(), keep: keep, noise: variance.squareRoot())
      })
  }

  private static func weights(
    _ estimate: (state: Double, output: Double), _ clamp: EstimateClamp, clean: Double, keep: Double,
    noise: Double
  ) -> ck_step {
    ck_step(
      from_state: Float(estimate.state), from_output: Float(estimate.output), low: clamp.bounds.low,
      high: clamp.bounds.high, clean: Float(clean), keep: Float(keep), noise: Float(noise))
  }

  /// Whether a step adds noise.
  public func needsNoise(_ index: Int) -> Bool { weights[index].noise != 0 }

  /// One step in place; see ``Sampler/step(_:estimate:state:noise:)``.
  public func step(
    _ index: Int, estimate: UnsafeBufferPointer<Float>, state: UnsafeMutableBufferPointer<Float>,
    noise: UnsafeBufferPointer<Float>?
  ) {
    precondition(estimate.count == state.count, "an estimate has as many values as the state")
    precondition(!needsNoise(index) || noise?.count == state.count, "this step adds noise to every value")
    ck_sampler_step(
      state.baseAddress, estimate.baseAddress, needsNoise(index) ? noise?.baseAddress : nil,
      weights[index], state.count)
  }
}
