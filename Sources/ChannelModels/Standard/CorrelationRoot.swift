import CKernels

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
    var vectors = matrix  // one a row
    var eigenvalues = [Double](repeating: 0, count: size)
    let info = ck_symmetric_eigen(&vectors, &eigenvalues, size)
    precondition(info == 0, "LAPACK found no eigenvalues of a correlation matrix: \(info)")
    var root = [Double](repeating: 0, count: size * size)
    for i in 0..<size {
      for j in 0..<size {
        for k in 0..<size {
          root[i * size + j] +=
            vectors[k * size + i] * max(0, eigenvalues[k]).squareRoot() * vectors[k * size + j]
        }
      }
      let norm = (0..<size).reduce(0) { $0 + root[i * size + $1] * root[i * size + $1] }.squareRoot()
      for j in 0..<size { root[i * size + j] /= norm }
    }
    values = root
    self.size = size
  }
}
