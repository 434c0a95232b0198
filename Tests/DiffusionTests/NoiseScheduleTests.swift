import Diffusion
import Essentials
import Tensors
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
    // One DDIM step from t to the clean map returns the estimate itself.
    let schedule = try NoiseSchedule()
    let sampler = try SingleStepSampler.ddim(
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
            sampler.step(0, estimate: UnsafeBufferPointer(target), state: state, noise: nil)
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
