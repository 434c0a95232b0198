/// The symmetric square root of a correlation matrix, by which independent fields become correlated ones.
///
/// Some of the standard's matrices are not quite positive definite: negative eigenvalues are set to zero and the rows
/// of the root rescaled, so that every parameter keeps unit variance.
struct CorrelationRoot {
  /// Row-major `[size, size]`.
  let values: [Double]
  let size: Int

  subscript(row: Int, column: Int) -> Double { values[row * size + column] }

  /// - Parameter matrix: symmetric, ones on the diagonal, row-major `[size, size]`.
  init(of matrix: [Double], size: Int) {
    let (eigenvalues, vectors) = Self.eigen(matrix, size: size)
    var root = [Double](repeating: 0, count: size * size)
    for i in 0..<size {
      for j in 0..<size {
        for k in 0..<size {
          root[i * size + j] +=
            vectors[i * size + k] * max(0, eigenvalues[k]).squareRoot() * vectors[j * size + k]
        }
      }
      let norm = (0..<size).reduce(0) { $0 + root[i * size + $1] * root[i * size + $1] }.squareRoot()
      for j in 0..<size { root[i * size + j] /= norm }
    }
    values = root
    self.size = size
  }

  /// Eigenvalues and column eigenvectors by cyclic Jacobi rotations (Golub and Van Loan, section 8.5).
  private static func eigen(_ matrix: [Double], size: Int) -> ([Double], [Double]) {
    var a = matrix
    var v = [Double](repeating: 0, count: size * size)
    for i in 0..<size { v[i * size + i] = 1 }
    for _ in 0..<50 {
      var off = 0.0
      for p in 0..<size { for q in 0..<p { off += a[p * size + q] * a[p * size + q] } }
      if off < 1e-24 { break }
      for p in 0..<size {
        for q in (p + 1)..<size where abs(a[p * size + q]) > 1e-300 {
          let theta = (a[q * size + q] - a[p * size + p]) / (2 * a[p * size + q])
          let t = (theta < 0 ? -1.0 : 1.0) / (abs(theta) + (theta * theta + 1).squareRoot())
          let c = 1 / (t * t + 1).squareRoot()
          rotate(&a, &v, p, q, c, t * c, size)
        }
      }
    }
    return ((0..<size).map { a[$0 * size + $0] }, v)
  }

  private static func rotate(
    _ a: inout [Double], _ v: inout [Double], _ p: Int, _ q: Int, _ c: Double, _ s: Double, _ size: Int
  ) {
    for k in 0..<size {
      let (x, y) = (a[k * size + p], a[k * size + q])
      (a[k * size + p], a[k * size + q]) = (c * x - s * y, s * x + c * y)
    }
    for k in 0..<size {
      let (x, y) = (a[p * size + k], a[q * size + k])
      (a[p * size + k], a[q * size + k]) = (c * x - s * y, s * x + c * y)
    }
    for k in 0..<size {
      let (x, y) = (v[k * size + p], v[k * size + q])
      (v[k * size + p], v[k * size + q]) = (c * x - s * y, s * x + c * y)
    }
  }
}
