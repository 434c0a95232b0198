import Computing
import Diffusion
import Essentials
import Testing

/// The network that knows the answer for data that are N(mean, deviation²), pixel by pixel.
struct GaussianOracle {
  let schedule: NoiseSchedule
  let mean: Double
  let deviation: Double

  /// E[x_0 | x_t] = offset + slope · x_t.
  func posterior(_ t: Int) -> (offset: Double, slope: Double) {
    let signal = schedule.alphaBar[t].squareRoot(), power = deviation * deviation
    let slope = signal * power / (schedule.alphaBar[t] * power + 1 - schedule.alphaBar[t])
    return (mean - slope * signal * mean, slope)
  }

  /// What it answers: E[epsilon | x_t], E[v | x_t] or E[x_0 | x_t].
  func answer(_ parametrisation: Parametrisation) -> SamplingDriver.Estimate {
    { state, t, output in
      let (offset, slope) = posterior(t)
      let signal = schedule.alphaBar[t].squareRoot(), noise = (1 - schedule.alphaBar[t]).squareRoot()
      for i in state.indices {
        let x = Double(state[i]), clean = offset + slope * x
        switch parametrisation {
        case .epsilon: output[i] = Float((x - signal * clean) / noise)
        // v = signal epsilon - noise x_0, and x = signal x_0 + noise epsilon.
        case .velocity: output[i] = Float((signal * x - clean) / noise)
        case .sample: output[i] = Float(clean)
        }
      }
    }
  }

  var estimate: SamplingDriver.Estimate { answer(.epsilon) }

  /// What the sampler's mean and deviation must come out as: every step is linear, so the state stays normal.
  func outcome(_ timesteps: [Int], eta: Double, start: SamplerStart, coarse: Double) -> (Double, Double) {
    let last = schedule.alphaBar[timesteps[0]]
    var mean = start == .noise ? 0 : last.squareRoot() * coarse
    var variance = start == .noise ? 1 : 1 - last
    for (index, t) in timesteps.enumerated() {
      let now = schedule.alphaBar[t]
      let next = index + 1 < timesteps.count ? schedule.alphaBar[timesteps[index + 1]] : 1
      let (offset, slope) = posterior(t)
      let noise = eta * eta * (1 - next) / (1 - now) * (1 - now / next)
      let direction = (max(1 - next - noise, 0) / (1 - now)).squareRoot()
      let signal = next.squareRoot() - direction * now.squareRoot()
      mean = signal * (offset + slope * mean) + direction * mean
      variance = (signal * slope + direction) * (signal * slope + direction) * variance + noise
    }
    return (mean, variance.squareRoot())
  }
}

@Suite struct SamplerTests {
  static func run(
    _ driver: SamplingDriver, _ samples: [Int], elements: Int, coarse: [Float]? = nil, draw: Int = 0,
    threads: Threads = Threads(count: 2), _ estimate: SamplingDriver.Estimate
  ) throws -> [Float] {
    var state = [Float](repeating: 0, count: samples.count * elements)
    try state.withUnsafeMutableBufferPointer { state in
      if let coarse {
        try coarse.withUnsafeBufferPointer {
          try driver.sample(
            samples, draw: draw, coarse: $0, into: state, threads: threads, estimate: estimate)
        }
      } else {
        try driver.sample(samples, draw: draw, into: state, threads: threads, estimate: estimate)
      }
    }
    return state
  }

  @Test func ddimWithAllStepsAndFullNoiseIsTheAncestralSampler() throws {
    let schedule = try NoiseSchedule()
    let oracle = GaussianOracle(schedule: schedule, mean: 0.1, deviation: 0.3)
    let results = try [
      LinearSampler.ancestral(schedule), LinearSampler.ddim(schedule, steps: 1000, eta: 1),
    ].map { sampler in
      #expect(sampler.timesteps == Array((1...1000).reversed()))
      let driver = SamplingDriver(schedule: schedule, sampler: sampler, start: .noise, seed: 1)
      return try Self.run(driver, [0, 7], elements: 256, oracle.estimate)
    }
    // Two algebraically equal formulas: float32 rounding of 1000 steps, each of weight below one.
    for (a, b) in zip(results[0], results[1]) { #expect(abs(a - b) < 2e-5) }
  }

  struct Case: Sendable {
    let steps: Int
    let eta: Double
    let spacing: TimestepSpacing
    let start: SamplerStart
  }

  @Test(arguments: [
    Case(steps: 1000, eta: 1, spacing: .trailing, start: .coarse),
    Case(steps: 1000, eta: 1, spacing: .trailing, start: .noise),
    Case(steps: 50, eta: 0, spacing: .trailing, start: .coarse),
    Case(steps: 20, eta: 0, spacing: .trailing, start: .noise),
    Case(steps: 20, eta: 0, spacing: .quadratic, start: .coarse),
    Case(steps: 20, eta: 1, spacing: .quadratic, start: .coarse),
    Case(steps: 20, eta: 0.5, spacing: .trailing, start: .coarse),
  ])
  func gaussianDataComeOutWithTheirMeanAndDeviation(_ setting: Case) throws {
    let schedule = try NoiseSchedule()
    let oracle = GaussianOracle(schedule: schedule, mean: 0.3, deviation: 0.2)
    let sampler =
      setting.steps == 1000
      ? try LinearSampler.ancestral(schedule, clamp: .none)
      : try LinearSampler.ddim(
        schedule, steps: setting.steps, eta: setting.eta, spacing: setting.spacing, clamp: .none)
    let driver = SamplingDriver(schedule: schedule, sampler: sampler, start: setting.start, seed: 11)
    let samples = Array(0..<8), elements = 1024
    let coarse = [Float](repeating: 0.3, count: samples.count * elements)
    let moments = Moments(
      try Self.run(driver, samples, elements: elements, coarse: coarse, oracle.estimate))
    let (mean, deviation) = oracle.outcome(
      sampler.timesteps, eta: setting.eta, start: setting.start, coarse: 0.3)
    // Five standard errors of 8192 draws of deviation 0.2: 0.011 of the mean, 0.0078 of the deviation.
    #expect(abs(moments.mean - mean) < 0.011)
    #expect(abs(moments.deviation - deviation) < 0.0078)
    // What the exact recursion itself says of the sampler: right level, and spread short by what few steps cost.
    #expect(abs(mean - 0.3) < (setting.start == .coarse ? 1e-3 : 5e-3))
    #expect(deviation < 0.2 && deviation > (setting.steps == 1000 ? 0.197 : 0.14))
  }

  @Test func manyDDIMStepsConvergeToTheDataAndQuadraticSpacingGetsThereSooner() throws {
    let schedule = try NoiseSchedule()
    let oracle = GaussianOracle(schedule: schedule, mean: 0.3, deviation: 0.2)
    func shortfall(_ steps: Int, _ spacing: TimestepSpacing) throws -> Double {
      let sampler = try LinearSampler.ddim(schedule, steps: steps, spacing: spacing)
      return 0.2 - oracle.outcome(sampler.timesteps, eta: 0, start: .coarse, coarse: 0.3).1
    }
    #expect(try shortfall(1000, .trailing) < 0.001)
    #expect(try shortfall(50, .trailing) < shortfall(20, .trailing))
    #expect(try shortfall(20, .quadratic) < 0.5 * shortfall(20, .trailing))
  }

  @Test(arguments: TimestepSpacing.allCases, [1, 2, 7, 20, 50, 100, 999, 1000])
  func timestepsFallFromTToOneAtLeast(_ spacing: TimestepSpacing, _ steps: Int) throws {
    let timesteps = try LinearSampler.ddim(NoiseSchedule(), steps: steps, spacing: spacing).timesteps
    #expect(
      timesteps.count == steps
        && timesteps[0] == (spacing == .leading ? min(1000, 2 + (steps - 1) * (1000 / steps)) : 1000))
    #expect(timesteps.allSatisfy { $0 >= 1 })
    #expect(zip(timesteps, timesteps.dropFirst()).allSatisfy(>))
  }

  @Test func trailingStepsAreEquallyFarApart() throws {
    let timesteps = try LinearSampler.ddim(NoiseSchedule(), steps: 4).timesteps
    #expect(timesteps == [1000, 750, 500, 250])
  }

  @Test func aMapsNoiseDoesNotDependOnItsBatchOrThreads() throws {
    let schedule = try NoiseSchedule()
    let oracle = GaussianOracle(schedule: schedule, mean: 0, deviation: 0.4)
    let driver = SamplingDriver(
      schedule: schedule, sampler: try LinearSampler.ddim(schedule, steps: 10, eta: 1), start: .noise,
      seed: 2)
    let together = try Self.run(driver, [4, 9, 2], elements: 50, oracle.estimate)
    let alone = try Self.run(driver, [9], elements: 50, threads: Threads(count: 1), oracle.estimate)
    #expect(Array(together[50..<100]) == alone)
    #expect(try Self.run(driver, [9], elements: 50, draw: 1, oracle.estimate) != alone)
    #expect(together[0..<50] != together[50..<100])
  }

  @Test func theEstimateIsClampedWithItsMargin() throws {
    let schedule = try NoiseSchedule()
    let wild: SamplingDriver.Estimate = { _, _, output in
      for i in output.indices { output[i] = i % 2 == 0 ? -50 : 50 }
    }
    for (clamp, limit): (EstimateClamp, Float) in [(.range(margin: 0), 1), (.range(margin: 0.25), 1.25)] {
      let sampler = try LinearSampler.ddim(schedule, steps: 5, clamp: clamp)
      let driver = SamplingDriver(schedule: schedule, sampler: sampler, start: .noise, seed: 3)
      let state = try Self.run(driver, [0], elements: 4, wild)
      for (i, value) in state.enumerated() { #expect(abs(value - (i % 2 == 0 ? limit : -limit)) < 1e-5) }
    }
  }

  @Test func aModelThatAnswersNaNIsAFaultThatNamesTheSample() throws {
    let schedule = try NoiseSchedule()
    let driver = SamplingDriver(
      schedule: schedule, sampler: try LinearSampler.ddim(schedule, steps: 3), start: .noise, seed: 3)
    let fault = #expect(throws: Fault.self) {
      try Self.run(driver, [5, 6], elements: 3) { _, _, output in
        output.update(repeating: 0)
        output[4] = .nan
      }
    }
    #expect(fault?.place == "sample 6")
  }

  @Test func impossibleSettingsAreFaults() throws {
    let schedule = try NoiseSchedule()
    #expect(throws: Fault.self) { try LinearSampler.ddim(schedule, steps: 0) }
    #expect(throws: Fault.self) { try LinearSampler.ddim(schedule, steps: 1001) }
    #expect(throws: Fault.self) { try LinearSampler.ddim(schedule, steps: 10, eta: 1.1) }
  }
}
