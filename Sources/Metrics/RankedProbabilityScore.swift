import Foundation

/// The continuous ranked probability score of a normal prediction (Gneiting and Raftery, J. Am. Stat. Assoc. 102,
/// 2007, eq. 21, with the sign that makes less better), in the unit of its arguments; the absolute error when the
/// deviation is 0.
///
/// - Parameters:
///   - mean: the predicted mean.
///   - deviation: the predicted standard deviation, not negative.
///   - truth: what came.
public func rankedProbabilityScore(mean: Double, deviation: Double, truth: Double) -> Double {
  precondition(deviation >= 0, "a deviation is not negative")
  guard deviation > 0 else { return abs(truth - mean) }
  let z = (truth - mean) / deviation
  let density = exp(-0.5 * z * z) / (2 * Double.pi).squareRoot()
  // 2 Phi(z) - 1 = erf(z / sqrt 2)
  return deviation * (z * erf(z / 2.0.squareRoot()) + 2 * density - 1 / Double.pi.squareRoot())
}

/// The continuous ranked probability score of an ensemble, in its unit: mean |xᵢ - y| less half the mean |xᵢ - xⱼ|.
///
/// - Parameters:
///   - ensemble: one value or more; sorting makes it O(K log K).
///   - truth: what came.
///   - fair: the mean |xᵢ - xⱼ| over pairs of different members (Ferro, Q. J. R. Meteorol. Soc. 140, 2014): the score that
///     an infinite ensemble of the same distribution is expected to have, so that small and large ensembles compare.
///     Otherwise over all pairs: the score of the ensemble as it is. One member gives the absolute error in both.
public func rankedProbabilityScore(ensemble: [Double], truth: Double, fair: Bool = false) -> Double {
  precondition(!ensemble.isEmpty, "an ensemble has members")
  let count = Double(ensemble.count)
  let error = ensemble.reduce(0) { $0 + abs($1 - truth) } / count
  guard ensemble.count > 1 else { return error }
  // Sum over pairs i < j of x(j) - x(i), members sorted.
  var spread = 0.0
  for (place, value) in ensemble.sorted().enumerated() {
    spread += value * (2 * Double(place) + 1 - count)
  }
  return error - spread / (count * (fair ? count - 1 : count))
}
