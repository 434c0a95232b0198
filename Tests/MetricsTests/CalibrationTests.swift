import Computing
import Essentials
import Metrics
import Testing
import TestSupport

@Suite struct CalibrationTests {
  /// Quantiles of 50, 90 and 95 %, and the probability of ± 1.3, from SciPy's stats.t.
  @Test(arguments: [
    (1, [1.0000000000000002, 6.313751514675037, 12.706204736174694], 0.5825711996796945),
    (2, [0.8164965809277261, 2.9199855803537242, 4.302652729749462], 0.6767529681839597),
    (3, [0.7648923284043444, 2.3533634348018233, 3.1824463052837078], 0.7155324912721029),
    (7, [0.7111417780817866, 1.8945786050900062, 2.364624251592784], 0.7652321646076228),
    (8, [0.7063866126448388, 1.8595480375308973, 2.306004135204166], 0.7701963750814746),
    (99, [0.6769759855461531, 1.6603911560169906, 1.9842169515864174], 0.8033804303565766),
  ])
  func studentsIntervalsEqualSciPys(_ degrees: Int, _ quantiles: [Double], _ probability: Double) {
    for (level, want) in zip([0.5, 0.9, 0.95], quantiles) {
      #expect(abs(centralQuantile(level, degreesOfFreedom: degrees) / want - 1) < 1e-8)
    }
    #expect(abs(centralProbability(1.3, degreesOfFreedom: degrees) - probability) < 1e-12)
  }

  @Test func manyDegreesAreNormal() {
    #expect(abs(centralQuantile(0.9) - 1.6448536269514722) < 1e-8)
    #expect(abs(centralQuantile(0.9, degreesOfFreedom: 5000) - centralQuantile(0.9)) < 1e-9)
    #expect(abs(centralQuantile(0.9, degreesOfFreedom: 999) - centralQuantile(0.9)) < 2e-3)
    #expect(centralQuantile(0) == centralQuantile(0, degreesOfFreedom: 3))
    #expect(centralProbability(.infinity, degreesOfFreedom: 3) == 1 && centralProbability(.infinity) == 1)
  }

  private static let side = 160
  private static let pixels = side * side

  private static func map(_ values: [Float]) -> ChannelFingerprint {
    ChannelFingerprint(rows: side, columns: side, values: values)
  }

  private static func gaussian(_ sample: Int) -> [Float] {
    RandomStream(seed: 5, purpose: .test).gaussian(pixels, sample: sample)
  }

  /// Five standard errors of a share of 25,600 pixels: 5 · 0.5 / 160.
  private static let shareTolerance = 0.0157

  /// A field with means, deviation 1.5 about them, and a truth drawn from it.
  private func field() throws -> (mean: [Float], truth: ChannelFingerprint, scale: GreyScale) {
    let mean = Self.gaussian(0).map { 10 * $0 - 90 }
    let truth = Self.map(zip(mean, Self.gaussian(1)).map { $0 + 1.5 * $1 })
    return (mean, truth, try GreyScale(of: truth))
  }

  @Test func aTrueNormalPredictionIsCalibrated() throws {
    let (mean, truth, scale) = try field()
    func metrics(_ deviation: Float) throws -> CalibrationMetrics {
      let spread = ChannelFingerprint(rows: Self.side, columns: Self.side, repeating: deviation)
      return try CalibrationMetrics(
        PredictedMap(mean: Self.map(mean), deviation: spread), truth: truth, scale: scale)
    }
    let right = try metrics(1.5)
    for (level, share) in zip(CalibrationMetrics.levels, right.coverage) {
      #expect(abs(share - level) < Self.shareTolerance, "\(level)")
    }
    // E CRPS = deviation / sqrt(pi); its own deviation a pixel is about 0.6 of the deviation.
    #expect(abs(right.crps - 1.5 / Double.pi.squareRoot()) < 5 * 0.9 / 160)
    #expect(abs(right.crpsGrey - right.crps * scale.factor) < 1e-12)
    #expect(right.deviation == 1.5 && abs(right.error - 1.5) < 0.035 && right.pixels == Self.pixels)
    let tooSure = try metrics(0.75)
    // Half the deviation: 2 Phi(z / 2) - 1 of the intervals.
    #expect(abs(try #require(tooSure.coverage(at: 0.9)) - 0.5892) < Self.shareTolerance)
    #expect(abs(try #require(tooSure.coverage(at: 0.5)) - 0.2641) < Self.shareTolerance)
    #expect(tooSure.crps > right.crps && tooSure.coverage(at: 0.33) == nil)
  }

  /// Few draws know their deviation badly: Student's intervals are right even for three.
  @Test(arguments: [3, 8])
  func theDeviationOfFewDrawsIsCalibrated(_ count: Int) throws {
    let (mean, truth, scale) = try field()
    let draws = (0..<count).map { draw in zip(mean, Self.gaussian(2 + draw)).map { $0 + 1.5 * $1 } }
    let averages = mean.indices.map { i in draws.reduce(Float(0)) { $0 + $1[i] } / Float(count) }
    let deviations = mean.indices.map { i -> Float in
      let squares = draws.reduce(Float(0)) { $0 + ($1[i] - averages[i]) * ($1[i] - averages[i]) }
      return (squares / Float(count - 1) * (1 + 1 / Float(count))).squareRoot()
    }
    let metrics = try CalibrationMetrics(
      PredictedMap(
        mean: Self.map(averages), deviation: Self.map(deviations), drawCount: count, draws: draws.map(Self.map)),
      truth: truth, scale: scale)
    for (level, share) in zip(CalibrationMetrics.levels, metrics.coverage) {
      #expect(abs(share - level) < Self.shareTolerance, "\(level)")
    }
    // The fair score of any number of draws is that of their distribution.
    #expect(abs(metrics.crps - 1.5 / Double.pi.squareRoot()) < 5 * 1.2 / 160)
  }

  /// A skewed distribution, on which intervals about the mean would fail.
  @Test func manyKeptDrawsCountByRank() throws {
    let count = CalibrationMetrics.rankedDraws
    let stream = RandomStream(seed: 6, purpose: .test)
    func skewed(_ sample: Int) -> ChannelFingerprint {
      Self.map(stream.gaussian(Self.pixels, sample: sample).map { $0 * $0 * abs($0) })
    }
    let truth = skewed(0), draws = (0..<count).map { skewed(1 + $0) }
    let flat = ChannelFingerprint(rows: Self.side, columns: Self.side, repeating: 1)
    let metrics = try CalibrationMetrics(
      PredictedMap(mean: flat, deviation: flat, drawCount: count, draws: draws), truth: truth,
      scale: GreyScale(of: truth))
    for (level, share) in zip(CalibrationMetrics.levels, metrics.coverage) {
      #expect(abs(share - level) < Self.shareTolerance, "\(level)")
    }
    let constant = ChannelFingerprint(rows: 1, columns: 2, repeating: 3)
    let equal = try CalibrationMetrics(
      PredictedMap(
        mean: constant, deviation: constant, drawCount: count, draws: Array(repeating: constant, count: count)),
      truth: constant, scale: GreyScale(of: truth))
    #expect(zip(equal.coverage, CalibrationMetrics.levels).allSatisfy { abs($0 - $1) < 1e-12 })
  }

  @Test func onlyCountedPixelsCountAndNonsenseIsAFault() throws {
    let truth = ChannelFingerprint(rows: 1, columns: 3, values: [0, 1, 2])
    let scale = try GreyScale(of: truth)
    let deviation = ChannelFingerprint(rows: 1, columns: 3, values: [.nan, 1, 0])
    let metrics = try CalibrationMetrics(
      PredictedMap(mean: truth, deviation: deviation), truth: truth, counted: Mask([false, true, true]), scale: scale)
    // Known exactly and right: in every interval.
    #expect(metrics.pixels == 2 && metrics.coverage.allSatisfy { $0 == 1 } && metrics.error == 0)
    func fault(_ deviation: ChannelFingerprint, _ counted: [Bool]?) -> Fault? {
      #expect(throws: Fault.self) {
        try CalibrationMetrics(
          PredictedMap(mean: truth, deviation: deviation), truth: truth, counted: counted.map { Mask($0) }, scale: scale
        )
      }
    }
    #expect(fault(deviation, nil)?.place == "row 0, column 0")
    #expect(fault(deviation, [false, false, false])?.what == "no pixel is left to compare")
    #expect(fault(ChannelFingerprint(rows: 3, columns: 1, repeating: 1), nil)?.expected == "1x3")
    #expect(fault(ChannelFingerprint(rows: 1, columns: 3, repeating: -1), nil) != nil)
  }
}
