import Compression
import Computing
import Foundation
import Models
import Testing

@Suite struct CoveringKnapsackTests {
  /// The least value of all sets that cover the need, by looking at every one.
  private func bruteForce(_ values: [Double], _ weights: [Int], _ need: Int) -> Double? {
    var least: Double?
    for set in 0..<1 << values.count {
      let members = values.indices.filter { set >> $0 & 1 == 1 }
      guard members.reduce(0, { $0 + weights[$1] }) >= need else { continue }
      least = min(least ?? .infinity, members.reduce(0) { $0 + values[$1] })
    }
    return least
  }

  /// 200 instances of up to 18 layers. Values are multiples of 1/1024, so that sums are exact in any order.
  @Test func equalsBruteForce() throws {
    let stream = RandomStream(seed: 11, purpose: .test)
    for instance in 0..<200 {
      let count = 1 + stream.integer(below: 18, sample: instance)
      let divisor = 1 + stream.integer(below: 7, sample: instance, step: 1)
      let draws = stream.bits(2 * count + 1, sample: instance, step: 2)
      // Some values are 0 or alike: ties.
      let values = (0..<count).map { Double(draws[$0] % 4096) / 1024 * (draws[$0] >> 30 == 0 ? 0 : 1) }
      let weights = (0..<count).map { divisor * (1 + Int(draws[count + $0] % 90)) }
      let total = weights.reduce(0, +)
      let need = Int(draws[2 * count] % UInt32(total + total / 8 + 2))
      let chosen = CoveringKnapsack.solve(values: values, weights: weights, covering: need)
      guard let best = bruteForce(values, weights, need) else {
        #expect(chosen == nil && need > total)
        continue
      }
      let found = try #require(chosen)
      #expect(found == Array(Set(found)).sorted())
      #expect(found.reduce(0) { $0 + weights[$1] } >= need)
      #expect(found.reduce(0) { $0 + values[$1] } == best, "instance \(instance)")
      #expect(CoveringKnapsack.solve(values: values, weights: weights, covering: need) == found)
    }
  }

  /// The paper preset at 35 %: 77 of 221 million parameters, under a second and within 100 MB.
  @Test func paperPreset() throws {
    let layers = CGDM.outline(.paper).prunable
    let values = RandomStream(seed: 5, purpose: .test).uniform(layers.count).map(Double.init)
    let total = CGDM.outline(.paper).total.parameters
    let need = Int((0.35 * Double(total)).rounded(.up))
    let before = try peakBytes()
    let clock = ContinuousClock(), begin = clock.now
    let chosen = try #require(
      CoveringKnapsack.solve(values: values, weights: layers.map(\.parameters), covering: need))
    let seconds = (clock.now - begin) / .seconds(1), bytes = try peakBytes() - before
    let gone = chosen.reduce(0) { $0 + layers[$1].parameters }
    #expect(gone >= need && gone < need + need / 20)
    #expect(seconds < 1, "\(seconds) s")
    #expect(bytes < 100_000_000, "\(bytes) bytes")
    // No single layer can stay, nor be exchanged for one that costs less and still covers the need.
    for one in chosen {
      #expect(gone - layers[one].parameters < need)
      for other in layers.indices where !chosen.contains(other) && values[other] < values[one] {
        #expect(gone - layers[one].parameters + layers[other].parameters < need)
      }
    }
  }

  @Test func nothingAndTooMuch() {
    #expect(CoveringKnapsack.solve(values: [1], weights: [5], covering: 0) == [])
    #expect(CoveringKnapsack.solve(values: [1], weights: [5], covering: 5) == [0])
    #expect(CoveringKnapsack.solve(values: [1], weights: [5], covering: 6) == nil)
    #expect(CoveringKnapsack.solve(values: [], weights: [], covering: 1) == nil)
  }

  /// The most memory that this process has held so far.
  private func peakBytes() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
    return 1024 * (try #require(line.split(separator: " ").compactMap { Int($0) }.first))
  }
}
