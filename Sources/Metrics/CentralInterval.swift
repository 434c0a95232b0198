import Foundation

/// The probability that a normal value, or one of Student's distribution, lies within ± `distance` of its centre, in
/// units of its scale.
///
/// - Parameters:
///   - distance: half the interval's width, not negative.
///   - degreesOfFreedom: Student's, from 1; nil for the normal distribution.
/// - Complexity: O(degrees) (M. Abramowitz and I. Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4).
public func centralProbability(_ distance: Double, degreesOfFreedom: Int? = nil) -> Double {
  // From there on Student's is the normal distribution to 1e-3 and better.
  guard let degrees = degreesOfFreedom, degrees < 1000 else { return erf(distance / 2.0.squareRoot()) }
  precondition(degrees >= 1, "Student's distribution has one degree of freedom at least")
  guard distance.isFinite else { return 1 }
  let angle = atan(distance / Double(degrees).squareRoot())
  let cosine = cos(angle)
  let isOdd = degrees % 2 == 1
  // The terms' exponents go up to degrees - 2.
  var term = isOdd ? cosine : 1, sum = degrees > 1 ? term : 0
  for exponent in stride(from: isOdd ? 3 : 2, through: degrees - 2, by: 2) {
    term *= cosine * cosine * Double(exponent - 1) / Double(exponent)
    sum += term
  }
  return isOdd ? 2 / Double.pi * (angle + sin(angle) * sum) : sin(angle) * sum
}

/// Half the width of the central interval that holds a share of the distribution, in units of its scale: the inverse of
/// ``centralProbability(_:degreesOfFreedom:)`` by bisection, to 1e-10.
///
/// - Parameters:
///   - probability: in 0..<1.
///   - degreesOfFreedom: Student's, from 1; nil for the normal distribution.
public func centralQuantile(_ probability: Double, degreesOfFreedom: Int? = nil) -> Double {
  precondition((0..<1).contains(probability), "a probability below 1")
  var low = 0.0, high = 1.0
  while centralProbability(high, degreesOfFreedom: degreesOfFreedom) < probability { high *= 2 }
  while high - low > 1e-10 * high {
    let middle = (low + high) / 2
    if centralProbability(middle, degreesOfFreedom: degreesOfFreedom) < probability {
      low = middle
    } else {
      high = middle
    }
  }
  return high
}
