import Metrics
import Testing

@Suite struct SummaryTests {
  @Test func meanAndStandardErrorByHand() {
    let summary = Summary([1, 2, 3, 6])
    // Deviations -2, -1, 0, 3: variance 14/3, over 4 values 7/6.
    #expect(summary.mean == 3 && summary.count == 4)
    #expect(abs((summary.standardError ?? 0) - (7.0 / 6).squareRoot()) < 1e-15)
  }

  @Test func fewValuesLeaveUnknownsUnknown() {
    #expect(Summary([]).mean == nil && Summary([]).standardError == nil)
    #expect(Summary([5]).mean == 5 && Summary([5]).standardError == nil)
  }

  @Test func pairingRemovesWhatIsCommon() {
    let hard = [10.0, 50, 30, 20], gains = [1.0, 1.2, 0.8, 1]
    let paired = Summary.pairedDifference(zip(hard, gains).map { $0 + $1 }, hard)
    #expect(abs((paired.mean ?? 0) - 1) < 1e-12)
    #expect((paired.standardError ?? 1) < 0.1)
    #expect((Summary(hard).standardError ?? 0) > 5)
  }
}
