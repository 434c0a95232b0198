import Essentials
import Foundation

/// How noise grows over the diffusion's timesteps.
public enum ScheduleKind: Codable, Equatable, Sendable {
  /// beta grows linearly from `start` at t = 1 to `end` at t = T.
  case linear(start: Double, end: Double)
  /// sqrt(beta) grows linearly from that of `start` to that of `end` (Rombach et al. 2022, Stable Diffusion's).
  case scaledLinear(start: Double, end: Double)
  /// alphaBar(t) = f(t) / f(0), f(t) = cos²((t/T + 0.008) / 1.008 · pi/2), beta at most 0.999 (Nichol and Dhariwal,
  /// "Improved denoising diffusion probabilistic models", ICML 2021, eq. 17).
  case cosine
}

/// The variances of the diffusion process, in double precision.
///
/// Timesteps run from 1 to T as in the paper; index 0 of every array is the clean map: beta 0, alphaBar 1.
public struct NoiseSchedule: Equatable, Sendable {
  /// T, the number of timesteps.
  public let count: Int
  /// beta_t: the variance that step t adds; `count + 1` values.
  public let beta: [Double]
  /// alpha_t = 1 - beta_t.
  public let alpha: [Double]
  /// alphaBar_t: the product of alpha_1 to alpha_t, the share of the signal's power left at t.
  public let alphaBar: [Double]

  /// Whether nothing is left of the signal at T: alphaBar_T = 0.
  public var hasZeroTerminal: Bool { alphaBar[count] == 0 }

  /// - Parameters:
  ///   - kind: how noise grows; the paper's is `.linear(start: 1e-6, end: 1e-2)`.
  ///   - count: T, in 1...1,000,000; 2 at least with `zeroTerminal`.
  ///   - zeroTerminal: whether alphaBar_T is to be exactly 0, so that sampling starts where training ends: the
  ///     amplitudes sqrt(alphaBar) are shifted by the last and scaled to keep the first (Lin, Liu, Li, Yang, "Common
  ///     diffusion noise schedules and sample steps are flawed", WACV 2024, algorithm 1). The cosine, whose formula ends
  ///     at 0, then goes without its limit on beta. At such a T the noise itself is no target: the state tells
  ///     nothing of the map.
  /// - Throws: `Fault` when T or a linear schedule's ends are out of range.
  public init(
    _ kind: ScheduleKind = .linear(start: 1e-6, end: 1e-2), count: Int = 1000, zeroTerminal: Bool = false
  ) throws {
    let least = zeroTerminal ? 2 : 1
    guard (least...1_000_000).contains(count) else {
      throw Fault(
        "no such number of timesteps", at: "timesteps", expected: "\(least)...1000000", found: "\(count)")
    }
    let beta = try Self.beta(kind, count, limit: zeroTerminal ? 1 : 0.999)
    var alphaBar = [1.0]
    for t in 1...count { alphaBar.append(alphaBar[t - 1] * (1 - beta[t])) }
    self.count = count
    guard zeroTerminal else {
      self.beta = beta
      self.alpha = beta.map { 1 - $0 }
      self.alphaBar = alphaBar
      return
    }
    let first = alphaBar[1].squareRoot(), last = alphaBar[count].squareRoot()
    for t in 1...count {
      let amplitude = (alphaBar[t].squareRoot() - last) * first / (first - last)
      alphaBar[t] = amplitude * amplitude
    }
    self.alphaBar = alphaBar
    self.alpha = [1] + (1...count).map { alphaBar[$0] / alphaBar[$0 - 1] }
    self.beta = self.alpha.map { 1 - $0 }
  }

  /// beta_0 to beta_T.
  private static func beta(_ kind: ScheduleKind, _ count: Int, limit: Double) throws -> [Double] {
    var beta = [0.0]
    switch kind {
    case .linear(let start, let end), .scaledLinear(let start, let end):
      guard start > 0, start <= end, end < 1 else {
        throw Fault(
          "the linear noise schedule is out of range", at: "beta", expected: "0 < start <= end < 1",
          found: "\(start)...\(end)")
      }
      for t in 1...count {
        let share = Double(t - 1) / Double(max(count - 1, 1))
        if case .linear = kind {
          beta.append(start + (end - start) * share)
        } else {
          let root = start.squareRoot() + (end.squareRoot() - start.squareRoot()) * share
          beta.append(root * root)
        }
      }
    case .cosine:
      func signal(_ t: Int) -> Double {
        let angle = (Double(t) / Double(count) + 0.008) / 1.008 * Double.pi / 2
        return cos(angle) * cos(angle)
      }
      for t in 1...count { beta.append(min(1 - signal(t) / signal(t - 1), limit)) }
    }
    return beta
  }
}
