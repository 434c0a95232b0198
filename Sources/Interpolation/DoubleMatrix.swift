import CKernels

/// A dense matrix in double, row after row.
struct DoubleMatrix: Sendable {
  let rows: Int
  let columns: Int
  var values: [Double]

  init(rows: Int, columns: Int, values: [Double]) {
    precondition(values.count == rows * columns, "\(rows)x\(columns) matrix given \(values.count) values")
    self.rows = rows
    self.columns = columns
    self.values = values
  }

  init(rows: Int, columns: Int, of value: (Int, Int) -> Double) {
    self.init(
      rows: rows, columns: columns,
      values: [Double](unsafeUninitializedCapacity: rows * columns) { buffer, filled in
        for row in 0..<rows {
          for column in 0..<columns { buffer[row * columns + column] = value(row, column) }
        }
        filled = rows * columns
      })
  }

  subscript(row: Int, column: Int) -> Double { values[row * columns + column] }

  /// The square of each element.
  var squared: DoubleMatrix { DoubleMatrix(rows: rows, columns: columns, values: values.map { $0 * $0 }) }

  /// The sum of the squares of each column.
  var squaredColumns: [Double] {
    var sums = [Double](repeating: 0, count: columns)
    for row in 0..<rows {
      for column in 0..<columns {
        let value = values[row * columns + column]
        sums[column] += value * value
      }
    }
    return sums
  }

  /// op(self) · op(other).
  func times(_ other: DoubleMatrix, transposed: Bool = false, otherTransposed: Bool = false) -> DoubleMatrix {
    let (m, k) = transposed ? (columns, rows) : (rows, columns)
    let n = otherTransposed ? other.rows : other.columns
    precondition((otherTransposed ? other.columns : other.rows) == k, "matrices that do not fit")
    let product = [Double](unsafeUninitializedCapacity: m * n) { buffer, filled in
      ck_gemm_double(
        transposed ? 1 : 0, otherTransposed ? 1 : 0, m, n, k, 1, values, columns, other.values, other.columns, 0,
        buffer.baseAddress, n)
      filled = m * n
    }
    return DoubleMatrix(rows: m, columns: n, values: product)
  }

  /// left · self · rightᵀ: both axes of a map transformed.
  func transformed(left: DoubleMatrix, right: DoubleMatrix) -> DoubleMatrix {
    left.times(times(right, otherTransposed: true))
  }
}
