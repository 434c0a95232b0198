import CKernels
import Foundation

/// What was learnt from one coarse map: the covariance and the trend that kriging takes for true.
public struct KrigingFit: Equatable, Sendable {
  /// The family of the correlation along each axis.
  public var covariance: Covariance
  /// Its length [fine pixels].
  public var length: Double
  /// The variance of what is not correlated from sample to sample, in units of `variance`.
  public var nugget: Double
  /// The variance of the correlated field [dB²].
  public var variance: Double
  /// The trend's constant [dB].
  public var level: Double
  /// The trend's slope over lg(distance to the station / m) [dB]; nil where no station was given.
  public var slope: Double?
  /// ln of the restricted likelihood, up to a constant of the map.
  public var logLikelihood: Double
  /// Generalised cross-validation: the mean square error of predicting samples from the others [dB²].
  public var crossValidation: Double
  /// Which of the two chose.
  public var isCrossValidated: Bool
}

/// The samples of one map as the fit sees them: centred, with the columns of the trend.
struct KrigingSamples {
  /// Sample minus `level`.
  let values: DoubleMatrix
  /// lg distance to the station minus `meanDistance`; nil: the trend is a constant.
  let distances: DoubleMatrix?
  let level: Double
  let meanDistance: Double

  var count: Int { values.values.count }
  var trends: Int { distances == nil ? 1 : 2 }

  init(values: DoubleMatrix, distances: DoubleMatrix?) {
    func centred(_ matrix: DoubleMatrix) -> (DoubleMatrix, Double) {
      let mean = matrix.values.reduce(0, +) / Double(matrix.values.count)
      return (DoubleMatrix(rows: matrix.rows, columns: matrix.columns, values: matrix.values.map { $0 - mean }), mean)
    }
    (self.values, level) = centred(values)
    if let distances {
      let (apart, mean) = centred(distances)
      self.distances = apart
      meanDistance = mean
    } else {
      self.distances = nil
      meanDistance = 0
    }
  }

  /// Samples, ones and distances in a basis: `[3, rows, columns]`; zeros for a trend that is not there.
  func rotated(_ basis: KrigingBasis) -> [Double] {
    let ones = DoubleMatrix(rows: values.rows, columns: 1) { _, _ in 1 }
    let wide = DoubleMatrix(rows: values.columns, columns: 1) { _, _ in 1 }
    let constant = basis.vertical.vectors.times(ones).times(
      basis.horizontal.vectors.times(wide), otherTransposed: true)
    return basis.rotated(values).values + constant.values
      + (distances.map { basis.rotated($0).values } ?? [Double](repeating: 0, count: count))
  }
}

/// One covariance tried on one map.
struct KrigingCandidate {
  var basis: Int
  var nugget: Double
  var logLikelihood: Double
  var crossValidation: Double
  /// σ², by restricted likelihood unless `isCrossValidated`.
  var variance: Double
  private(set) var isCrossValidated = false
  private let crossValidatedVariance: Double
  /// Generalised least squares: coefficients of the trend, and (Hᵀ V⁻¹ H)⁻¹ as (11, 12, 22), V in units of σ².
  var trend: SIMD2<Double>
  var trendCovariance: SIMD3<Double>

  /// Profiles trend and σ² out of the restricted likelihood (D. Harville, JASA 72, 1977), and generalised
  /// cross-validation (P. Craven and G. Wahba, Numer. Math. 31, 1979) of the same weights.
  ///
  /// - Parameters:
  ///   - sums: what `ck_spectral_sums` gives.
  ///   - logDeterminant: ln |V|.
  init(basis: Int, nugget: Double, sums s: [Double], logDeterminant: Double, samples: KrigingSamples) {
    self.basis = basis
    self.nugget = nugget
    let determinant = s[3] * s[5] - s[4] * s[4]
    // Distances that hardly differ from a constant tell nothing of the slope.
    let hasSlope = samples.trends == 2 && determinant > 1e-12 * s[3] * s[5]
    let logInformation: Double
    if hasSlope {
      trendCovariance = SIMD3(s[5], -s[4], s[3]) / determinant
      logInformation = log(determinant)
    } else {
      trendCovariance = SIMD3(1 / s[3], 0, 0)
      logInformation = log(s[3])
    }
    let (c, b) = (trendCovariance, SIMD2(s[1], s[2]))
    trend = SIMD2(c.x * b.x + c.y * b.y, c.y * b.x + c.z * b.y)
    let count = Double(samples.count)
    let freedom = max(count - (hasSlope ? 2 : 1), 1)
    // The floor is that of a map without any residual, whose likelihood has no bound.
    variance = max(s[0] - (b * trend).sum(), 1e-30) / freedom
    logLikelihood = -0.5 * (freedom * log(variance) + logDeterminant + logInformation)
    let squares =
      s[6] - 2 * (trend.x * s[7] + trend.y * s[8]) + trend.x * trend.x * s[9] + 2 * trend.x * trend.y * s[10]
      + trend.y * trend.y * s[11]
    crossValidation = count * max(squares, 0) / (s[12] * s[12])
    crossValidatedVariance = max(squares, 0) / s[12]
  }

  /// Takes the σ² that the cross-validation errors have: their squares, each over what it would be for σ² = 1.
  mutating func validate() {
    variance = crossValidatedVariance
    isCrossValidated = true
  }
}

/// The search for the covariance of one map.
struct KrigingSearch {
  let bases: [KrigingBasis]
  /// Lengths of each family; `bases` holds family after family.
  let lengths: Int
  let samples: KrigingSamples

  /// A smooth field's nugget is far below this. Above it the squared exponential is taken for the wrong model: fields with
  /// edges are no Gaussian process, and its likelihood explains edges as noise and smooths over them.
  static let roughNugget = 0.003
  /// Fewer samples than this make cross-validation a gamble.
  static let samplesForValidation = 256
  private static let scanStride = 4

  /// The best of all. Smooth fields keep the first family (the squared exponential), with the length and the nugget of the
  /// highest likelihood. For rough ones all families compete: by cross-validation, which has no prejudice for noise, or
  /// by likelihood where samples are few.
  func best() -> KrigingCandidate {
    let smooth = scan(family: 0)
    let likelihood = { (a: KrigingCandidate, b: KrigingCandidate) in a.logLikelihood > b.logLikelihood }
    let likely = refined(smooth.min(by: likelihood)!, likelihood)
    guard likely.nugget > Self.roughNugget else { return likely }
    let rough = smooth + stride(from: lengths, to: bases.count, by: lengths).flatMap(scan)
    guard samples.count >= Self.samplesForValidation else { return refined(rough.min(by: likelihood)!, likelihood) }
    let validation = { (a: KrigingCandidate, b: KrigingCandidate) in a.crossValidation < b.crossValidation }
    var best = refined(rough.min(by: validation)!, validation)
    best.validate()
    return best
  }

  /// Every fourth length of a family.
  private func scan(family: Int) -> [KrigingCandidate] {
    stride(from: family, to: family + lengths, by: Self.scanStride).flatMap(candidates)
  }

  /// Closer around a candidate: first its length, then its nugget.
  private func refined(
    _ start: KrigingCandidate, _ better: (KrigingCandidate, KrigingCandidate) -> Bool
  ) -> KrigingCandidate {
    var best = start
    let family = best.basis / lengths * lengths
    for step in [2, 1] {
      let centre = best.basis
      for neighbour in [centre - step, centre + step] where (family..<family + lengths).contains(neighbour) {
        if let found = candidates(neighbour).min(by: better), better(found, best) { best = found }
      }
    }
    let fields = samples.rotated(bases[best.basis])
    for factor in [pow(10, 0.5), pow(10, 0.25)] {
      let centre = best.nugget
      for nugget in [centre / factor, centre * factor] where nugget >= KrigingBasis.nuggets[0] {
        let found = candidate(
          best.basis, nugget, fields, logDeterminant: bases[best.basis].logDeterminant(nugget: nugget))
        if better(found, best) { best = found }
      }
    }
    return best
  }

  /// All nuggets with one basis.
  private func candidates(_ basis: Int) -> [KrigingCandidate] {
    let fields = samples.rotated(bases[basis])
    return zip(KrigingBasis.nuggets, bases[basis].logDeterminants).map {
      candidate(basis, $0, fields, logDeterminant: $1)
    }
  }

  private func candidate(
    _ basis: Int, _ nugget: Double, _ fields: [Double], logDeterminant: Double
  ) -> KrigingCandidate {
    let (vertical, horizontal) = (bases[basis].vertical.eigenvalues, bases[basis].horizontal.eigenvalues)
    let sums = [Double](unsafeUninitializedCapacity: CK_SPECTRAL_SUMS) { buffer, filled in
      ck_spectral_sums(
        buffer.baseAddress, fields, vertical, horizontal, vertical.count, horizontal.count, nugget)
      filled = buffer.count
    }
    return KrigingCandidate(
      basis: basis, nugget: nugget, sums: sums, logDeterminant: logDeterminant, samples: samples)
  }
}
