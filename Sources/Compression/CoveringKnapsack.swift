import NeuralNetworks

/// The 0-1 knapsack that covers: the set of least total value whose weights add up to at least a need (Algorithm 3 of
/// the paper).
///
/// Exact, by dynamic programming over the need divided by the greatest common divisor of the weights. Which items were
/// chosen is found by halving (Hirschberg 1975): the best share of the need for the first half of the items is where
/// the tables of the two halves add up to least, and each half is then solved for its own share. That takes two tables
/// and twice the time of one pass, O(items · need) time and O(need) memory, where a note of every decision would take
/// as many bits as there are items for each state.
public enum CoveringKnapsack {
  /// Solves it. The same input gives the same set on every machine.
  ///
  /// - Parameters:
  ///   - values: what each item costs, finite and not below 0.
  ///   - weights: what each item brings, above 0.
  ///   - need: what is to be covered.
  /// - Returns: the chosen items' places, rising; nil where all items together do not cover the need.
  public static func solve(values: [Double], weights: [Int], covering need: Int) -> [Int]? {
    precondition(values.count == weights.count, "a weight for each value")
    precondition(values.allSatisfy { $0 >= 0 && $0.isFinite }, "values are finite and not below 0")
    precondition(weights.allSatisfy { $0 > 0 }, "weights are above 0")
    guard need > 0 else { return [] }
    guard weights.reduce(0, +) >= need else { return nil }
    let divisor = weights.reduce(weights[0], greatestCommonDivisor)
    let items = Items(values: values, weights: weights.map { $0 / divisor })
    return items.best(values.indices, covering: (need - 1) / divisor + 1)
  }

  private struct Items {
    let values: [Double]
    let weights: [Int]

    /// The best set among a range of items that can cover `need`.
    func best(_ range: Range<Int>, covering need: Int) -> [Int] {
      guard need > 0 else { return [] }
      guard range.count > 1 else { return Array(range) }
      let middle = range.lowerBound + range.count / 2
      let (first, second) = (range.lowerBound..<middle, middle..<range.upperBound)
      let share = bestShare(first, second, need)
      return best(first, covering: share) + best(second, covering: need - share)
    }

    /// How much of the need the first half should cover; the least such share where several are best.
    private func bestShare(_ first: Range<Int>, _ second: Range<Int>, _ need: Int) -> Int {
      let (one, other) = (table(first, need), table(second, need))
      var (least, share) = (Double.infinity, 0)
      for part in 0...need where one[part] + other[need - part] < least {
        (least, share) = (one[part] + other[need - part], part)
      }
      return share
    }

    /// The least value that covers at least c, for c in 0...need; infinite where nothing does.
    private func table(_ range: Range<Int>, _ need: Int) -> [Double] {
      var table = [Double](repeating: .infinity, count: need + 1)
      table[0] = 0
      table.withUnsafeMutableBufferPointer { table in
        for item in range {
          let (value, weight) = (values[item], weights[item])
          for covered in stride(from: need, to: 0, by: -1) {
            table[covered] = min(table[covered], value + table[max(0, covered - weight)])
          }
        }
      }
      return table
    }
  }
}
