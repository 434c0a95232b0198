import CKernels
import Computing
import NeuralNetworks
import Tensors
import Testing

@Suite struct OptimiserTests {
  private func arena() -> ParameterArena {
    let arena = ParameterArena([Parameter("a", [3], .scale), Parameter("b", [2, 2], .matrix)], isTrained: true)
    for (i, value) in [Float(0.5), -1, 2].enumerated() { arena.weights.base[i] = value }
    for i in 0..<4 { arena.weights.base[16 + i] = Float(i) }
    return arena
  }

  /// Two steps of AdamW against the definition in double.
  @Test func adamFollowsItsDefinition() throws {
    let arena = arena(), threads = Threads(count: 2)
    var rule = Optimiser.Rule()
    rule.weightDecay = 0.1
    let optimiser = Optimiser(arena, rule: rule)
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
      try optimiser.step(learningRate: 0.01, threads: threads)
    }
    for i in w.indices { #expect(abs(Double(arena.weights.base[i]) - w[i]) < 1e-6) }
  }

  /// A step of Muon against its definition in double, with the iteration on the matrix itself: one tall, one wide, one
  /// with sides that are no whole vectors. Vectors and narrow matrices go by Adam. The same bits for any threads.
  @Test func muonFollowsItsDefinition() throws {
    let shapes = [[3, 3, 8, 16], [8, 40], [23, 40], [1, 1, 23, 9], [70, 37], [16], [3, 3, 8, 4]]
    let kinds: [Int: Parameter.Kind] = [2: .matrix, 4: .kernel]
    func trained(threads count: Int, muon: Bool) throws -> ParameterArena {
      let arena = ParameterArena(
        shapes.enumerated().map { Parameter("p\($0)", $1, kinds[$1.count] ?? .scale) },
        isTrained: true)
      var rule = Optimiser.Rule()
      rule.kind = muon ? .muon : .adam
      rule.weightDecay = 0.1
      let optimiser = Optimiser(arena, rule: rule), threads = Threads(count: count)
      for step in 1...2 {
        for range in arena.ranges { for i in range { arena.gradients!.base[i] = gradient(i, step) } }
        try optimiser.step(learningRate: 0.01, gradientScale: step == 1 ? 0.5 : 1, threads: threads)
      }
      return arena
    }
    let muon = try trained(threads: 2, muon: true), alone = try trained(threads: 1, muon: true)
    let adam = try trained(threads: 2, muon: false)
    for i in 0..<muon.count { #expect(muon.weights.base[i] == alone.weights.base[i]) }
    for (range, shape) in zip(muon.ranges, shapes) {
      let columns = shape.last!, rows = range.count / columns
      guard shape.count > 1, min(rows, columns) >= 8 else {
        for i in range { #expect(muon.weights.base[i] == adam.weights.base[i]) }
        continue
      }
      var w = [Double](repeating: 0, count: range.count), m = w
      for step in 1...2 {
        let g = range.map { (step == 1 ? 0.5 : 1) * Double(gradient($0, step)) }
        m = zip(m, g).map { $0 + 0.05 * ($1 - $0) }
        let direction = orthogonalised(zip(g, m).map { $0 + 0.95 * ($1 - $0) }, rows, columns)
        let length = 0.01 * 0.2 * Double(max(rows, columns)).squareRoot()
        w = zip(w, direction).map { $0 - 0.01 * 0.1 * $0 - length * $1 }
      }
      for (i, expected) in zip(range, w) { #expect(abs(Double(muon.weights.base[i]) - expected) < 2e-6) }
    }
  }

  private func gradient(_ place: Int, _ step: Int) -> Float {
    RandomStream(seed: 5, purpose: .test).gaussian(1, sample: place, step: step)[0]
  }

  /// Five quintic Newton-Schulz iterations on the matrix itself.
  private func orthogonalised(_ matrix: [Double], _ rows: Int, _ columns: Int) -> [Double] {
    let norm = matrix.reduce(0) { $0 + $1 * $1 }.squareRoot()
    var x = matrix.map { $0 / norm }
    /// y = x xT z.
    func twice(_ z: [Double]) -> [Double] {
      var inner = [Double](repeating: 0, count: columns * columns), y = z.map { _ in 0.0 }
      for r in 0..<rows {
        for i in 0..<columns {
          for j in 0..<columns { inner[i * columns + j] += x[r * columns + i] * z[r * columns + j] }
        }
      }
      for r in 0..<rows {
        for i in 0..<columns {
          for j in 0..<columns { y[r * columns + j] += x[r * columns + i] * inner[i * columns + j] }
        }
      }
      return y
    }
    for _ in 0..<5 {
      let cubic = twice(x), quintic = twice(cubic)
      x = x.indices.map { 3.4445 * x[$0] - 4.7750 * cubic[$0] + 2.0315 * quintic[$0] }
    }
    return x
  }

  /// A rank-one matrix keeps its direction; zeros, and a momentum that has died away, make no NaN.
  @Test func polarFactorOfSpecialMatrices() {
    let rows = 40, columns = 24
    var scratch = [Float](repeating: 0, count: ck_polar_scratch(rows, columns))
    var zeros = [Float](repeating: 0, count: rows * columns)
    ck_polar_factor(&zeros, rows, columns, &scratch)
    #expect(zeros.allSatisfy { $0 == 0 })
    let faint = zeros.indices.map { $0 % 3 == 0 ? Float.leastNonzeroMagnitude : 0 }
    var faded = faint
    ck_polar_factor(&faded, rows, columns, &scratch)
    #expect(faded == faint)
    var one = (0..<rows * columns).map { Float($0 / columns - 7) * Float($0 % columns + 1) * 1e-20 }
    let before = one
    ck_polar_factor(&one, rows, columns, &scratch)
    let norm = one.reduce(0.0) { $0 + Double($1 * $1) }.squareRoot()
    #expect(norm > 0.6 && norm < 1.3)
    let dot = zip(one, before).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    let length = before.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    #expect(dot / (norm * length) > 0.999)
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
}
