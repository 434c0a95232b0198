import CKernels
import Foundation

/// One covariance tried on one map.
struct KrigingCandidate {
  /// Distances that hardly differ from a constant tell nothing of the slope.
  static let leastDeterminant = 1e-12

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
    let hasSlope = samples.trends == 2 && determinant > Self.leastDeterminant * s[3] * s[5]
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
  let samples: KrigingSamples
  /// Bases in all, family after family, `lengths` of each.
  let count: Int
  /// A basis by its number.
  let basis: (Int) throws -> KrigingBasis

  /// Correlation lengths that are tried of each family.
  static let lengths = 24

  /// A smooth field's nugget is far below this. Above it the squared exponential is taken for the wrong model: fields with
  /// edges are no Gaussian process, and its likelihood explains edges as noise and smooths over them.
  static let roughNugget = 0.003
  /// Fewer samples than this make cross-validation a gamble.
  static let samplesForValidation = 256
  private static let scanStride = 4

  /// The best of all. Smooth fields keep the first family (the squared exponential), with the length and the nugget of the
  /// highest likelihood. For rough ones all families compete: by cross-validation, which has no prejudice for noise, or
  /// by likelihood where samples are few.
  func best() throws -> KrigingCandidate {
    let smooth = try scan(family: 0)
    let likelihood = { (a: KrigingCandidate, b: KrigingCandidate) in a.logLikelihood > b.logLikelihood }
    let likely = try refined(smooth.min(by: likelihood)!, likelihood)
    guard likely.nugget > Self.roughNugget else { return likely }
    let rough = try smooth + stride(from: Self.lengths, to: count, by: Self.lengths).flatMap(scan)
    guard samples.count >= Self.samplesForValidation else {
      return try refined(rough.min(by: likelihood)!, likelihood)
    }
    let validation = { (a: KrigingCandidate, b: KrigingCandidate) in a.crossValidation < b.crossValidation }
    var best = try refined(rough.min(by: validation)!, validation)
    best.validate()
    return best
  }

  /// Every fourth length of a family.
  private func scan(family: Int) throws -> [KrigingCandidate] {
    try stride(from: family, to: family + Self.lengths, by: Self.scanStride).flatMap(candidates)
  }

  /// Closer around a candidate: first its length, then its nugget.
  private func refined(
    _ start: KrigingCandidate, _ better: (KrigingCandidate, KrigingCandidate) -> Bool
  ) throws -> KrigingCandidate {
    var best = start
    let family = best.basis / Self.lengths * Self.lengths
    for step in [2, 1] {
      let centre = best.basis
      for neighbour in [centre - step, centre + step] where (family..<family + Self.lengths).contains(neighbour) {
        if let found = try candidates(neighbour).min(by: better), better(found, best) { best = found }
      }
    }
    let chosen = try basis(best.basis)
    let fields = samples.rotated(chosen)
    for factor in [pow(10, 0.5), pow(10, 0.25)] {
      let centre = best.nugget
      for nugget in [centre / factor, centre * factor] where nugget >= KrigingBasis.nuggets[0] {
        let found = Self.candidate(
          best.basis, chosen, nugget, fields, logDeterminant: chosen.logDeterminant(nugget: nugget), samples)
        if better(found, best) { best = found }
      }
    }
    return best
  }

  /// All nuggets with one basis.
  private func candidates(_ number: Int) throws -> [KrigingCandidate] {
    let basis = try basis(number)
    let fields = samples.rotated(basis)
    return zip(KrigingBasis.nuggets, basis.logDeterminants).map {
      Self.candidate(number, basis, $0, fields, logDeterminant: $1, samples)
    }
  }

  /// One nugget with one basis; `fields` are the samples in that basis.
  static func candidate(
    _ number: Int, _ basis: KrigingBasis, _ nugget: Double, _ fields: [Double], logDeterminant: Double,
    _ samples: KrigingSamples
  ) -> KrigingCandidate {
    let (vertical, horizontal) = (basis.vertical.eigenvalues, basis.horizontal.eigenvalues)
    let sums = [Double](unsafeUninitializedCapacity: CK_SPECTRAL_SUMS) { buffer, filled in
      ck_spectral_sums(buffer.baseAddress, fields, vertical, horizontal, vertical.count, horizontal.count, nugget)
      filled = CK_SPECTRAL_SUMS
    }
    return KrigingCandidate(
      basis: number, nugget: nugget, sums: sums, logDeterminant: logDeterminant, samples: samples)
  }

  /// The lengths of a family [pixels]: from where neighbours have next to nothing in common to four times the area.
  ///
  /// - Parameters:
  ///   - spacing: from a sample to the next [pixels].
  ///   - extent: the longer side of the area [pixels].
  static func length(_ number: Int, spacing: Double, extent: Double) -> Double {
    let shortest = 0.7 * spacing
    let longest = max(4 * extent, 2 * shortest)
    return shortest * pow(longest / shortest, Double(number % lengths) / Double(lengths - 1))
  }
}
