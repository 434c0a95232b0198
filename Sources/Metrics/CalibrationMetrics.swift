import Essentials

/// What is predicted for each pixel of a map: a value, and how far off it may be.
public struct PredictedMap: Sendable {
  /// The map [dB].
  public var mean: ChannelFingerprint
  /// The standard deviation of what is predicted [dB].
  public var deviation: ChannelFingerprint
  /// Of how many draws the deviation is; 0 where it comes from a formula.
  public var drawCount: Int
  /// The draws themselves, where they are kept.
  public var draws: [ChannelFingerprint]

  /// - Parameters:
  ///   - mean: the map [dB].
  ///   - deviation: the standard deviation of what is predicted [dB], of the same shape.
  ///   - drawCount: of how many draws the deviation is; 0 where it comes from a formula.
  ///   - draws: the draws themselves, where they are kept.
  public init(
    mean: ChannelFingerprint, deviation: ChannelFingerprint, drawCount: Int = 0, draws: [ChannelFingerprint] = []
  ) {
    self.mean = mean
    self.deviation = deviation
    self.drawCount = drawCount
    self.draws = draws
  }

  /// Student's degrees of freedom: a deviation estimated from few draws is itself uncertain. Nil: normal.
  var degreesOfFreedom: Int? { drawCount > 1 ? drawCount - 1 : nil }

  /// Throws unless all maps have the truth's shape.
  fileprivate func requireShape(of truth: ChannelFingerprint) throws {
    for map in [mean, deviation] + draws where map.rows != truth.rows || map.columns != truth.columns {
      throw Fault(
        "what is predicted has the wrong shape", at: "predicted map",
        expected: "\(truth.rows)x\(truth.columns)", found: "\(map.rows)x\(map.columns)")
    }
  }
}

/// How well the uncertainty that a map comes with fits its errors.
public struct CalibrationMetrics: Codable, Equatable, Sendable {
  /// The probabilities of the central intervals in `coverage`: 5 %, 10 %, ... 95 %.
  public static let levels = (1...19).map { Double($0) / 20 }
  /// The least number of draws whose ranks resolve all levels: the outermost interval, from the least to the greatest of
  /// K draws, has probability (K - 1) / (K + 1).
  public static let rankedDraws = 39

  /// The share of pixels whose true value lies in the central interval of each level.
  ///
  /// Where at least ``rankedDraws`` draws are kept: by the truth's rank among them. Else the interval is the mean ± a
  /// quantile times the deviation: Student's for a deviation of draws, the normal one for that of a formula.
  public var coverage: [Double]
  /// The mean continuous ranked probability score [dB]: of the draws where two at least are kept (the fair form), else of
  /// the normal distribution.
  public var crps: Double
  /// The same on the scale of the map, 0...255.
  public var crpsGrey: Double
  /// The root of the mean predicted variance [dB].
  public var deviation: Double
  /// The root of the mean squared error of the mean [dB]; above `deviation`: the prediction is too sure.
  public var error: Double
  /// Pixels that were counted.
  public var pixels: Int

  /// The share of pixels in the central interval of one of the levels.
  public func coverage(at level: Double) -> Double? {
    Self.levels.firstIndex { abs($0 - level) < 1e-9 }.map { coverage[$0] }
  }

  /// Compares a prediction with the truth.
  ///
  /// - Parameters:
  ///   - predicted: map and uncertainty [dB].
  ///   - truth: the true map [dB].
  ///   - counted: pixels that count: leave out what is not valid, and what was measured and is known; nil: all.
  ///   - scale: what is 0 and what is 255 of this map.
  /// - Throws: `Fault` when shapes differ, no pixel counts, or a counted deviation is negative or not finite.
  public init(
    _ predicted: PredictedMap, truth: ChannelFingerprint, counted: Mask? = nil, scale: GreyScale
  ) throws {
    try predicted.requireShape(of: truth)
    let isRanked = predicted.draws.count >= Self.rankedDraws
    let quantiles = Self.levels.map { centralQuantile($0, degreesOfFreedom: predicted.degreesOfFreedom) }
    var covered = [Double](repeating: 0, count: Self.levels.count)
    var score = 0.0, variance = 0.0, squares = 0.0, pixels = 0
    for pixel in truth.values.indices where counted?[pixel] != false {
      let value = Double(truth.values[pixel]), mean = Double(predicted.mean.values[pixel])
      let deviation = Double(predicted.deviation.values[pixel])
      guard deviation >= 0, deviation.isFinite, mean.isFinite else {
        throw Fault(
          "what is predicted is no number", at: "row \(pixel / truth.columns), column \(pixel % truth.columns)",
          expected: "a value and a deviation from 0", found: "\(mean) ± \(deviation)")
      }
      let draws = predicted.draws.map { Double($0.values[pixel]) }
      score +=
        draws.count > 1
        ? rankedProbabilityScore(ensemble: draws, truth: value, fair: true)
        : rankedProbabilityScore(mean: mean, deviation: deviation, truth: value)
      if isRanked {
        Self.countRank(of: value, among: draws, in: &covered)
      } else {
        let distance = abs(value - mean)
        // The intervals are nested, so the levels that hold the value are the last ones.
        for level in quantiles.indices.reversed() {
          guard distance <= quantiles[level] * deviation else { break }
          covered[level] += 1
        }
      }
      variance += deviation * deviation
      squares += (value - mean) * (value - mean)
      pixels += 1
    }
    guard pixels > 0 else {
      throw Fault("no pixel is left to compare", at: "predicted map", expected: "one pixel at least")
    }
    let count = Double(pixels)
    coverage = covered.map { $0 / count }
    crps = score / count
    crpsGrey = crps * scale.factor
    deviation = (variance / count).squareRoot()
    error = (squares / count).squareRoot()
    self.pixels = pixels
  }

  /// Among K exchangeable draws the truth's rank is uniform: rank r stands for probabilities r / (K + 1) to (r + 1) / (K +
  /// 1), of which each level's interval takes its share. Values equal to the truth make it stand for all their ranks.
  private static func countRank(of value: Double, among draws: [Double], in covered: inout [Double]) {
    let below = draws.count { $0 < value }, equal = draws.count { $0 == value }
    let width = Double(draws.count + 1)
    let from = Double(below) / width, to = Double(below + equal + 1) / width
    for (index, level) in levels.enumerated() {
      let overlap = min(to, (1 + level) / 2) - max(from, (1 - level) / 2)
      covered[index] += max(overlap, 0) / (to - from)
    }
  }
}
