import Foundation
import Tensors
import Testing

/// Operations of super-resolution and of latent variables, each with its derivative.
@Suite struct MapOperationTests {
  private static func index(_ n: Int, _ y: Int, _ x: Int, _ c: Int, _ shape: [Int]) -> Int {
    ((n * shape[1] + y) * shape[2] + x) * shape[3] + c
  }

  /// One operation on an input of its own shape, contiguous or some of the channels of a wider buffer.
  private func check(
    _ shape: [Int], seed: Int, spread: Float = 1, _ operation: @escaping (Tape, Variable) -> Variable,
    _ reference: @escaping ([Double]) -> [Double], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    // Away from the kinks at 0.
    let x = randomValues(shape.reduce(1, *), seed).map { spread * ($0 + ($0 < 0 ? -0.01 : 0.01)) }
    let cotangent = randomValues(reference(x.map(Double.init)).count, seed + 1)
    for margin in [0, 3] {
      expectDerivative(
        of: [x], cotangent: cotangent, reference: { reference($0[0]) },
        operation: {
          let engine = Engine(threads: 2), tape = Tape(engine: engine, isRecording: true)
          let c = shape.last!, view = engine.zeros(shape.dropLast() + [c + margin]).slice(channels: 0..<c)
          for i in x.indices { view.base[i / c * view.stride + i % c] = x[i] }
          let input = tape.input(view), y = operation(tape, input)
          tape.backward(from: y, gradient: engine.tensor(y.value.shape, cotangent))
          return Differentiated(output: y.value.values(), gradients: [input.gradientValues])
        }, sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: [3, 16, 21]) func rectifiers(channels: Int) {
    let shape = [2, 3, 3, channels]
    check(shape, seed: 70, { $0.rectify($1) }, { (v: [Double]) -> [Double] in v.map { max($0, 0) } })
    check(shape, seed: 71, { $0.rectify($1, slope: 0.2) }, { (v: [Double]) -> [Double] in v.map { max($0, 0.2 * $0) } })
    check(
      shape, seed: 72, { $0.rectify($0.scale($1, by: 2)) }, { (v: [Double]) -> [Double] in v.map { max(2 * $0, 0) } })
    check(shape, seed: 73, { $0.add($0.rectify($1, slope: -0.5), $1) }) { (v: [Double]) -> [Double] in
      v.map { (x: Double) -> Double in x > 0 ? 2 * x : 0.5 * x }
    }
  }

  /// The slope's gradient is that of all places, the same on any number of threads.
  @Test func learntSlope() {
    let count = 2 * 40 * 40 * 24
    let x = randomValues(count, 74), cotangent = randomValues(count, 75)
    let gradients = [1, 3].map { threads in
      let engine = Engine(threads: threads), tape = Tape(engine: engine, isRecording: true)
      let slope = boundParameter(engine, [1], [0.25])
      let y = tape.rectify(tape.constant(engine.tensor([2, 40, 40, 24], x)), slope: slope)
      #expect(y.value.values() == x.map { $0 > 0 ? $0 : 0.25 * $0 })
      tape.backward(from: y, gradient: engine.tensor(y.value.shape, cotangent))
      return slope.gradientValues[0]
    }
    let expected = zip(x, cotangent).reduce(0.0) { $0 + Double(min($1.0, 0)) * Double($1.1) }
    let size = zip(x, cotangent).reduce(0.0) { $0 + Double($1.0 * $1.0) * Double($1.1 * $1.1) }.squareRoot()
    #expect(gradients[0] == gradients[1] && abs(Double(gradients[0]) - expected) < 1e-5 * size)
  }

  @Test func softplus() {
    check(
      [5, 1], seed: 76, spread: 4, { $0.softplus($1) }, { (v: [Double]) -> [Double] in v.map { log(1 + exp($0)) } })
  }

  @Test func layout() {
    let (large, small) = ([2, 4, 6, 3], [2, 2, 3, 12])
    check(small, seed: 77, { $0.pixelShuffle($1) }) { (v: [Double]) -> [Double] in
      (0..<v.count).map { (i: Int) -> Double in
        let (c, x, y, n) = (i % 3, i / 3 % 6, i / 18 % 4, i / 72), corner = 2 * (y % 2) + x % 2
        return v[Self.index(n, y / 2, x / 2, 4 * c + corner, small)]
      }
    }
    check(large, seed: 78, { $0.averagePool($1) }) { (v: [Double]) -> [Double] in
      (0..<v.count / 4).map { (i: Int) -> Double in
        let (c, x, y, n) = (i % 3, i / 3 % 3, i / 9 % 2, i / 18)
        func at(_ down: Int, _ right: Int) -> Double { v[Self.index(n, 2 * y + down, 2 * x + right, c, large)] }
        return (at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)) / 4
      }
    }
    check(large, seed: 78, { $0.maxPool($1) }) { (v: [Double]) -> [Double] in
      (0..<v.count / 4).map { (i: Int) -> Double in
        let (c, x, y, n) = (i % 3, i / 3 % 3, i / 9 % 2, i / 18)
        func at(_ down: Int, _ right: Int) -> Double { v[Self.index(n, 2 * y + down, 2 * x + right, c, large)] }
        return max(max(at(0, 0), at(0, 1)), max(at(1, 0), at(1, 1)))
      }
    }
    check(large, seed: 79, { $0.meanOverPlaces($1) }) { (v: [Double]) -> [Double] in
      (0..<6).map { (i: Int) -> Double in
        let first = i / 3 * 72 + i % 3
        return stride(from: first, to: first + 72, by: 3).reduce(0.0) { $0 + v[$1] } / 24
      }
    }
    check(large, seed: 80, { $0.slice($1, channels: 1..<3) }) { (v: [Double]) -> [Double] in
      v.indices.filter { $0 % 3 > 0 }.map { v[$0] }
    }
  }

  @Test func edgeStrength() {
    let shape = [2, 4, 6, 3]
    check(shape, seed: 81, { $0.edgeStrength($1, epsilon: 0.3) }) { (v: [Double]) -> [Double] in
      (0..<90).map { (i: Int) -> Double in
        let (c, x, y, n) = (i % 3, i / 3 % 5, i / 15 % 3, i / 45), at = v[Self.index(n, y, x, c, shape)]
        let right: Double = v[Self.index(n, y, x + 1, c, shape)] - at
        let down: Double = v[Self.index(n, y + 1, x, c, shape)] - at
        return (right * right + down * down + 0.09).squareRoot()
      }
    }
  }

  /// Gaussians of two channels, some of whose log variances lie beyond what they are clamped to.
  @Test func gaussians() {
    let shape = [2, 2, 3, 4]
    func clamp(_ value: Double) -> Double { min(max(value, -10), 10) }
    let noise = randomValues(24, 82)
    func parts(_ v: [Double], _ i: Int) -> (mean: Double, logVariance: Double) {
      (v[i / 2 * 4 + i % 2], clamp(v[i / 2 * 4 + 2 + i % 2]))
    }
    for spread: Float in [1, 9] {
      check(
        shape, seed: 83, spread: spread, { $0.drawGaussian($1, noise: $0.engine.tensor([2, 2, 3, 2], noise)) },
        { (v: [Double]) -> [Double] in
          (0..<24).map { (i: Int) -> Double in
            let (mean, logVariance) = parts(v, i)
            return mean + exp(logVariance / 2) * Double(noise[i])
          }
        })
    }
    let other = randomValues(48, 85)
    func divergence(_ q: [Double], _ p: [Double]) -> [Double] {
      (0..<2).map { (n: Int) -> Double in
        (n * 12..<(n + 1) * 12).reduce(0.0) { (sum: Double, i: Int) -> Double in
          let (a, b) = (parts(q, i), parts(p, i)), ratio = a.logVariance - b.logVariance
          let square = (a.mean - b.mean) * (a.mean - b.mean) * exp(-b.logVariance)
          return sum + 0.5 * (exp(ratio) - ratio + square - 1)
        }
      }
    }
    func constant(_ tape: Tape) -> Variable { tape.constant(tape.engine.tensor(shape, other)) }
    let doubles = other.map(Double.init)
    for spread: Float in [1, 5] {
      check(shape, seed: 86, spread: spread, { $0.divergence(of: $1, from: constant($0)) }, { divergence($0, doubles) })
      check(shape, seed: 88, spread: spread, { $0.divergence(of: constant($0), from: $1) }, { divergence(doubles, $0) })
    }
  }
}
