import Testing

@testable import Conditioning

@Suite struct TilePlanTests {
  /// What a network does that looks at one place alone, asked window by window.
  private func asked(_ plan: TilePlan, _ values: [Float], _ network: (Float) -> Float) -> [Float] {
    var sum = [Float](repeating: 0, count: values.count)
    for tile in plan.tiles {
      var seen = [Float](repeating: .nan, count: plan.tileRows * plan.tileColumns)
      seen.withUnsafeMutableBufferPointer { seen in
        values.withUnsafeBufferPointer { plan.gather(tile, $0, width: 1, into: seen.baseAddress!, stride: 1) }
      }
      let answer = seen.map(network)
      sum.withUnsafeMutableBufferPointer { sum in
        answer.withUnsafeBufferPointer { plan.add(tile, $0.baseAddress!, width: 1, to: sum) }
      }
    }
    return zip(sum, plan.scale).map(*)
  }

  @Test(arguments: [
    (16, 16, 16), (24, 16, 16), (64, 64, 16), (17, 33, 16), (5, 7, 16), (100, 130, 32), (16, 40, 8), (1, 1, 8),
  ])
  func windowsCoverAndBlend(rows: Int, columns: Int, size: Int) {
    let plan = TilePlan(rows: rows, columns: columns, size: size, step: 4)
    let values = (0..<rows * columns).map { Float($0 * 31 % 97) - 40 }
    let answer = asked(plan, values) { 2 * $0 + 1 }
    // Weights of one or four windows, each rounded.
    for (found, value) in zip(answer, values) { #expect(abs(found - (2 * value + 1)) < 2e-4) }
    for tile in plan.tiles { #expect(tile.row % 4 == 0 && tile.column % 4 == 0) }
    #expect(plan.tileRows % 4 == 0 && plan.tileRows <= size)
    #expect(plan.isWhole == (rows == size && columns == size))
    #expect(plan.scale.allSatisfy { $0.isFinite && $0 > 0 })
  }

  /// A network that answers with the window's own number would show every border of windows that do not overlap: blended,
  /// no step is larger than the ramp allows.
  @Test func answersThatDifferAreBlended() {
    let plan = TilePlan(rows: 64, columns: 16, size: 16, step: 4)
    var sum = [Float](repeating: 0, count: 64 * 16)
    sum.withUnsafeMutableBufferPointer { sum in
      for (number, tile) in plan.tiles.enumerated() {
        let answer = [Float](repeating: Float(number), count: 256)
        answer.withUnsafeBufferPointer { plan.add(tile, $0.baseAddress!, width: 1, to: sum) }
      }
    }
    let scale = plan.scale
    let column: [Float] = (0..<64).map { row in sum[row * 16 + 8] * scale[row * 16 + 8] }
    #expect(column.first == 0 && column.last == Float(plan.tiles.count - 1))
    let steps: [Float] = (1..<64).map { column[$0] - column[$0 - 1] }
    #expect(steps.allSatisfy { $0 >= -1e-6 && $0 < 0.5 })
  }

  @Test func onlyOneWindowWhereNoSizeIsGiven() {
    let plan = TilePlan(rows: 50, columns: 70, size: nil, step: 8)
    #expect(plan.tiles.count == 1 && plan.tileRows == 56 && plan.tileColumns == 72)
    let values = (0..<3500).map { Float($0) }
    // 3500 in float32 times one weight over the same weight.
    for (found, value) in zip(asked(plan, values) { $0 }, values) { #expect(abs(found - value) < 1e-3) }
  }
}
