import CKernels
import Essentials
import Foundation

/// One correlation on one axis of a grid of samples, diagonalised: K = Qᵀ Λ Q.
struct AxisSpectrum: Sendable {
  let covariance: Covariance
  /// Correlation length, in fine pixels.
  let length: Double
  /// Λ's diagonal, rising, none negative.
  let eigenvalues: [Double]
  /// Q: the eigenvectors, one a row.
  let vectors: DoubleMatrix
  /// The squares of Q's elements.
  let squares: DoubleMatrix

  /// Samples on a line.
  ///
  /// - Parameters:
  ///   - covariance: the family.
  ///   - length: correlation length, in fine pixels.
  ///   - count: samples on the axis.
  ///   - magnification: fine pixels from one sample to the next.
  /// - Throws: `Fault` when there is no memory, or the decomposition fails.
  init(_ covariance: Covariance, length: Double, count: Int, magnification: Int) throws {
    let line = (0..<count).map { covariance.correlation(Double($0 * magnification), length: length) }
    try self.init(covariance, length: length, DoubleMatrix(rows: count, columns: count) { line[abs($0 - $1)] })
  }

  /// - Parameters:
  ///   - covariance: the family.
  ///   - length: correlation length, in fine pixels.
  ///   - correlations: K, of all samples with all.
  /// - Throws: `Fault` when there is no memory, or the decomposition fails.
  init(_ covariance: Covariance, length: Double, _ correlations: DoubleMatrix) throws {
    self.covariance = covariance
    self.length = length
    let count = correlations.rows
    var matrix = correlations
    var values = [Double](repeating: 0, count: count)
    let info = ck_symmetric_eigen(&matrix.values, &values, count)
    guard info == 0 else {
      throw Fault(
        "cannot diagonalise the covariance", at: "kriging", expected: "memory for \(count)x\(count) values",
        found: "LAPACK's info \(info)")
    }
    // Smooth correlations have eigenvalues far below the rounding of the largest.
    eigenvalues = values.map { max($0, 0) }
    vectors = matrix
    squares = matrix.squared
  }

  /// The axis that dense problems do not have: their samples are a map of one row.
  static let ofOneSample = AxisSpectrum(
    covariance: .squaredExponential, length: 1, eigenvalues: [1],
    vectors: DoubleMatrix(rows: 1, columns: 1, values: [1]))

  private init(covariance: Covariance, length: Double, eigenvalues: [Double], vectors: DoubleMatrix) {
    self.covariance = covariance
    self.length = length
    self.eigenvalues = eigenvalues
    self.vectors = vectors
    squares = vectors.squared
  }

  /// The covariances of fine positions with the samples, in the basis of the eigenvectors: `[position, eigenvector]`.
  func projected(positions: Int, offset: Int, magnification: Int) -> DoubleMatrix {
    let count = eigenvalues.count
    let reach = max(positions, (count - 1) * magnification + offset + 1)
    let line = (0..<reach).map { covariance.correlation(Double($0), length: length) }
    return DoubleMatrix(rows: positions, columns: count) { line[abs($0 - offset - $1 * magnification)] }
      .times(vectors, otherTransposed: true)
  }
}

/// One correlation on both axes, and what of the likelihood depends on no map.
struct KrigingBasis: Sendable {
  let vertical: AxisSpectrum
  let horizontal: AxisSpectrum
  /// ln |K + g I| for each nugget of `nuggets`.
  let logDeterminants: [Double]

  /// The nugget ratios that are tried: what is not correlated, in units of what is.
  static let nuggets: [Double] = (-10...0).map { pow(10, Double($0)) }

  init(vertical: AxisSpectrum, horizontal: AxisSpectrum) {
    self.vertical = vertical
    self.horizontal = horizontal
    logDeterminants = Self.nuggets.map {
      Self.logDeterminant(vertical.eigenvalues, horizontal.eigenvalues, nugget: $0)
    }
  }

  func logDeterminant(nugget: Double) -> Double {
    Self.logDeterminant(vertical.eigenvalues, horizontal.eigenvalues, nugget: nugget)
  }

  /// Σ ln(λ_i λ_j + g), a logarithm only for each 16 factors: each lies between 1e-10 and 1e6, so none overflows.
  private static func logDeterminant(_ a: [Double], _ b: [Double], nugget: Double) -> Double {
    var sum = 0.0
    for value in a {
      var product = 1.0
      for (index, other) in b.enumerated() {
        product *= value * other + nugget
        if index % 16 == 15 {
          sum += log(product)
          product = 1
        }
      }
      sum += log(product)
    }
    return sum
  }

  /// A map of the samples in the basis in which the covariance is diagonal.
  func rotated(_ map: DoubleMatrix) -> DoubleMatrix {
    map.transformed(left: vertical.vectors, right: horizontal.vectors)
  }

  /// Back from that basis to the samples.
  func restored(_ map: DoubleMatrix) -> DoubleMatrix {
    vertical.vectors.times(map, transposed: true).times(horizontal.vectors)
  }
}
