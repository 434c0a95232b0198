import CKernels
import Essentials

/// The samplers whose next state is a sum of clean estimates, the state and noise: ancestral, DDIM and DPM-Solver++. The
/// weights are computed once, in double precision.
public struct LinearSampler: Sampler {
  /// The timesteps at which the network is asked, noisiest first.
  public let timesteps: [Int]
  /// Whether a step looks at the clean estimate of the step before.
  public let remembersEstimate: Bool
  private let weights: [ck_step]

  /// Eq. (34), all T steps: the posterior mean of G_{t-1} given G_t and the estimate of G_0, plus noise of deviation
  /// sqrt((1 - alphaBar_{t-1}) / (1 - alphaBar_t) · beta_t). (As printed, the paper has beta_t outside the root.)
  ///
  /// - Parameters:
  ///   - schedule: the one that the model was trained with.
  ///   - start: the first timestep; nil for T.
  ///   - parametrisation: what the network answers.
  ///   - clamp: what the estimate of the clean map may be.
  /// - Throws: `Fault` when there is no such timestep, or the start tells nothing of what the network answers.
  public static func ancestral(
    _ schedule: NoiseSchedule, from start: Int? = nil, parametrisation: Parametrisation = .epsilon,
    clamp: EstimateClamp = .range(margin: 0)
  ) throws -> LinearSampler {
    let start = try requireStart(start, schedule, parametrisation)
    let timesteps = Array((1...start).reversed())
    return LinearSampler(
      timesteps: timesteps, remembersEstimate: false,
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
  /// - Throws: `Fault` when `steps`, `start` or `eta` is out of range, or the start tells nothing of what the network answers.
  public static func ddim(
    _ schedule: NoiseSchedule, steps: Int, from start: Int? = nil, eta: Double = 0,
    spacing: TimestepSpacing = .trailing, parametrisation: Parametrisation = .epsilon,
    clamp: EstimateClamp = .range(margin: 0)
  ) throws -> LinearSampler {
    try strided(
      schedule, steps: steps, from: start, eta: eta, spacing: spacing, order: 1, parametrisation: parametrisation,
      clamp: clamp)
  }

  /// DPM-Solver++(2M) (Lu, Zhou, Bao, Chen, Li, Zhu, "DPM-Solver++: fast solver for guided sampling of diffusion
  /// probabilistic models", 2022, algorithm 2), and with eta = 1 SDE-DPM-Solver++(2M) (ibid., section 5).
  ///
  /// In data prediction its first order is DDIM. The second order replaces the clean estimate D by
  /// D + (D - D_before) / (2 r), r = h_before / h, where h is a step's length in lambda. The last step, to the clean map,
  /// is infinitely long and stays of first order, as does the first; so does the one after a start at alphaBar = 0, where
  /// lambda is -infinity and r with it.
  ///
  /// - Parameters:
  ///   - schedule: the one that the model was trained with.
  ///   - steps: network evaluations, in 1...start.
  ///   - start: the first timestep; nil for T.
  ///   - eta: 0 without noise ... 1 with the posterior's.
  ///   - spacing: which timesteps.
  ///   - order: 2, or 1: DDIM at these timesteps.
  ///   - parametrisation: what the network answers.
  ///   - clamp: what the estimate of the clean map may be; what is extrapolated from two estimates may leave it.
  /// - Throws: `Fault` as `ddim`, and for another order.
  public static func dpmSolver(
    _ schedule: NoiseSchedule, steps: Int, from start: Int? = nil, eta: Double = 0,
    spacing: TimestepSpacing = .logSNR, order: Int = 2, parametrisation: Parametrisation = .epsilon,
    clamp: EstimateClamp = .range(margin: 0)
  ) throws -> LinearSampler {
    guard (1...2).contains(order) else {
      throw Fault("no such order of the solver", at: "sampler order", expected: "1 or 2", found: "\(order)")
    }
    return try strided(
      schedule, steps: steps, from: start, eta: eta, spacing: spacing, order: order,
      parametrisation: parametrisation, clamp: clamp)
  }

  /// One evaluation at T, where nothing is left of the signal: the network's own estimate of the clean map given the
  /// condition alone, which is the map of least expected squared error.
  ///
  /// - Parameters:
  ///   - schedule: the one that the model was trained with; its alphaBar_T is 0.
  ///   - parametrisation: what the network answers; not the noise.
  ///   - clamp: what the estimate of the clean map may be.
  /// - Throws: `Fault` when the schedule leaves some of the signal at T, or the network answers the noise.
  public static func direct(
    _ schedule: NoiseSchedule, parametrisation: Parametrisation, clamp: EstimateClamp = .range(margin: 0)
  ) throws -> LinearSampler {
    guard schedule.hasZeroTerminal, parametrisation != .epsilon else {
      throw Fault(
        "this model has no direct estimate", at: "direct estimate",
        expected: "a model of velocity or sample parametrisation whose schedule ends at alphaBar = 0",
        found: "\(parametrisation.rawValue), alphaBar_T = \(schedule.alphaBar[schedule.count])",
        hint: "the mean of several draws estimates the same")
    }
    return try ddim(schedule, steps: 1, parametrisation: parametrisation, clamp: clamp)
  }

  private static func strided(
    _ schedule: NoiseSchedule, steps: Int, from start: Int?, eta: Double, spacing: TimestepSpacing, order: Int,
    parametrisation: Parametrisation, clamp: EstimateClamp
  ) throws -> LinearSampler {
    let start = try requireStart(start, schedule, parametrisation)
    guard (1...start).contains(steps) else {
      throw Fault(
        "no such number of sampling steps", at: "sampler steps", expected: "1...\(start)", found: "\(steps)")
    }
    guard (0...1).contains(eta) else {
      throw Fault("eta is out of range", at: "sampler eta", expected: "0...1", found: "\(eta)")
    }
    let timesteps = spacing.timesteps(steps, from: start, of: schedule)
    return LinearSampler(
      timesteps: timesteps, remembersEstimate: order > 1,
      weights: timesteps.indices.map { index in
        let t = timesteps[index], s = index + 1 < steps ? timesteps[index + 1] : spacing.end
        let now = schedule.alphaBar[t], next = schedule.alphaBar[s]
        let variance = eta * eta * (1 - next) / (1 - now) * (1 - now / next)
        let keep = (max(1 - next - variance, 0) / (1 - now)).squareRoot()
        var extrapolation = 0.0
        if order > 1, index > 0, s > 0 {
          let before = schedule.lambda(t) - schedule.lambda(timesteps[index - 1])
          extrapolation = (schedule.lambda(s) - schedule.lambda(t)) / (2 * before)
        }
        return Self.weights(
          schedule.cleanEstimate(parametrisation, t), clamp, extrapolation: extrapolation,
          clean: next.squareRoot() - keep * now.squareRoot(), keep: keep, noise: variance.squareRoot())
      })
  }

  private static func requireStart(
    _ start: Int?, _ schedule: NoiseSchedule, _ parametrisation: Parametrisation
  ) throws -> Int {
    let start = start ?? schedule.count
    guard (1...schedule.count).contains(start) else {
      throw Fault(
        "no such timestep to start from", at: "sampler start", expected: "1...\(schedule.count)", found: "\(start)")
    }
    guard schedule.alphaBar[start] > 0 || parametrisation != .epsilon else {
      throw Fault(
        "where nothing is left of the signal, the noise tells nothing of the map", at: "sampler start",
        expected: "velocity or sample parametrisation, or an earlier start",
        found: "epsilon at timestep \(start), alphaBar = 0")
    }
    return start
  }

  private static func weights(
    _ estimate: (state: Double, output: Double), _ clamp: EstimateClamp, extrapolation: Double = 0, clean: Double,
    keep: Double, noise: Double
  ) -> ck_step {
    ck_step(
      from_state: Float(estimate.state), from_output: Float(estimate.output), low: clamp.bounds.low,
      high: clamp.bounds.high, current: Float(1 + extrapolation), previous: Float(-extrapolation),
      clean: Float(clean), keep: Float(keep), noise: Float(noise))
  }

  /// Whether a step adds noise.
  public func needsNoise(_ index: Int) -> Bool { weights[index].noise != 0 }

  /// One step in place; see ``Sampler/step(_:estimate:state:memory:noise:)``.
  public func step(
    _ index: Int, estimate: UnsafeBufferPointer<Float>, state: UnsafeMutableBufferPointer<Float>,
    memory: UnsafeMutableBufferPointer<Float>?, noise: UnsafeBufferPointer<Float>?
  ) {
    precondition(estimate.count == state.count, "an estimate has as many values as the state")
    precondition(!needsNoise(index) || noise?.count == state.count, "this step adds noise to every value")
    precondition(!remembersEstimate || memory?.count == state.count, "this sampler remembers every estimate")
    ck_sampler_step(
      state.baseAddress, estimate.baseAddress, needsNoise(index) ? noise?.baseAddress : nil,
      remembersEstimate ? memory?.baseAddress : nil, weights[index], state.count)
  }
}
