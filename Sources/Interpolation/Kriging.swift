import CKernels
import Essentials

/// Universal kriging on a regular grid of samples: a Gaussian process whose covariance is fitted to each map.
///
/// The model is y = β₁ + β₂ lg d + f + e, with d the distance to the station (only where it is known), f a field with
/// a separable covariance σ² k(Δx) k(Δy), and e what is not correlated from pixel to pixel, of variance g σ². Trend
/// and σ² are profiled out by generalised least squares; length and g are those of the highest restricted likelihood of
/// the first family, or, where that finds the map rough, all families compete (see `KrigingSearch.best`). As the
/// covariance of samples on a grid is a Kronecker product, all of it, the deviation too, goes through the eigenvectors of
/// the two axes (Y. Saatçi, thesis, Cambridge 2011, chapter 5): no matrix of all samples is ever made. Everything is in double: smooth fields make covariances with condition numbers of 1e10.
///
/// A stationary process is equally sure of a smooth part of a map and of one with edges. On rough maps the deviation is
/// therefore scaled, around each pixel, to the errors that samples there have when they are predicted from all others.
///
/// The eigenvectors do not depend on the map: they are computed once, take 16 (n² + m²) bytes for n × m samples (half
/// of that where n = m) with each of 96 covariances (6 MB at 64 × 64), and are shared by all threads.
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

  /// Where a deviation is large on a rough map.
  public enum Deviation: Sendable {
    /// Wherever no sample is near, as the fitted process has it: the same for all maps with one covariance.
    case stationary
    /// Scaled to the errors of the samples around, as far as these tell.
    case local
  }

  /// Most samples on an axis.
  public static let maximumSide = 1024
  /// A trend's slope needs some samples more than its constant does.
  static let samplesForSlope = 6

  /// As it stands in tables.
  public var name: String { "kriging" }
  /// Where the samples lie.
  public let grid: SamplingGrid
  /// Where the pixels lie.
  public let area: Area
  /// What the samples are.
  public let samples: Samples
  /// Where a deviation is large on a rough map.
  public let deviation: Deviation
  let bases: [KrigingBasis]
  private let covariances: [Covariance]

  /// - Parameters:
  ///   - grid: where the samples lie.
  ///   - area: where the pixels lie in metres; needed only for maps whose station is known.
  ///   - samples: whether samples are the map's own values.
  ///   - deviation: where a deviation is large on a rough map.
  ///   - covariances: the families to choose from: the first for smooth maps, all of them for rough ones.
  /// - Throws: `Fault` when an axis has more than 1024 samples, or memory is short.
  public init(
    grid: SamplingGrid, area: Area = Area(), samples: Samples = .exact,
    deviation: Deviation = .local, covariances: [Covariance] = Covariance.allCases
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
    self.area = area
    self.samples = samples
    self.deviation = deviation
    self.covariances = covariances
    let extent = Double(max(grid.rows, grid.columns))
    bases = try covariances.flatMap { covariance in
      try (0..<KrigingSearch.lengths).map { number in
        let length = KrigingSearch.length(number, spacing: Double(grid.magnification), extent: extent)
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
  public func interpolate(_ coarse: StationMap) throws -> InterpolatedMap {
    if let mask = coarse.mask, !mask.isAll {
      return try scattered(coarse).interpolated(
        rows: grid.rows, columns: grid.columns, scalesLocally: deviation == .local)
    }
    let problem = try prepared(coarse)
    guard problem.count > 1 else {
      return InterpolatedMap(
        map: ChannelFingerprint(rows: grid.rows, columns: grid.columns, repeating: Float(problem.level)))
    }
    let fit = try search(problem).best()
    var posterior = prediction(fit, problem, station: coarse.station)
    if deviation == .local, fit.isRough {
      let basis = bases[fit.basis]
      posterior.scaleVariance(by: localFactors(fit.standardisedErrors(basis, problem.rotated(basis))))
    }
    var result = posterior.interpolated(rows: grid.rows, columns: grid.columns)
    if samples == .exact { result.restore(coarse.map.values, at: grid.samplePixels) }
    return result
  }

  /// What kriging takes for true of a map.
  ///
  /// - Throws: as `interpolate`.
  public func fit(_ coarse: StationMap) throws -> KrigingFit {
    if let mask = coarse.mask, !mask.isAll { return try scattered(coarse).fit }
    let problem = try prepared(coarse)
    let best = try search(problem).best()
    return KrigingFit(best, bases[best.basis], problem)
  }

  func search(_ problem: KrigingSamples) -> KrigingSearch {
    KrigingSearch(samples: problem, spacing: Double(grid.magnification), count: bases.count) { bases[$0] }
  }

  /// Samples with holes are scattered ones.
  private func scattered(_ coarse: StationMap) throws -> ScatteredKriging {
    try grid.requireShape(of: coarse.map)
    return try ScatteredKriging(
      ScatteredSamples(coarse, on: grid), extent: Double(max(grid.rows, grid.columns)),
      station: coarse.station, area: area, kind: samples, covariances: covariances)
  }

  /// The samples of a whole coarse map, all of them finite.
  func prepared(_ coarse: StationMap) throws -> KrigingSamples {
    let map = coarse.map
    try grid.requireShape(of: map)
    _ = try coarse.usableSamples()
    let station = map.values.count >= Self.samplesForSlope ? coarse.station : nil
    return KrigingSamples(
      values: DoubleMatrix(rows: map.rows, columns: map.columns, values: map.values.map(Double.init)),
      distances: station.map {
        DoubleMatrix(
          rows: map.rows, columns: map.columns,
          values: area.logDistances(
            rows: map.rows, columns: map.columns, offset: grid.offset, step: grid.magnification, $0))
      })
  }
}
