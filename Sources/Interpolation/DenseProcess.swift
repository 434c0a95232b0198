import CKernels
import Essentials
import Foundation

/// A Gaussian process with a known covariance, conditioned on samples at any places; n² doubles.
struct DenseProcess: Sendable {
  let positions: [SIMD2<Double>]
  let fit: KrigingFit
  private let kind: Kriging.Samples
  private let station: SIMD3<Double>?
  private let area: Area
  /// L of V = K + g I = L Lᵀ, in units of σ².
  private let lower: DoubleMatrix
  /// L⁻¹ of the samples minus their mean, and of the columns of the trend: `[n, 1 + trends]`.
  private let whitened: DoubleMatrix
  private let level: Double
  private let meanDistance: Double
  /// The trend, as `KrigingCandidate` has it.
  private let trend: SIMD2<Double>
  private let trendCovariance: SIMD3<Double>

  /// - Parameters:
  ///   - positions: (row, column) of the samples [pixels].
  ///   - values: the samples [dB].
  ///   - fit: covariance and nugget; the trend is estimated anew, from these samples.
  ///   - kind: whether samples are the map's own values.
  ///   - station: (x, y, z) [m], for a trend over the distance to it.
  ///   - area: where the pixels lie in metres.
  /// - Throws: `Fault` when the covariance cannot be inverted.
  init(
    positions: [SIMD2<Double>], values: [Double], fit: KrigingFit, kind: Kriging.Samples, station: SIMD3<Double>?,
    area: Area
  ) throws {
    self.positions = positions
    self.fit = fit
    self.kind = kind
    self.station = station
    self.area = area
    let count = values.count
    lower = try Self.factor(positions, fit)
    let distances = station.map { station in positions.map { area.logDistance($0, station) } }
    let (level, meanDistance) = (
      values.reduce(0, +) / Double(count), (distances ?? []).reduce(0, +) / Double(max(count, 1))
    )
    self.level = level
    self.meanDistance = meanDistance
    var columns = DoubleMatrix(rows: count, columns: distances == nil ? 2 : 3) { row, column in
      column == 0 ? values[row] - level : column == 1 ? 1 : distances![row] - meanDistance
    }
    ck_solve_lower(0, lower.values, count, &columns.values, columns.columns, count, columns.columns)
    whitened = columns
    let products = columns.times(columns, transposed: true)
    let (a, b) = (products[1, 1], SIMD2(products[1, 0], distances == nil ? 0 : products[2, 0]))
    let (c, d) = distances == nil ? (0, 0) : (products[1, 2], products[2, 2])
    let determinant = a * d - c * c
    trendCovariance =
      determinant > KrigingCandidate.leastDeterminant * a * d
      ? SIMD3(d, -c, a) / determinant : SIMD3(1 / a, 0, 0)
    trend = SIMD2(
      trendCovariance.x * b.x + trendCovariance.y * b.y, trendCovariance.y * b.x + trendCovariance.z * b.y)
  }

  /// The Cholesky factor; a nugget below the rounding of a large covariance is raised until there is one.
  private static func factor(_ positions: [SIMD2<Double>], _ fit: KrigingFit) throws -> DoubleMatrix {
    let count = positions.count
    let vertical = AxisCorrelations(positions.map(\.x), fit), horizontal = AxisCorrelations(positions.map(\.y), fit)
    let correlations = DoubleMatrix(rows: count, columns: count) { row, column in
      // The upper triangle is not looked at.
      column > row ? 0 : vertical[row, column] * horizontal[row, column]
    }
    var nugget = fit.nugget
    for _ in 0...10 {
      var matrix = correlations
      for i in 0..<count { matrix.values[i * count + i] += nugget }
      if ck_cholesky(&matrix.values, count, count) == 0 { return matrix }
      nugget *= 10
    }
    throw Fault("the covariance of the samples cannot be inverted", at: "kriging", found: "\(count) samples")
  }

  /// L⁻¹ of the correlations of the samples with the places of a lattice, `[n, rows · columns]`, and what the samples
  /// leave open of the trend there: `[rows · columns]`.
  func whitened(rows: [Double], columns: [Double]) -> (correlations: DoubleMatrix, open: [SIMD2<Double>]) {
    let count = positions.count
    let length = fit.length
    let vertical = DoubleMatrix(rows: count, columns: rows.count) {
      fit.covariance.correlation(positions[$0].x - rows[$1], length: length)
    }
    let horizontal = DoubleMatrix(rows: count, columns: columns.count) {
      fit.covariance.correlation(positions[$0].y - columns[$1], length: length)
    }
    let places = rows.count * columns.count
    var matrix = DoubleMatrix(rows: count, columns: places) { sample, place in
      vertical[sample, place / columns.count] * horizontal[sample, place % columns.count]
    }
    ck_solve_lower(0, lower.values, count, &matrix.values, places, count, places)
    let explained = matrix.times(whitened, transposed: true)  // [places, 1 + trends]
    let open = (0..<places).map { place in
      let away =
        station.map {
          area.logDistance(SIMD2(rows[place / columns.count], columns[place % columns.count]), $0) - meanDistance
        } ?? 0
      return SIMD2(1 - explained[place, 1], explained.columns > 2 ? away - explained[place, 2] : 0)
    }
    return (matrix, open)
  }

  /// Mean and variance at the places of a lattice, row after row.
  func posterior(rows: [Double], columns: [Double]) -> KrigingPosterior {
    let (correlations, open) = whitened(rows: rows, columns: columns)
    let places = open.count
    let mean = correlations.times(whitened, transposed: true)
    let explained = correlations.squaredColumns
    let own = kind == .exact ? 1 + fit.nugget : 1
    return KrigingPosterior(
      mean: (0..<places).map { level + mean[$0, 0] + (trend * open[$0]).sum() },
      variance: (0..<places).map { fit.variance * max(own - explained[$0] + trendCovariance(open[$0], open[$0]), 0) })
  }

  /// L⁻¹.
  func inverseFactor() -> DoubleMatrix {
    let count = positions.count
    var inverse = DoubleMatrix(rows: count, columns: count) { $0 == $1 ? 1 : 0 }
    ck_solve_lower(0, lower.values, count, &inverse.values, count, count, count)
    return inverse
  }

  /// L⁻¹ of what the trend leaves of the samples.
  var whitenedResidual: [Double] {
    positions.indices.map {
      whitened[$0, 0] - trend.x * whitened[$0, 1] - (whitened.columns > 2 ? trend.y * whitened[$0, 2] : 0)
    }
  }

  /// What the trend's own uncertainty adds to the covariance of two places, in units of σ².
  func trendCovariance(_ a: SIMD2<Double>, _ b: SIMD2<Double>) -> Double {
    let c = trendCovariance
    return c.x * a.x * b.x + c.y * (a.x * b.y + a.y * b.x) + c.z * a.y * b.y
  }
}

/// Correlations along one axis of places many of which share a coordinate, as samples on a grid do.
private struct AxisCorrelations {
  private let numbers: [Int]
  private let table: DoubleMatrix

  init(_ coordinates: [Double], _ fit: KrigingFit) {
    let distinct = Set(coordinates).sorted()
    let known = Dictionary(uniqueKeysWithValues: distinct.enumerated().map { ($1, $0) })
    numbers = coordinates.map { known[$0]! }
    table = DoubleMatrix(rows: distinct.count, columns: distinct.count) {
      fit.covariance.correlation(distinct[$0] - distinct[$1], length: fit.length)
    }
  }

  subscript(one: Int, other: Int) -> Double { table[numbers[one], numbers[other]] }
}
