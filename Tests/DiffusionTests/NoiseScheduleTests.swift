import Computing
import Diffusion
import Essentials
import Testing

@Suite struct NoiseScheduleTests {
  @Test func thePapersScheduleLeavesTheStatedShareOfTheSignal() throws {
    let schedule = try NoiseSchedule()
    #expect(schedule.count == 1000 && schedule.beta.count == 1001)
    #expect(schedule.beta[0] == 0 && schedule.alphaBar[0] == 1)
    #expect(schedule.beta[1] == 1e-6 && abs(schedule.beta[1000] - 1e-2) < 1e-17)
    // 0.00662264393544405 by an independent product in double precision.
    #expect(abs(schedule.alphaBar[1000] / 0.00662264393544405 - 1) < 1e-12)
  }

  @Test func theCosineScheduleFollowsItsFormula() throws {
    let schedule = try NoiseSchedule(.cosine, count: 1000)
    // f(t) / f(0) at t = 500, by hand: 0.493844; betas are capped only at the very end.
    #expect(abs(schedule.alphaBar[500] - 0.493844) < 1e-6)
    #expect(schedule.beta.allSatisfy { (0...0.999).contains($0) })
    #expect(schedule.alphaBar[1000] < 1e-5)
    #expect(zip(schedule.alphaBar, schedule.alphaBar.dropFirst()).allSatisfy(>))
  }

  @Test func outOfRangeSchedulesAreFaults() {
    #expect(throws: Fault.self) { try NoiseSchedule(count: 0) }
    #expect(throws: Fault.self) { try NoiseSchedule(.linear(start: 0, end: 0.1)) }
    #expect(throws: Fault.self) { try NoiseSchedule(.linear(start: 0.2, end: 0.1)) }
    #expect(throws: Fault.self) { try NoiseSchedule(.linear(start: 0.1, end: 1)) }
    #expect(throws: Fault.self) { try NoiseSchedule(.linear(start: .nan, end: 1)) }
  }

  @Test(arguments: [ScheduleKind.linear(start: 1e-6, end: 1e-2), .cosine])
  func aZeroTerminalScheduleEndsInPureNoise(_ kind: ScheduleKind) throws {
    let schedule = try NoiseSchedule(kind, zeroTerminal: true)
    let plain = try NoiseSchedule(kind)
    #expect(schedule.hasZeroTerminal && !plain.hasZeroTerminal)
    #expect(schedule.alphaBar[1000] == 0 && schedule.beta[1000] == 1 && schedule.alphaBar[0] == 1)
    // The first amplitude is kept, to rounding.
    #expect(abs(schedule.alphaBar[1] - plain.alphaBar[1]) < 1e-15)
    #expect(zip(schedule.alphaBar, schedule.alphaBar.dropFirst()).allSatisfy(>))
    #expect((schedule.beta + schedule.alpha + schedule.alphaBar).allSatisfy { $0.isFinite && (0...1).contains($0) })
    for t in 1...1000 {
      #expect(abs(schedule.alphaBar[t - 1] * schedule.alpha[t] - schedule.alphaBar[t]) < 1e-15)
    }
    // Algorithm 1 of Lin et al. for t = 500, by its formula.
    let (first, last) = (plain.alphaBar[1].squareRoot(), plain.alphaBar[1000].squareRoot())
    let amplitude = (plain.alphaBar[500].squareRoot() - last) * first / (first - last)
    if kind != .cosine { #expect(abs(schedule.alphaBar[500] - amplitude * amplitude) < 1e-14) }
    #expect(throws: Fault.self) { try NoiseSchedule(kind, count: 1, zeroTerminal: true) }
  }

  @Test(arguments: [1, 300, 1000])
  func theForwardProcessHasTheMomentsOfEquation14(_ timestep: Int) throws {
    let schedule = try NoiseSchedule()
    let count = 40_000
    let noise = RandomStream(seed: 3, purpose: .test).gaussian(count, step: timestep)
    let clean = [Float](repeating: 0.6, count: count)
    var state = [Float](repeating: 0, count: count)
    state.withUnsafeMutableBufferPointer { state in
      clean.withUnsafeBufferPointer { clean in
        noise.withUnsafeBufferPointer {
          schedule.addNoise(to: clean, noise: $0, timestep: timestep, into: state)
        }
      }
    }
    let moments = Moments(state)
    let deviation = (1 - schedule.alphaBar[timestep]).squareRoot()
    // Five standard errors: deviation / sqrt(n) = 0.005, of the deviation itself deviation / sqrt(2n).
    #expect(abs(moments.mean - 0.6 * schedule.alphaBar[timestep].squareRoot()) < 0.025 * deviation + 1e-7)
    #expect(abs(moments.deviation / deviation - 1) < 0.018)
  }

  @Test(arguments: Parametrisation.allCases)
  func theTargetOfEveryParametrisationGivesTheCleanMapBack(_ parametrisation: Parametrisation) throws {
    // One DDIM step from t to the clean map returns the estimate itself; where only noise is left, without the noise.
    let schedule = try NoiseSchedule(zeroTerminal: parametrisation != .epsilon)
    let sampler = try LinearSampler.ddim(
      schedule, steps: 1, parametrisation: parametrisation, clamp: .none)
    let clean: [Float] = [-0.9, 0, 0.4, 1.3]
    let noise = RandomStream(seed: 4, purpose: .test).gaussian(4)
    var state = [Float](repeating: 0, count: 4), target = state
    clean.withUnsafeBufferPointer { clean in
      noise.withUnsafeBufferPointer { noise in
        state.withUnsafeMutableBufferPointer { state in
          target.withUnsafeMutableBufferPointer { target in
            schedule.addNoise(to: clean, noise: noise, timestep: 1000, into: state)
            schedule.target(parametrisation, clean: clean, noise: noise, timestep: 1000, into: target)
            sampler.step(0, estimate: UnsafeBufferPointer(target), state: state, memory: nil, noise: nil)
          }
        }
      }
    }
    // Epsilon divides float32 rounding (1e-7) by sqrt(alphaBar_T) = 0.081.
    for (got, want) in zip(state, clean) { #expect(abs(got - want) < 1e-5) }
  }
}

/// Mean and standard deviation of many values.
struct Moments {
  let mean: Double
  let deviation: Double

  init(_ values: [Float]) {
    let mean = values.reduce(0) { $0 + Double($1) } / Double(values.count)
    self.mean = mean
    deviation =
      (values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(values.count))
      .squareRoot()
  }
}
