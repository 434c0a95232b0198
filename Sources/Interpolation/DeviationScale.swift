import CKernels
import Foundation

extension ScatteredKriging {
  /// By what the deviation is larger, or smaller, around each pixel than the process says, as far as the samples tell.
  ///
  /// A stationary process is equally sure of a smooth part of a map and of one with edges. How well each sample is
  /// predicted from all others says where it is wrong: the squares of these errors, in units of their variances, are
  /// averaged around each pixel with Gaussian weights (as wide as the mean distance between samples) and with `prior`
  /// more of the average over the whole map.
  ///
  /// - Parameters:
  ///   - rows: rows of the map.
  ///   - columns: columns of the map.
  ///   - prior: the weight of the whole map's average, in samples.
  /// - Returns: factors of the deviation, row after row; their squares' mean over the samples is near 1.
  /// - Throws: `Fault` when the covariance cannot be inverted.
  public func localScale(rows: Int, columns: Int, prior: Double = 2) throws -> [Float] {
    let count = samples.values.count
    let errors = try process(Array(0..<count)).standardisedErrors()
    let mean = errors.reduce(0, +) / Double(count)
    guard mean > 0 else { return [Float](repeating: 1, count: rows * columns) }
    let width = (Double(rows * columns) / Double(count)).squareRoot()
    func weights(_ lines: Int, _ of: (SIMD2<Double>) -> Double) -> DoubleMatrix {  // [lines, samples]
      DoubleMatrix(rows: lines, columns: count) { line, sample in
        Covariance.squaredExponential.correlation(of(samples.positions[sample]) - Double(line), length: width)
      }
    }
    let vertical = weights(rows) { $0.x }, horizontal = weights(columns) { $0.y }
    let scaled = DoubleMatrix(rows: rows, columns: count) { vertical[$0, $1] * errors[$1] }
    let sums = scaled.times(horizontal, otherTransposed: true).values
    let totals = vertical.times(horizontal, otherTransposed: true).values
    return zip(sums, totals).map { Float((($0 / mean + prior) / ($1 + prior)).squareRoot()) }
  }
}

extension DenseProcess {
  /// The square of each sample's error when it is predicted from all others, over its variance, in units of σ²:
  /// (V⁻¹ r)_i² / (V⁻¹)_ii (O. Dubrule, Math. Geol. 15, 1983), the trend taken for known.
  func standardisedErrors() -> [Double] {
    let inverse = inverseFactor()  // L⁻¹
    let residual = whitenedResidual
    let count = residual.count
    var (weighted, diagonal) = ([Double](repeating: 0, count: count), [Double](repeating: 0, count: count))
    for row in 0..<count {
      for column in 0...row {
        let value = inverse.values[row * count + column]
        weighted[column] += value * residual[row]
        diagonal[column] += value * value
      }
    }
    return zip(weighted, diagonal).map { $0 * $0 / $1 }
  }
}
