import Computing
import Diffusion
import Essentials
import Metrics
import Testing

/// DPM-Solver++, schedules that end in pure noise, and what few steps give against all of them.
@Suite struct SolverTests {
  /// The relative error of the deviation that a sampler without noise gives to normal data: each step is linear, so
  /// what becomes of 0 and of 1 tells what becomes of all.
  private func error(_ sampler: LinearSampler, _ oracle: GaussianOracle) throws -> Double {
    var state: [Float] = [0, 1], memory: [Float] = [0, 0], output: [Float] = [0, 0]
    for (index, timestep) in sampler.timesteps.enumerated() {
      try state.withUnsafeMutableBufferPointer { state in
        try output.withUnsafeMutableBufferPointer { output in
          try memory.withUnsafeMutableBufferPointer { memory in
            try oracle.answer(.sample)(UnsafeBufferPointer(state), timestep, output)
            sampler.step(index, estimate: UnsafeBufferPointer(output), state: state, memory: memory, noise: nil)
          }
        }
      }
    }
    let start = oracle.schedule.alphaBar[sampler.timesteps[0]]
    let spread = (start * oracle.deviation * oracle.deviation + 1 - start).squareRoot()
    return Double(state[1] - state[0]) * spread / oracle.deviation - 1
  }

  /// So many timesteps that rounding to them does not show.
  @Test func theSolverIsOfSecondOrderAndDDIMOfFirst() throws {
    let schedule = try NoiseSchedule(.linear(start: 1e-8, end: 1e-4), count: 100_000)
    let oracle = GaussianOracle(schedule: schedule, mean: 0, deviation: 0.5)
    func errors(_ order: Int) throws -> [Double] {
      try [20, 40, 80].map {
        let sampler = try LinearSampler.dpmSolver(
          schedule, steps: $0, order: order, parametrisation: .sample, clamp: .none)
        return abs(try error(sampler, oracle))
      }
    }
    let first = try errors(1), second = try errors(2)
    // Halved steps: a half, and a quarter, of the error. The last step, from lambda = 5 to the clean map, is always of
    // first order and adds exp(-10) = 4.5e-5 of its own: so the second order's ratio is less than 4 at last.
    for (a, b) in zip(first, first.dropFirst()) { #expect((1.7...2.4).contains(a / b), "\(first)") }
    for (a, b) in zip(second, second.dropFirst()) { #expect((3.2...5.5).contains(a / b), "\(second)") }
    #expect(second[0] < 0.15 * first[0], "\(first), \(second)")
  }

  @Test(arguments: [0, 0.5, 1.0])
  func theSolverOfFirstOrderIsDDIM(_ eta: Double) throws {
    let schedule = try NoiseSchedule()
    let oracle = GaussianOracle(schedule: schedule, mean: 0.2, deviation: 0.3)
    let results = try [
      LinearSampler.ddim(schedule, steps: 12, eta: eta),
      LinearSampler.dpmSolver(schedule, steps: 12, eta: eta, spacing: .trailing, order: 1),
    ].map { sampler in
      try SamplerTests.run(
        SamplingDriver(schedule: schedule, sampler: sampler, start: .noise, seed: 4), [1, 2], elements: 64,
        oracle.estimate)
    }
    #expect(results[0] == results[1])
  }

  /// Twenty evaluations, from T, on data of deviations from fine detail to all of the range.
  @Test(arguments: [0.05, 0.2, 0.5, 1], [false, true])
  func twentyStepsGiveTheDataTheirDeviation(_ deviation: Double, _ zeroTerminal: Bool) throws {
    let schedule = try NoiseSchedule(zeroTerminal: zeroTerminal)
    let oracle = GaussianOracle(schedule: schedule, mean: 0.1, deviation: deviation)
    func shortfall(_ sampler: LinearSampler) throws -> Double { abs(try error(sampler, oracle)) }
    let solver = try shortfall(
      .dpmSolver(schedule, steps: 20, parametrisation: .sample, clamp: .none))
    let ddim = try shortfall(.ddim(schedule, steps: 20, parametrisation: .sample, clamp: .none))
    #expect(solver < 0.04, "\(solver) against DDIM's \(ddim)")
    #expect(solver < ddim)
  }

  struct Case: Sendable {
    var parametrisation = Parametrisation.velocity
    var eta = 0.0
    var kind = ScheduleKind.linear(start: 1e-6, end: 1e-2)
  }

  /// The whole way of a model whose schedule ends at alphaBar = 0, from noise that tells nothing of the map.
  @Test(arguments: [
    Case(), Case(parametrisation: .sample), Case(eta: 1), Case(eta: 0.5), Case(kind: .cosine),
    Case(parametrisation: .sample, eta: 1, kind: .cosine),
  ])
  func pureNoiseBecomesTheData(_ setting: Case) throws {
    let schedule = try NoiseSchedule(setting.kind, zeroTerminal: true)
    let oracle = GaussianOracle(schedule: schedule, mean: 0.3, deviation: 0.2)
    let sampler = try LinearSampler.dpmSolver(
      schedule, steps: 40, eta: setting.eta, parametrisation: setting.parametrisation, clamp: .none)
    #expect(sampler.timesteps[0] == 1000 && sampler.remembersEstimate)
    let driver = SamplingDriver(schedule: schedule, sampler: sampler, start: .noise, seed: 8)
    let moments = Moments(
      try SamplerTests.run(
        driver, Array(0..<8), elements: 1024, oracle.answer(setting.parametrisation)))
    // Five standard errors of 8192 draws of deviation 0.2; the solver's own error of the deviation is below 1.5 %.
    #expect(abs(moments.mean - 0.3) < 0.011)
    #expect(abs(moments.deviation - 0.2) < 0.0078 + 0.003)
  }

  /// The mean of 8 draws of 20 evaluations is as good as that of 8 ancestral ones of 1000, and so is their score.
  @Test func fewStepsAreAsGoodAsAll() throws {
    let schedule = try NoiseSchedule(zeroTerminal: true)
    let oracle = GaussianOracle(schedule: schedule, mean: 0.1, deviation: 0.4)
    let samples = Array(0..<8), elements = 2500, draws = 8
    let truth = RandomStream(seed: 77, purpose: .test).gaussian(samples.count * elements).map {
      0.1 + 0.4 * Double($0)
    }
    func quality(_ sampler: LinearSampler) throws -> (mse: Double, score: Double) {
      let driver = SamplingDriver(schedule: schedule, sampler: sampler, start: .noise, seed: 21)
      let maps = try (0..<draws).map {
        try SamplerTests.run(driver, samples, elements: elements, draw: $0, oracle.answer(.velocity))
      }
      var mse = 0.0, score = 0.0
      for i in truth.indices {
        let ensemble = maps.map { Double($0[i]) }
        let error = ensemble.reduce(0, +) / Double(draws) - truth[i]
        mse += error * error
        score += rankedProbabilityScore(ensemble: ensemble, truth: truth[i], fair: true)
      }
      return (mse / Double(truth.count), score / Double(truth.count))
    }
    let all = try quality(.ancestral(schedule, parametrisation: .velocity, clamp: .none))
    let few = try quality(.dpmSolver(schedule, steps: 20, parametrisation: .velocity, clamp: .none))
    // Of independent draws: one part in nine of the error comes of them, known to 1 % from 20,000 places.
    #expect(abs(few.mse / all.mse - 1) < 0.02, "\(few.mse) against \(all.mse)")
    #expect(abs(few.score / all.score - 1) < 0.02, "\(few.score) against \(all.score)")
  }

  @Test(arguments: [Parametrisation.velocity, .sample])
  func theDirectEstimateIsTheMeanWhateverTheNoise(_ parametrisation: Parametrisation) throws {
    let schedule = try NoiseSchedule(.cosine, zeroTerminal: true)
    let oracle = GaussianOracle(schedule: schedule, mean: 0.3, deviation: 0.2)
    let sampler = try LinearSampler.direct(schedule, parametrisation: parametrisation)
    #expect(sampler.timesteps == [1000])
    let driver = SamplingDriver(schedule: schedule, sampler: sampler, start: .noise, seed: 8)
    let map = try SamplerTests.run(driver, [3], elements: 100, oracle.answer(parametrisation))
    #expect(map.allSatisfy { abs($0 - 0.3) < 1e-6 })
    #expect(throws: Fault.self) { try LinearSampler.direct(schedule, parametrisation: .epsilon) }
    #expect(throws: Fault.self) { try LinearSampler.direct(NoiseSchedule(), parametrisation: parametrisation) }
  }

  @Test(arguments: [1, 2, 3, 7, 20, 50, 999, 1000], [false, true])
  func logSNRTimestepsFallFromTheStart(_ steps: Int, _ zeroTerminal: Bool) throws {
    let schedule = try NoiseSchedule(zeroTerminal: zeroTerminal)
    let timesteps = try LinearSampler.dpmSolver(schedule, steps: steps, parametrisation: .velocity).timesteps
    #expect(timesteps.count == steps && timesteps[0] == 1000)
    #expect(timesteps.allSatisfy { $0 >= 1 } && zip(timesteps, timesteps.dropFirst()).allSatisfy(>))
    let later = try LinearSampler.dpmSolver(schedule, steps: min(steps, 90), from: 90).timesteps
    #expect(later[0] == 90)
  }

  @Test func impossibleSettingsAreFaults() throws {
    let zero = try NoiseSchedule(zeroTerminal: true)
    let fault = #expect(throws: Fault.self) { try LinearSampler.ddim(zero, steps: 10) }
    #expect(fault?.what.contains("noise tells nothing") == true)
    #expect(throws: Fault.self) { try LinearSampler.ancestral(zero) }
    #expect(throws: Never.self) { try LinearSampler.ddim(zero, steps: 10, from: 999) }
    #expect(throws: Fault.self) { try LinearSampler.dpmSolver(NoiseSchedule(), steps: 10, order: 3) }
    #expect(throws: Fault.self) { try LinearSampler.dpmSolver(NoiseSchedule(), steps: 0) }
    #expect(throws: Fault.self) { try LinearSampler.ancestral(NoiseSchedule(), from: 1001) }
    #expect(throws: Fault.self) { try LinearSampler.dpmSolver(NoiseSchedule(), steps: 10, eta: .nan) }
  }
}
