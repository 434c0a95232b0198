import Computing
import Foundation
import Metrics
import Testing

@Suite struct RankedProbabilityScoreTests {
  @Test(arguments: [-3.0, -0.4, 0, 0.7, 2.5])
  func theNormalFormulaEqualsItsDefiningIntegral(_ truth: Double) {
    // CRPS = integral of (F(x) - [x >= y])², midpoint rule over 12 deviations either side; its error is h²/24 times
    // the slope's change and h times the jump's share of a cell: below 1e-4 here.
    let mean = 0.3, deviation = 0.8, h = 1e-4
    var integral = 0.0
    for step in 0..<Int(20 / h) {
      let x = -10 + (Double(step) + 0.5) * h
      let below = 0.5 * erfc(-(x - mean) / (deviation * 2.0.squareRoot()))
      let jump = x >= truth ? 1.0 : 0
      integral += (below - jump) * (below - jump) * h
    }
    let score = rankedProbabilityScore(mean: mean, deviation: deviation, truth: truth)
    #expect(abs(score - integral) < 1e-4)
  }

  @Test func withoutDeviationItIsTheAbsoluteError() {
    #expect(rankedProbabilityScore(mean: 2, deviation: 0, truth: -1) == 3)
    #expect(rankedProbabilityScore(ensemble: [2], truth: -1) == 3)
    #expect(rankedProbabilityScore(ensemble: [2], truth: -1, fair: true) == 3)
  }

  @Test func anEnsembleByHand() {
    // Errors 1, 1, 3; pair distances 2, 4, 2.
    #expect(abs(rankedProbabilityScore(ensemble: [3, -1, 1], truth: 0) - (5.0 / 3 - 8.0 / 9)) < 1e-15)
    #expect(
      abs(rankedProbabilityScore(ensemble: [3, -1, 1], truth: 0, fair: true) - (5.0 / 3 - 8.0 / 6)) < 1e-15)
  }

  @Test func fairSmallEnsemblesScoreLikeTheDistribution() {
    // 4,000 ensembles of 4 from N(0, 1), truth 0.5: the mean's standard error is about 0.45 / sqrt(4000) = 0.007.
    let draws = RandomStream(seed: 5, purpose: .test).gaussian(16_000).map(Double.init)
    let scores = stride(from: 0, to: draws.count, by: 4).map {
      rankedProbabilityScore(ensemble: Array(draws[$0..<($0 + 4)]), truth: 0.5, fair: true)
    }
    let expected = rankedProbabilityScore(mean: 0, deviation: 1, truth: 0.5)
    #expect(abs((Summary(scores).mean ?? 0) - expected) < 0.03)
  }
}
