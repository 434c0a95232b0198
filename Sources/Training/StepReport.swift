import MessagePassing
import Runs

/// What the ranks tell one another after a player's part of a step: each sample's loss and terms, and the wish to stop.
///
/// Samples stand at their place in the global batch and are added up in that order, so the sums do not depend on which
/// rank had which sample.
struct StepReport {
  private var values: [Double]
  private let batch: Int
  private let termCount: Int

  init(batch: Int, terms: Int) {
    self.batch = batch
    termCount = terms
    values = [Double](repeating: 0, count: batch * (1 + terms) + 1)
  }

  /// The mean over the global batch.
  var loss: Double { mean(0) }
  /// The means of the terms.
  var terms: [Double] { (0..<termCount).map { mean(1 + $0) } }
  /// Whether any rank wants to stop.
  var isStopWanted: Bool { values[values.count - 1] > 0 }

  /// Takes down what some of this rank's samples have.
  ///
  /// - Parameters:
  ///   - value: what the objective found.
  ///   - positions: the samples' places in the global batch.
  mutating func add(_ value: ObjectiveValue, at positions: [Int]) {
    precondition(
      value.losses.value.shape == [positions.count, 1] && value.terms.count == termCount,
      "a loss and \(termCount) terms for each of \(positions.count) samples")
    for (place, position) in positions.enumerated() {
      values[position] = Double(value.losses.value.base[place])
      for (index, term) in value.terms.enumerated() {
        values[(1 + index) * batch + position] = Double(term.base[place])
      }
    }
  }

  /// Collective: adds up what the ranks have.
  mutating func sum(over communicator: Communicator, wantsStop: Bool) throws {
    values[values.count - 1] = wantsStop ? 1 : 0
    values = try communicator.allReduce(values, .sum, checked: false)
  }

  private func mean(_ row: Int) -> Double {
    values[row * batch..<(row + 1) * batch].reduce(0, +) / Double(batch)
  }
}
