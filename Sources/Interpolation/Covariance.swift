import Foundation

/// How a field's values at two places go together: a correlation along each axis, and their product over both.
///
/// Only the product of correlations over x and y has a Kronecker structure on a grid. The squared exponential's product is
/// isotropic; the others' iso-lines are squares with round corners.
public enum Covariance: Int, CaseIterable, Codable, Sendable {
  /// exp(-d² / (2 l²)): fields that are smooth to all orders, like the simulated path power.
  case squaredExponential
  /// (1 + a + a²/3) e^-a, a = √5 d/l (Matérn 5/2): two derivatives.
  case matern52
  /// (1 + a) e^-a, a = √3 d/l (Matérn 3/2): one derivative.
  case matern32
  /// e^(-d/l): continuous only; what edges look like to a Gaussian process.
  case exponential

  /// The correlation along one axis.
  ///
  /// - Parameters:
  ///   - distance: between two places.
  ///   - length: the correlation length l, in the unit of `distance`.
  func correlation(_ distance: Double, length: Double) -> Double {
    let ratio = abs(distance) / length
    switch self {
    case .squaredExponential:
      return exp(-0.5 * ratio * ratio)
    case .matern52:
      let a = 5.0.squareRoot() * ratio
      return (1 + a + a * a / 3) * exp(-a)
    case .matern32:
      let a = 3.0.squareRoot() * ratio
      return (1 + a) * exp(-a)
    case .exponential:
      return exp(-ratio)
    }
  }
}
