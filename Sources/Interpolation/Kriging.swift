import CKernels
import Essentials
import Foundation

/// Universal kriging on a regular grid of samples: a Gaussian process whose covariance is fitted to each map.
///
/// The model is y = β₁ + β₂ lg d + f + e, with d the distance to the station (only where it is known), f a field with
/// a separable covariance σ² k(Δx) k(Δy), and e what is not correlated from pixel to pixel, of variance g σ². Trend
/// and σ² are profiled out by generalised least squares; length and g are those of the highest restricted likelihood of
/// the first family, or, where that finds the map rough, all families compete (see `KrigingSearch.best`). As the covariance of samples on a grid is a Kronecker product, all of it, the deviation too, goes
/// through the eigenvectors of the two axes (Y. Saatçi, thesis, Cambridge 2011, chapter 5): no matrix of all samples is
/// ever made. Everything is in double: smooth fields make covariances with condition numbers of 1e10.
///
/// The eigenvectors do not depend on the map: they are computed once, take 8 (n² + m²) bytes for n × m samples (half
/// of that where n = m) with each of 96 covariances (3 MB at 64 × 64), and are shared by all threads.
public struct Kriging: Interpolator {
  /// Whether samples are the map's own values, or measured with errors.
  public enum Samples: String, Codable, Sendable {
    /// The map has the sample's value at the sample's pixel, and what is not correlated belongs to the map: the
    /// deviation is that of the pixels' values, and 0 at samples.
    case exact
    /// What is not correlated is the measurement's error, and no part of the map: the deviation is that of the
    /// smooth field.
    case noisy
  }

  /// Most samples on an axis.
  public static let maximumSide = 1024
  /// Correlation lengths that are tried of each family.
  static let lengths = 24

  /// As it stands in tables.
  public var name: String { "kriging" }
  /// Where the samples lie.
  public let grid: SamplingGrid
  /// Where the pixels lie.
  public let geometry: AreaGeometry
  /// What the samples are.
  public let samples: Samples
  let bases: [KrigingBasis]

  /// - Parameters:
  ///   - grid: where the samples lie.
  ///   - geometry: where the pixels lie in metres; needed only for maps whose station is known.
  ///   - samples: whether samples are the map's own values.
  ///   - covariances: the families to choose from: the first for smooth maps, all of them for rough ones.
  /// - Throws: `Fault` when an axis has more than 1024 samples, or memory is short.
  public init(
    grid: SamplingGrid, geometry: AreaGeometry = AreaGeometry(), samples: Samples = .exact,
    covariances: [Covariance] = Covariance.allCases
  ) throws {
    precondition(!covariances.isEmpty, "at least one family of covariances")
    guard max(grid.coarseRows, grid.coarseColumns) <= Self.maximumSide else {
      throw Fault(
        "the coarse map is too large for kriging", at: "coarse map",
        expected: "at most \(Self.maximumSide) samples an axis",
        found: "\(grid.coarseRows)x\(grid.coarseColumns)", hint: "take the method spline")
    }
    ck_gemm_prepare()
    self.grid = grid
    self.geometry = geometry
    self.samples = samples
    let shortest = 0.7 * Double(grid.magnification)
    let longest = max(4 * Double(max(grid.rows, grid.columns)), 2 * shortest)
    bases = try covariances.flatMap { covariance in
      try (0..<Self.lengths).map { index in
        let length = shortest * pow(longest / shortest, Double(index) / Double(Self.lengths - 1))
        func spectrum(_ count: Int) throws -> AxisSpectrum {
          try AxisSpectrum(covariance, length: length, count: count, magnification: grid.magnification)
        }
        let vertical = try spectrum(grid.coarseRows)
        let horizontal = grid.coarseColumns == grid.coarseRows ? vertical : try spectrum(grid.coarseColumns)
        return KrigingBasis(vertical: vertical, horizontal: horizontal)
      }
    }
  }

  /// The fine map and its deviation; nil for a single sample, which tells nothing of what lies around it.
  ///
  /// - Throws: `Fault` when the coarse map has not the grid's shape, or a valid sample is not finite.
  public func interpolate(_ coarse: CoarseObservation) throws -> InterpolatedMap {
    let problem = try prepared(coarse)
    guard problem.count > 1 else {
      return InterpolatedMap(
        map: ChannelFingerprint(rows: grid.rows, columns: grid.columns, repeating: Float(problem.level)))
    }
    let candidate = KrigingSearch(bases: bases, lengths: Self.lengths, samples: problem).best()
    var result = prediction(candidate, problem, station: coarse.station)
    if samples == .exact { restoreSamples(problem, &result) }
    return result
  }

  /// What kriging takes for true of a map.
  ///
  /// - Throws: as `interpolate`.
  public func fit(_ coarse: CoarseObservation) throws -> KrigingFit {
    let problem = try prepared(coarse)
    let best = KrigingSearch(bases: bases, lengths: Self.lengths, samples: problem).best()
    let basis = bases[best.basis]
    return KrigingFit(
      covariance: basis.vertical.covariance, length: basis.vertical.length, nugget: best.nugget,
      variance: best.variance, level: problem.level + best.trend.x - best.trend.y * problem.meanDistance,
      slope: problem.trends == 2 ? best.trend.y : nil, logLikelihood: best.logLikelihood,
      crossValidation: best.crossValidation, isCrossValidated: best.isCrossValidated)
  }

  private func prepared(_ coarse: CoarseObservation) throws -> KrigingSamples {
    try grid.requireShape(of: coarse.map)
    let map = try filled(coarse.map, valid: coarse.valid)
    if let place = map.values.firstIndex(where: { !$0.isFinite }) {
      throw Fault(
        "a sample is no number", at: "row \(place / map.columns), column \(place % map.columns) of the coarse map",
        expected: "dB", found: "\(map.values[place])", hint: "mark places without a value as not valid")
    }
    // A slope needs some samples more than a constant does.
    let station = map.values.count >= 6 ? coarse.station : nil
    return KrigingSamples(
      values: DoubleMatrix(rows: map.rows, columns: map.columns, values: map.values.map(Double.init)),
      distances: station.map { logDistances(rows: map.rows, columns: map.columns, step: grid.magnification, $0) })
  }

  /// lg of the distances to the station, of the samples (`step` pixels apart) or of all pixels.
  private func logDistances(rows: Int, columns: Int, step: Int, _ station: SIMD3<Float>) -> DoubleMatrix {
    let offset = step == 1 && rows == grid.rows ? 0 : grid.offset
    return DoubleMatrix(rows: rows, columns: columns) { row, column in
      log10(
        geometry.distance(
          row: Double(offset + row * step), column: Double(offset + column * step), station: SIMD3<Double>(station)))
    }
  }

  /// Mean and deviation of every pixel (C. Rasmussen and C. Williams, Gaussian Processes for Machine Learning, 2006,
  /// eq. 2.41 and 2.42).
  private func prediction(
    _ fit: KrigingCandidate, _ problem: KrigingSamples, station: SIMD3<Float>?
  ) -> InterpolatedMap {
    let basis = bases[fit.basis]
    let (offset, step) = (grid.offset, grid.magnification)
    let vertical = basis.vertical.projected(positions: grid.rows, offset: offset, magnification: step)
    let horizontal = basis.horizontal.projected(positions: grid.columns, offset: offset, magnification: step)
    let (across, down) = (basis.vertical.eigenvalues, basis.horizontal.eigenvalues)
    let weights = DoubleMatrix(rows: across.count, columns: down.count) { 1 / (across[$0] * down[$1] + fit.nugget) }
    let fields = problem.rotated(basis)
    func spread(_ coefficients: [Double]) -> DoubleMatrix {
      DoubleMatrix(
        rows: weights.rows, columns: weights.columns, values: zip(coefficients, weights.values).map { $0 * $1 }
      ).transformed(left: vertical, right: horizontal)
    }
    let count = problem.count
    let residual = (0..<count).map {
      fields[$0] - fit.trend.x * fields[count + $0] - fit.trend.y * fields[2 * count + $0]
    }
    let correlated = spread(residual)
    let explained = weights.transformed(left: vertical.squared, right: horizontal.squared)
    let constant = spread(Array(fields[count..<2 * count]))
    let hasSlope = problem.trends == 2
    let distance = hasSlope ? spread(Array(fields[(2 * count)...])) : nil
    let away = hasSlope ? logDistances(rows: grid.rows, columns: grid.columns, step: 1, station!) : nil

    var map = ChannelFingerprint(rows: grid.rows, columns: grid.columns, repeating: 0)
    var deviation = map
    let (c, own) = (fit.trendCovariance, samples == .exact ? 1 + fit.nugget : 1)
    for pixel in 0..<grid.pixels {
      let lg = (away?.values[pixel] ?? problem.meanDistance) - problem.meanDistance
      map.values[pixel] = Float(
        problem.level + fit.trend.x + fit.trend.y * lg + correlated.values[pixel])
      let open = 1 - constant.values[pixel], sloping = lg - (distance?.values[pixel] ?? 0)
      let trend = c.x * open * open + 2 * c.y * open * sloping + c.z * sloping * sloping
      deviation.values[pixel] = Float(
        (fit.variance * max(own - explained.values[pixel] + trend, 0)).squareRoot())
    }
    return InterpolatedMap(map: map, deviation: deviation)
  }

  /// Exact samples are known exactly.
  private func restoreSamples(_ problem: KrigingSamples, _ result: inout InterpolatedMap) {
    for row in 0..<grid.coarseRows {
      for column in 0..<grid.coarseColumns {
        let (y, x) = (grid.offset + row * grid.magnification, grid.offset + column * grid.magnification)
        result.map[y, x] = Float(problem.values[row, column] + problem.level)
        result.deviation?[y, x] = 0
      }
    }
  }
}
