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
  /// The mean square error of predicting each sample from all others [dB²], where that chose; nil where likelihood did.
  public var crossValidation: Double?

  /// Whether the map was found to be no smooth field: its deviation is then scaled locally.
  public var isRough: Bool

  init(_ best: KrigingCandidate, _ basis: KrigingBasis, _ samples: KrigingSamples) {
    covariance = basis.horizontal.covariance
    length = basis.horizontal.length
    nugget = best.nugget
    variance = best.variance
    level = samples.level + best.trend.x - best.trend.y * samples.meanDistance
    slope = samples.trends == 2 ? best.trend.y : nil
    logLikelihood = best.logLikelihood
    crossValidation = best.crossValidation
    isRough = best.isRough
  }
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
