import Essentials
import Foundation

/// What a Gaussian process makes of a map: row after row, in double.
struct KrigingPosterior {
  var mean: [Double]
  var variance: [Double]

  mutating func scaleVariance(by factors: [Double]) {
    for pixel in variance.indices { variance[pixel] *= factors[pixel] }
  }

  func interpolated(rows: Int, columns: Int) -> InterpolatedMap {
    InterpolatedMap(
      map: ChannelFingerprint(rows: rows, columns: columns, values: mean.map { Float($0) }),
      deviation: ChannelFingerprint(
        rows: rows, columns: columns, values: variance.map { Float($0.squareRoot()) }))
  }
}

extension Kriging {
  /// Mean and variance of every pixel (C. Rasmussen and C. Williams, Gaussian Processes for Machine Learning, 2006,
  /// eq. 2.41 and 2.42), through the factors of the two axes.
  func prediction(
    _ fit: KrigingCandidate, _ problem: KrigingSamples, station: SIMD3<Float>?
  ) -> KrigingPosterior {
    let basis = bases[fit.basis]
    let (offset, step) = (grid.offset, grid.magnification)
    let vertical = basis.vertical.projected(positions: grid.rows, offset: offset, magnification: step)
    let horizontal = basis.horizontal.projected(positions: grid.columns, offset: offset, magnification: step)
    let (down, across) = (basis.vertical.eigenvalues, basis.horizontal.eigenvalues)
    let weights = DoubleMatrix(rows: down.count, columns: across.count) { 1 / (down[$0] * across[$1] + fit.nugget) }
    let fields = problem.rotated(basis)
    /// K* V⁻¹ of something given in the basis: `[rows, columns]`.
    func spread(_ coefficients: ArraySlice<Double>) -> DoubleMatrix {
      DoubleMatrix(
        rows: weights.rows, columns: weights.columns, values: zip(coefficients, weights.values).map { $0 * $1 }
      ).transformed(left: vertical, right: horizontal)
    }
    let count = problem.count
    let correlated = spread(fields[..<count])
    let constant = spread(fields[count..<2 * count])
    let explained = weights.transformed(left: vertical.squared, right: horizontal.squared)
    var (distance, away): (DoubleMatrix?, [Double]?)
    if problem.trends == 2, let station {
      distance = spread(fields[(2 * count)...])
      away = area.logDistances(rows: grid.rows, columns: grid.columns, station)
    }
    let own = samples == .exact ? 1 + fit.nugget : 1
    var posterior = KrigingPosterior(mean: [], variance: [])
    posterior.mean.reserveCapacity(grid.pixels)
    posterior.variance.reserveCapacity(grid.pixels)
    for pixel in 0..<grid.pixels {
      let open = SIMD2(
        1 - constant.values[pixel],
        (away?[pixel] ?? problem.meanDistance) - problem.meanDistance - (distance?.values[pixel] ?? 0))
      posterior.mean.append(problem.level + correlated.values[pixel] + (fit.trend * open).sum())
      posterior.variance.append(fit.variance * max(own - explained.values[pixel] + fit.trendVariance(open), 0))
    }
    return posterior
  }
}

extension KrigingCandidate {
  /// What the trend's own uncertainty adds to the variance, in units of σ², where the samples leave `open` of its columns.
  func trendVariance(_ open: SIMD2<Double>) -> Double {
    let c = trendCovariance
    return c.x * open.x * open.x + 2 * c.y * open.x * open.y + c.z * open.y * open.y
  }
}
