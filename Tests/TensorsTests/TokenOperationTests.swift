import Foundation
import Tensors
import Testing

/// Operations of transformers and of ConvNeXt, each with its derivative.
@Suite struct TokenOperationTests {
  /// An operation on an input, contiguous or some of the channels of a wider buffer, and on parameters.
  private func check(
    _ shape: [Int], _ parameters: [[Int]] = [], seed: Int,
    _ operation: @escaping (Tape, Variable, [Parameter]) -> Variable, _ reference: @escaping ([[Double]]) -> [Double],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let inputs = ([shape] + parameters).enumerated().map { randomValues($1.reduce(1, *), seed + $0) }
    let cotangent = randomValues(reference(inputs.map { $0.map(Double.init) }).count, seed + 50)
    for (margin, threads) in [(0, 1), (5, 3)] {
      expectDerivative(
        of: inputs, cotangent: cotangent, reference: reference,
        operation: {
          let engine = Engine(threads: threads), tape = Tape(engine: engine, isRecording: true)
          let c = shape.last!, view = engine.zeros(shape.dropLast() + [c + margin]).slice(channels: 0..<c)
          for i in inputs[0].indices { view.base[i / c * view.stride + i % c] = inputs[0][i] }
          let input = tape.input(view)
          let bound = zip(parameters, inputs.dropFirst()).map { boundParameter(engine, $0, $1) }
          // Twice, so that gradients add up.
          let y = tape.scale(tape.add(operation(tape, input, bound), operation(tape, input, bound)), by: 0.5)
          tape.backward(from: y, gradient: engine.tensor(y.value.shape, cotangent))
          return Differentiated(
            output: y.value.values(), gradients: [input.gradientValues] + bound.map(\.gradientValues))
        }, sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: [4, 16, 37]) func layerNorm(channels c: Int) {
    check([2, 3, c], [[c], [c]], seed: 200, { $0.layerNorm($1, weight: $2[0], bias: $2[1], epsilon: 1e-3) }) { v in
      (0..<6).flatMap { (row: Int) -> [Double] in
        let x = Array(v[0][row * c..<(row + 1) * c]), mean: Double = x.reduce(0, +) / Double(c)
        let variance: Double = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(c)
        let deviation = (variance + 1e-3).squareRoot()
        return x.indices.map { (i: Int) -> Double in (x[i] - mean) / deviation * v[1][i] + v[2][i] }
      }
    }
  }

  private static func gelu(_ x: Double) -> Double { 0.5 * x * erfc(-x / 2.0.squareRoot()) }

  @Test(arguments: [4, 22]) func gates(channels c: Int) {
    check([3, 2, c], seed: 210, { tape, x, _ in tape.gelu(x) }) { $0[0].map(Self.gelu) }
    check([3, 2, c], seed: 211, { tape, x, _ in tape.geglu(x) }) { v in
      (0..<6).flatMap { (row: Int) -> [Double] in
        (0..<c / 2).map { (i: Int) -> Double in v[0][row * c + i] * Self.gelu(v[0][row * c + c / 2 + i]) }
      }
    }
  }

  /// Far from 0, where tails are small, to 2e-7.
  @Test func geluIsExact() {
    let x = (-1200...1200).map { Float($0) / 100 }, engine = Engine(threads: 1)
    let tape = Tape(engine: engine, isRecording: false)
    let y = tape.gelu(tape.constant(engine.tensor([x.count], x))).value.values()
    for (x, y) in zip(x, y) { #expect(abs(Double(y) - Self.gelu(Double(x))) < 2e-7 * max(1, abs(Double(x)))) }
  }

  /// Two groups of three tokens in each of two samples, two heads of three pairs.
  @Test func rotation() {
    let angles = (0..<2).map { (n: Int) -> [[Double]] in
      (0..<2).map { (group: Int) -> [Double] in (0..<3).map { Double(n + 1) * 0.7 + Double(group * $0) } }
    }
    check([2, 6, 12], seed: 220, { tape, x, _ in tape.rotate(x, angles: angles, heads: 2) }) { v in
      (0..<144).map { (i: Int) -> Double in
        let n = i / 72, token = i / 12 % 6, pair = i % 6 / 2
        let angle: Double = angles[n][token / 3][pair]
        let first: Double = v[0][i - i % 2], second: Double = v[0][i - i % 2 + 1]
        return i % 2 == 0 ? first * cos(angle) - second * sin(angle) : first * sin(angle) + second * cos(angle)
      }
    }
  }

  @Test(arguments: [(1, 3, 5), (7, 9, 20), (7, 5, 16), (3, 12, 18)]) func depthwise(k: Int, width: Int, c: Int) {
    let height = 4
    check(
      [2, height, width, c], [[k, k, c], [c]], seed: 230,
      { $0.depthwiseConvolution($1, weight: $2[0], bias: $2[1]) }
    ) { v in
      (0..<2 * height * width * c).map { (i: Int) -> Double in
        let channel = i % c, x = i / c % width, y = i / c / width % height, n = i / c / width / height
        var sum = v[2][channel]
        for ky in 0..<k {
          for kx in 0..<k {
            let (row, column) = (y + ky - k / 2, x + kx - k / 2)
            guard (0..<height).contains(row), (0..<width).contains(column) else { continue }
            let place = (n * height + row) * width + column, tap = ky * k + kx
            sum += v[0][place * c + channel] * v[1][tap * c + channel]
          }
        }
        return sum
      }
    }
  }

  @Test(arguments: [3, 18]) func globalResponse(channels c: Int) {
    check([2, 3, 2, c], [[c], [c]], seed: 240, { $0.globalResponseNorm($1, weight: $2[0], bias: $2[1]) }) { v in
      (0..<2).flatMap { n -> [Double] in
        let x = Array(v[0][n * 6 * c..<(n + 1) * 6 * c])
        let norms = (0..<c).map { (channel: Int) -> Double in
          let own: [Double] = (0..<6).map { x[$0 * c + channel] }
          return own.reduce(0) { $0 + $1 * $1 }.squareRoot()
        }
        let mean: Double = norms.reduce(0, +) / Double(c) + 1e-6
        return x.indices.map { (i: Int) -> Double in
          let share: Double = v[1][i % c] * norms[i % c] / mean
          return x[i] * (1 + share) + v[2][i % c]
        }
      }
    }
  }

  /// Strides, even kernels, and padding on one side alone; a linear layer behind them is a convolution.
  @Test(arguments: [
    PatchGrid(kernel: 2, stride: 2), PatchGrid(kernel: 4, stride: 4), PatchGrid(kernel: 3, stride: 2, after: 1),
    PatchGrid(kernel: 4, stride: 2, before: 1, after: 1), PatchGrid(kernel: 6, stride: 2, before: 2, after: 2),
  ]) func patches(_ grid: PatchGrid) {
    let (height, width, c) = (8, 4, 3)
    let rows = grid.count(along: height), columns = grid.count(along: width)
    let k = grid.kernel
    func place(_ i: Int) -> (map: Int, patch: Int)? {
      let channel = i % c, kx = i / c % k, ky = i / c / k % k, at = i / c / k / k
      let column = at % columns, row = at / columns % rows, n = at / columns / rows
      let y = row * grid.stride + ky - grid.before, x = column * grid.stride + kx - grid.before
      guard (0..<height).contains(y), (0..<width).contains(x) else { return nil }
      return (((n * height + y) * width + x) * c + channel, i)
    }
    let count = 2 * rows * columns * k * k * c
    check([2, height, width, c], seed: 250, { tape, x, _ in tape.patches(x, grid) }) { v in
      (0..<count).map { place($0).map { v[0][$0.map] } ?? 0 }
    }
    check(
      [2, rows, columns, k * k * c], seed: 251,
      { tape, x, _ in tape.assemble(x, grid, height: height, width: width) }
    ) { v in
      var map = [Double](repeating: 0, count: 2 * height * width * c)
      for i in 0..<count { if let place = place(i) { map[place.map] += v[0][place.patch] } }
      return map
    }
    check(
      [1, height, width, c], [[k, k, c, 2], [2]], seed: 252,
      { tape, x, parameters in
        tape.linear(tape.patches(x, grid), weight: parameters[0], bias: parameters[1])
      }
    ) { v in
      (0..<rows * columns).flatMap { (at: Int) -> [Double] in
        (0..<2).map { (out: Int) -> Double in
          var sum: Double = v[2][out]
          for tap in 0..<k * k * c {
            guard let place = place(at * k * k * c + tap) else { continue }
            sum += v[0][place.map] * v[1][tap * 2 + out]
          }
          return sum
        }
      }
    }
  }

  /// The transpose of a strided convolution: what its linear layer gives, laid over each other.
  @Test(arguments: [4, 6]) func transposedConvolution(k: Int) {
    let (rows, columns, input, output) = (3, 2, 5, 3)
    let grid = PatchGrid(kernel: k, stride: 2, before: k / 2 - 1, after: k / 2 - 1)
    check(
      [2, rows, columns, input], [[k, k, output, input], [output]], seed: 260,
      { tape, x, parameters in
        tape.transposedConvolution(
          x, weight: parameters[0], bias: parameters[1], grid, height: 2 * rows, width: 2 * columns)
      }
    ) { v in
      let (values, weights, offsets) = (v[0], v[1], v[2])
      var map: [Double] = (0..<8 * rows * columns * output).map { offsets[$0 % output] }
      for at in 0..<2 * rows * columns * k * k {
        let tap = at % (k * k), place = at / (k * k) % (rows * columns), n = at / (k * k * rows * columns)
        let y = place / columns * 2 + tap / k - grid.before, x = place % columns * 2 + tap % k - grid.before
        guard (0..<2 * rows).contains(y), (0..<2 * columns).contains(x) else { continue }
        let pixel = (n * 2 * rows + y) * 2 * columns + x, source = (n * rows * columns + place) * input
        for out in 0..<output {
          for i in 0..<input {
            map[pixel * output + out] += weights[(tap * output + out) * input + i] * values[source + i]
          }
        }
      }
      return map
    }
  }

  /// Errors that have kinks, away from them.
  @Test func absoluteErrors() {
    let target = randomValues(2 * 3 * 4 * 2, 270).map { $0 + 0.003 }
    func index(_ n: Int, _ y: Int, _ x: Int, _ c: Int) -> Int { ((n * 3 + y) * 4 + x) * 2 + c }
    func errors(_ v: [[Double]]) -> [Double] { zip(v[0], target).map { $0 - Double($1) } }
    func absolute(_ v: [[Double]]) -> [Double] {
      let e = errors(v).map { abs($0) }
      return [e[..<24].reduce(0, +) / 24, e[24...].reduce(0, +) / 24]
    }
    func differences(_ v: [[Double]]) -> [Double] {
      let e = errors(v)
      return (0..<2).map { (n: Int) -> Double in
        var sum = 0.0
        for c in 0..<2 {
          for y in 0..<3 { for x in 0..<3 { sum += abs(e[index(n, y, x + 1, c)] - e[index(n, y, x, c)]) } }
          for y in 0..<2 { for x in 0..<4 { sum += abs(e[index(n, y + 1, x, c)] - e[index(n, y, x, c)]) } }
        }
        return sum / 34
      }
    }
    let shape = [2, 3, 4, 2]
    check(
      shape, seed: 271,
      { tape, x, _ in tape.meanAbsoluteError(x, target: tape.engine.tensor(shape, target)) }, absolute)
    check(
      shape, seed: 272,
      { tape, x, _ in tape.differenceError(x, target: tape.engine.tensor(shape, target)) }, differences)
  }
}
