import CKernels
import Foundation

/// One covariance tried on one map.
struct KrigingCandidate {
  /// Distances that hardly differ from a constant tell nothing of the slope.
  static let leastDeterminant = 1e-12

  var basis: Int
  var nugget: Double
  var logLikelihood: Double
  /// The mean square error of predicting each sample from all others; nil where that was not asked for.
  private(set) var crossValidation: Double?
  /// Whether the map was found to be no smooth field.
  var isRough = false
  /// σ², by restricted likelihood, or by the squares of the cross-validation errors.
  var variance: Double
  /// Generalised least squares: coefficients of the trend, and (Hᵀ V⁻¹ H)⁻¹ as (11, 12, 22), V in units of σ².
  var trend: SIMD2<Double>
  var trendCovariance: SIMD3<Double>

  /// Profiles trend and σ² out of the restricted likelihood (D. Harville, JASA 72, 1977).
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
  }

  /// Predicts each sample from all others, the trend taken for known: the error is (V⁻¹ r)_i / (V⁻¹)_ii and its variance
  /// σ² / (V⁻¹)_ii (O. Dubrule, Math. Geol. 15, 1983). Takes the σ² that these errors have.
  ///
  /// - Parameters:
  ///   - basis: the candidate's own.
  ///   - fields: the samples in that basis.
  mutating func validate(_ basis: KrigingBasis, _ fields: [Double]) {
    let (weighted, diagonal) = crossValidation(basis, fields)
    let count = Double(weighted.values.count)
    crossValidation = zip(weighted.values, diagonal.values).reduce(0) { $0 + $1.0 * $1.0 / ($1.1 * $1.1) } / count
    variance = zip(weighted.values, diagonal.values).reduce(0) { $0 + $1.0 * $1.0 / $1.1 } / count
  }

  /// The squares of these errors over their variances, in units of σ².
  func standardisedErrors(_ basis: KrigingBasis, _ fields: [Double]) -> DoubleMatrix {
    let (weighted, diagonal) = crossValidation(basis, fields)
    return DoubleMatrix(
      rows: weighted.rows, columns: weighted.columns,
      values: zip(weighted.values, diagonal.values).map { $0 * $0 / $1 })
  }

  /// V⁻¹ r and the diagonal of V⁻¹, as maps of the samples.
  private func crossValidation(
    _ basis: KrigingBasis, _ fields: [Double]
  ) -> (weighted: DoubleMatrix, diagonal: DoubleMatrix) {
    let (down, across) = (basis.vertical.eigenvalues, basis.horizontal.eigenvalues)
    let count = down.count * across.count
    let weights = DoubleMatrix(rows: down.count, columns: across.count) { 1 / (down[$0] * across[$1] + nugget) }
    var residual = weights
    for i in 0..<count {
      residual.values[i] *= fields[i] - trend.x * fields[count + i] - trend.y * fields[2 * count + i]
    }
    return (
      basis.restored(residual),
      basis.vertical.squares.times(weights, transposed: true).times(basis.horizontal.squares)
    )
  }
}

/// The search for the covariance of one map.
struct KrigingSearch {
  let samples: KrigingSamples
  /// From a sample to the next [pixels].
  let spacing: Double
  /// Bases in all, family after family, `lengths` of each.
  let count: Int
  /// A basis by its number.
  let basis: (Int) throws -> KrigingBasis

  /// Correlation lengths that are tried of each family.
  static let lengths = 24

  /// A smooth field's nugget is far below this. Above it the squared exponential is taken for the wrong model: fields with
  /// edges are no Gaussian process, and its likelihood explains edges as noise and smooths over them.
  static let roughNugget = 0.003
  static let leastRoughNugget = 1e-3
  /// And a shorter length, in distances between samples, is a nugget by another name: neighbours have little in common.
  static let roughLength = 1.2
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
    let length = try basis(likely.basis).horizontal.length
    guard likely.nugget > Self.roughNugget || length < Self.roughLength * spacing else { return likely }
    var best = try bestOfRough(smooth)
    best.isRough = true
    return best
  }

  private func bestOfRough(_ smooth: [KrigingCandidate]) throws -> KrigingCandidate {
    let likelihood = { (a: KrigingCandidate, b: KrigingCandidate) in a.logLikelihood > b.logLikelihood }
    let families = stride(from: 0, to: count, by: Self.lengths)
    guard samples.count >= Self.samplesForValidation else {
      let rough = try smooth + families.dropFirst().flatMap { try scan(family: $0) }
      return try refined(rough.min(by: likelihood)!, likelihood)
    }
    let validation = { (a: KrigingCandidate, b: KrigingCandidate) in
      a.crossValidation ?? .infinity < b.crossValidation ?? .infinity
    }
    let rough = try families.flatMap { try scan(family: $0, validates: true) }
    return try refined(rough.min(by: validation)!, validation, validates: true)
  }

  /// Every fourth length of a family.
  private func scan(family: Int, validates: Bool = false) throws -> [KrigingCandidate] {
    try stride(from: family, to: family + Self.lengths, by: Self.scanStride).flatMap {
      try candidates($0, validates: validates)
    }
  }

  /// Closer around a candidate: first its length, then its nugget.
  private func refined(
    _ start: KrigingCandidate, _ better: (KrigingCandidate, KrigingCandidate) -> Bool,
    validates: Bool = false
  ) throws -> KrigingCandidate {
    var best = start
    let family = best.basis / Self.lengths * Self.lengths
    for step in [2, 1] {
      let centre = best.basis
      for neighbour in [centre - step, centre + step] where (family..<family + Self.lengths).contains(neighbour) {
        if let found = try candidates(neighbour, validates: validates).min(by: better), better(found, best) {
          best = found
        }
      }
    }
    let chosen = try basis(best.basis)
    let fields = samples.rotated(chosen)
    for factor in [pow(10, 0.5), pow(10, 0.25)] {
      let centre = best.nugget
      for nugget in [centre / factor, centre * factor] where nugget >= KrigingBasis.nuggets[0] {
        var found = Self.candidate(
          best.basis, chosen, nugget, fields, logDeterminant: chosen.logDeterminant(nugget: nugget), samples)
        if validates { found.validate(chosen, fields) }
        if better(found, best) { best = found }
      }
    }
    return best
  }

  /// All nuggets with one basis; those of rough maps only, where they are to be validated.
  private func candidates(_ number: Int, validates: Bool) throws -> [KrigingCandidate] {
    let basis = try basis(number)
    let fields = samples.rotated(basis)
    return zip(KrigingBasis.nuggets, basis.logDeterminants).compactMap { nugget, logDeterminant in
      guard !validates || nugget >= Self.leastRoughNugget else { return nil }
      var found = Self.candidate(number, basis, nugget, fields, logDeterminant: logDeterminant, samples)
      if validates { found.validate(basis, fields) }
      return found
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
