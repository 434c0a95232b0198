import CKernels
import Essentials

/// Kriging with a mean and a covariance that are known: those of many maps of the same kind.
///
/// Where the maps are a Gaussian process with that covariance, no interpolation has a smaller mean squared error. With
/// dense matrices: n samples take 8 n² bytes; the factors and the deviation of a whole grid are computed once.
public struct EnsembleKriging: Interpolator {
  /// Most samples of a map.
  public static let maximumSamples = 4096
  private static let block = 1024
  /// The variance of a map's level, in units of the process's own: nearly any.
  private static let levelVariance = 100.0

  /// As it stands in tables.
  public var name: String { "kriging (ensemble)" }
  /// Where the samples lie.
  public let grid: SamplingGrid
  /// What is taken for true.
  public let ensemble: MapEnsemble
  /// Where the pixels lie.
  public let area: Area
  /// The covariance of two pixels, by the rows and columns between them, `[rows, columns]`.
  private let covariances: DoubleMatrix
  private let whole: Conditioned

  /// What samples at some places tell of all pixels.
  private struct Conditioned {
    /// The samples' numbers in the coarse map.
    var samples: [Int]
    var pixels: [Int]
    /// The Cholesky factor of their covariance.
    var factor: DoubleMatrix
    var variance: [Double]
  }

  /// - Parameters:
  ///   - grid: where the samples lie.
  ///   - ensemble: mean and covariance.
  ///   - area: where the pixels lie in metres.
  /// - Throws: `Fault` when there are more than 4096 samples, or their covariance cannot be inverted.
  public init(grid: SamplingGrid, ensemble: MapEnsemble, area: Area = Area()) throws {
    guard grid.samples <= Self.maximumSamples else {
      throw Fault(
        "the coarse map is too large for kriging with an ensemble's covariance", at: "coarse map",
        expected: "at most \(Self.maximumSamples) samples", found: "\(grid.samples)",
        hint: "kriging with each map's own covariance takes more")
    }
    ck_gemm_prepare()
    self.grid = grid
    self.ensemble = ensemble
    self.area = area
    let total = ensemble.variance * (1 + Self.levelVariance)
    covariances = DoubleMatrix(rows: grid.rows, columns: grid.columns) { down, across in
      total - ensemble.variogram(area.spacing * Double(down * down + across * across).squareRoot())
    }
    whole = try Self.conditioned(Array(0..<grid.samples), grid, covariances)
  }

  /// The fine map and its deviation.
  ///
  /// - Throws: `Fault` when the coarse map has not the grid's shape, a valid sample is not finite or none is valid, or
  ///   the mean is one over distances and the map has no station.
  public func interpolate(_ coarse: StationMap) throws -> InterpolatedMap {
    try grid.requireShape(of: coarse.map)
    guard coarse.station != nil || ensemble.trend.count == 1 else {
      throw Fault(
        "the map's station is not known", at: "kriging (ensemble)",
        expected: "a station, as the maps have that the covariance was measured on")
    }
    let usable = try coarse.usableSamples()
    guard !usable.isEmpty else {
      throw Fault("no sample is valid", at: "coarse map", expected: "one at least")
    }
    let known = usable.count == grid.samples ? whole : try Self.conditioned(usable, grid, covariances)
    let mean = area.logDistances(rows: grid.rows, columns: grid.columns, coarse.station).map(ensemble.mean)
    var weights = known.samples.indices.map {
      Double(coarse.map.values[known.samples[$0]]) - mean[known.pixels[$0]]
    }
    known.factor.solve(&weights, columns: 1)
    var posterior = KrigingPosterior(mean: mean, variance: known.variance)
    posterior.mean.withUnsafeMutableBufferPointer { add(weights, known.pixels, to: $0) }
    var result = posterior.interpolated(rows: grid.rows, columns: grid.columns)
    result.restore(known.samples.map { coarse.map.values[$0] }, at: known.pixels)
    return result
  }

  /// Adds to each pixel the covariances with the samples, weighted.
  private func add(_ weights: [Double], _ pixels: [Int], to mean: UnsafeMutableBufferPointer<Double>) {
    covariances.values.withUnsafeBufferPointer { covariances in
      for (weight, pixel) in zip(weights, pixels) {
        let (row, column) = pixel.quotientAndRemainder(dividingBy: grid.columns)
        for y in 0..<grid.rows {
          let line = abs(y - row) * grid.columns, out = y * grid.columns
          for x in 0..<grid.columns { mean[out + x] += weight * covariances[line + abs(x - column)] }
        }
      }
    }
  }

  private static func conditioned(
    _ samples: [Int], _ grid: SamplingGrid, _ covariances: DoubleMatrix
  ) throws -> Conditioned {
    let all = grid.samplePixels
    let pixels = samples.map { all[$0] }
    func covariance(_ one: Int, _ other: Int) -> Double {
      let (a, b) = one.quotientAndRemainder(dividingBy: grid.columns)
      let (c, d) = other.quotientAndRemainder(dividingBy: grid.columns)
      return covariances[abs(a - c), abs(b - d)]
    }
    var factor = DoubleMatrix(rows: pixels.count, columns: pixels.count) { row, column in
      // The upper triangle is not looked at.
      column > row ? 0 : covariance(pixels[row], pixels[column]) + (row == column ? covariances[0, 0] * 1e-12 : 0)
    }
    try factor.factorise(what: "the covariance of the samples")
    var variance: [Double] = []
    variance.reserveCapacity(grid.pixels)
    for first in stride(from: 0, to: grid.pixels, by: Self.block) {
      let columns = min(Self.block, grid.pixels - first)
      var whitened = DoubleMatrix(rows: pixels.count, columns: columns) { covariance(pixels[$0], first + $1) }
      ck_solve_lower(0, factor.values, pixels.count, &whitened.values, columns, pixels.count, columns)
      variance += whitened.squaredColumns.map { max(covariances[0, 0] - $0, 0) }
    }
    return Conditioned(samples: samples, pixels: pixels, factor: factor, variance: variance)
  }
}

extension DoubleMatrix {
  /// L of A = L Lᵀ in the lower triangle.
  ///
  /// - Parameter what: for the message when there is none.
  mutating func factorise(what: String) throws {
    guard ck_cholesky(&values, rows, columns) == 0 else {
      throw Fault("\(what) cannot be inverted", at: "kriging", found: "\(rows) rows")
    }
  }

  /// A⁻¹ of `[rows, columns]`, where this is the factor L.
  func solve(_ right: inout [Double], columns: Int) {
    ck_solve_lower(0, values, self.columns, &right, columns, rows, columns)
    ck_solve_lower(1, values, self.columns, &right, columns, rows, columns)
  }
}
