import CKernels
import Foundation

/// What the network is asked for. The paper's is the noise (eq. 32: squared error on it, every timestep with weight 1).
public enum Parametrisation: String, CaseIterable, Codable, Sendable {
  /// epsilon, the noise.
  case epsilon
  /// v = sqrt(alphaBar) epsilon - sqrt(1 - alphaBar) x_0 (Salimans and Ho, ICLR 2022, appendix D).
  case velocity
  /// x_0, the clean map.
  case sample
}

extension NoiseSchedule {
  /// The noisy map of eq. (14): sqrt(alphaBar_t) · clean + sqrt(1 - alphaBar_t) · noise.
  ///
  /// - Parameters:
  ///   - clean: any number of values.
  ///   - noise: as many standard normal ones.
  ///   - timestep: t in 0...T.
  ///   - state: receives the noisy values; may be `clean` or `noise` itself.
  public func addNoise(
    to clean: UnsafeBufferPointer<Float>, noise: UnsafeBufferPointer<Float>, timestep: Int,
    into state: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(clean.count == noise.count && clean.count == state.count, "buffers of different sizes")
    ck_blend(
      state.baseAddress, Float(signal(timestep)), clean.baseAddress, Float(deviation(timestep)),
      noise.baseAddress, state.count)
  }

  /// What a network of this parametrisation should have answered.
  ///
  /// - Parameters:
  ///   - parametrisation: what it is asked for.
  ///   - clean: the clean values.
  ///   - noise: the noise that was added.
  ///   - timestep: t in 1...T.
  ///   - target: receives the target; may be `clean` or `noise` itself.
  public func target(
    _ parametrisation: Parametrisation, clean: UnsafeBufferPointer<Float>,
    noise: UnsafeBufferPointer<Float>, timestep: Int, into target: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(clean.count == noise.count && clean.count == target.count, "buffers of different sizes")
    let (ofClean, ofNoise): (Double, Double) =
      switch parametrisation {
      case .epsilon: (0, 1)
      case .velocity: (-deviation(timestep), signal(timestep))
      case .sample: (1, 0)
      }
    ck_blend(
      target.baseAddress, Float(ofClean), clean.baseAddress, Float(ofNoise), noise.baseAddress, target.count)
  }

  /// sqrt(alphaBar_t): what is left of the clean map at t.
  public func signal(_ timestep: Int) -> Double { alphaBar[timestep].squareRoot() }

  /// sqrt(1 - alphaBar_t): the noise's deviation at t.
  public func deviation(_ timestep: Int) -> Double { (1 - alphaBar[timestep]).squareRoot() }

  /// ln(signal / deviation) at t, half the logarithm of the signal-to-noise ratio: infinite for the clean map, minus
  /// infinity where alphaBar is 0.
  func lambda(_ timestep: Int) -> Double { log(signal(timestep) / deviation(timestep)) }

  /// The estimate of the clean map as a sum: weight of the noisy map, weight of the network's answer.
  func cleanEstimate(_ parametrisation: Parametrisation, _ timestep: Int) -> (state: Double, output: Double) {
    let signal = signal(timestep), deviation = deviation(timestep)
    return switch parametrisation {
    case .epsilon: (1 / signal, -deviation / signal)
    case .velocity: (signal, -deviation)
    case .sample: (0, 1)
    }
  }
}
