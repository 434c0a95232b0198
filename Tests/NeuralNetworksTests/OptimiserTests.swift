import NeuralNetworks
import Tensors
import Testing

@Suite struct OptimiserTests {
  private func arena() -> ParameterArena {
    let arena = ParameterArena([Parameter("a", [3]), Parameter("b", [2, 2])], isTrained: true)
    for (i, value) in [Float(0.5), -1, 2].enumerated() { arena.weights.base[i] = value }
    for i in 0..<4 { arena.weights.base[16 + i] = Float(i) }
    return arena
  }

  /// Two steps of AdamW against the definition in double.
  @Test func adamFollowsItsDefinition() {
    let arena = arena(), threads = Threads(count: 2)
    var rule = AdamOptimiser.Rule()
    rule.weightDecay = 0.1
    let optimiser = AdamOptimiser(arena, rule: rule)
    var w = (0..<arena.count).map { Double(arena.weights.base[$0]) }
    var m = [Double](repeating: 0, count: w.count), v = m
    for step in 1...2 {
      for i in 0..<arena.count {
        let g = i < 3 || (16..<20).contains(i) ? Double(i + 1) * (step == 1 ? 0.3 : -0.2) : 0
        arena.gradients!.base[i] = Float(g)
        m[i] = 0.9 * m[i] + 0.1 * g
        v[i] = 0.999 * v[i] + 0.001 * g * g
        w[i] -=
          0.01 * 0.1 * w[i]
          + 0.01 * (m[i] / (1 - [0.9, 0.81][step - 1]))
          / ((v[i] / (1 - [0.999, 0.998001][step - 1])).squareRoot() + 1e-8)
      }
      optimiser.step(learningRate: 0.01, threads: threads)
    }
    for i in w.indices { #expect(abs(Double(arena.weights.base[i]) - w[i]) < 1e-6) }
  }

  @Test func averageConverges() {
    let arena = arena(), threads = Threads(count: 1)
    let average = WeightAverage(arena)
    arena.weights.base[0] = 1.5
    average.update(decay: 0.75, threads: threads)
    #expect(average.weights.base[0] == 0.75)
    arena.exchangeWeights(with: average.weights)
    #expect(arena.weights.base[0] == 0.75 && average.weights.base[0] == 1.5)
  }

  @Test func normCountsAllGradients() {
    let arena = arena(), threads = Threads(count: 2)
    arena.gradients!.base[0] = 3
    arena.gradients!.base[17] = 4
    #expect(gradientNorm(arena, threads: threads) == 5)
    arena.gradients!.base[1] = .nan
    #expect(gradientNorm(arena, threads: threads).isNaN)
  }

  /// Rows or columns are orthonormal, whichever are fewer; a seed gives the same weights again.
  @Test(arguments: [[3, 3, 4, 8], [1, 1, 8, 24], [8, 8], [3, 3, 2, 200]])
  func orthogonal(shape: [Int]) throws {
    let arena = ParameterArena([Parameter("x.weight", shape)], isTrained: false)
    try Initialisation.orthogonal.apply(to: arena, seed: 4)
    let output = shape.last!, rest = shape.reduce(1, *) / output
    let w = arena.weights.base
    let few = min(output, rest), many = max(output, rest)
    for i in 0..<few {
      for j in 0..<few {
        let dot = (0..<many).reduce(0.0) { sum, k in
          output < rest
            ? sum + Double(w[k * output + i] * w[k * output + j])
            : sum + Double(w[i * output + k] * w[j * output + k])
        }
        #expect(abs(dot - (i == j ? 1 : 0)) < 1e-5)
      }
    }
  }

  @Test func biasesAndNorms() throws {
    let parameters = [
      Parameter("conv.weight", [1, 1, 4, 4]), Parameter("conv.bias", [4]), Parameter("norm.weight", [4]),
      Parameter("norm.bias", [4]),
    ]
    let arena = ParameterArena(parameters, isTrained: false)
    try Initialisation.kaiming.apply(to: arena, seed: 1)
    #expect(parameters[1].value!.values().allSatisfy { $0 != 0 && abs($0) < 0.5 })
    #expect(parameters[2].value!.values() == [1, 1, 1, 1] && parameters[3].value!.values() == [0, 0, 0, 0])
    try Initialisation.orthogonal.apply(to: arena, seed: 1)
    #expect(parameters[1].value!.values() == [0, 0, 0, 0])
  }

  @Test func diskLayoutRoundTrip() {
    let values = (0..<3 * 3 * 2 * 5).map(Float.init)
    var disk = values, back = values
    DiskLayout.write(values, [3, 3, 2, 5], to: &disk)
    #expect(disk[1] == values[10], "tap (0, 1) of input 0, output 0 follows tap (0, 0)")
    DiskLayout.read(disk, [3, 3, 2, 5], to: &back)
    #expect(back == values && DiskLayout.shape([3, 3, 2, 5]) == [5, 2, 3, 3])
  }
}
