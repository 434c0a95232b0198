import CKernels
import Computing
import Foundation
import Tensors
import Testing

/// Every operation at random extents, its operands views of wider buffers, against its definition in double: the output,
/// and all gradients at once by the derivative along a random direction.
@Suite struct RandomShapeTests {
  /// A source of small numbers.
  private struct Draw {
    let seed: Int
    private var count = 0
    init(_ seed: Int) { self.seed = seed }
    mutating func callAsFunction(_ range: ClosedRange<Int>) -> Int {
      count += 1
      return range.lowerBound
        + RandomStream(seed: 99, purpose: .test).integer(below: range.count, sample: seed, step: count)
    }
  }

  /// An operation at drawn extents: inputs and parameters by shape, the definition over inputs and parameters.
  private struct Trial {
    var inputs: [[Int]]
    var parameters: [[Int]] = []
    var operation: (Tape, [Variable], [Parameter]) -> Variable
    var reference: ([[Double]]) -> [Double]
  }

  private func view(_ engine: Engine, _ shape: [Int], _ values: [Float], _ draw: inout Draw) -> Tensor {
    let before = draw(0...3), wide = engine.zeros(shape.dropLast() + [shape.last! + before + draw(0...3)])
    let view = wide.slice(channels: before..<before + shape.last!)
    for i in values.indices { view.base[i / view.channels * view.stride + i % view.channels] = values[i] }
    return view
  }

  private func check(_ trial: Trial, _ draw: inout Draw, sourceLocation: SourceLocation = #_sourceLocation) {
    let shapes = trial.inputs + trial.parameters
    let values = shapes.enumerated().map { randomValues($1.reduce(1, *), 1000 * draw.seed + $0) }
    let engine = Engine(threads: 1 + draw.seed % 3), tape = Tape(engine: engine, isRecording: true)
    let inputs = trial.inputs.indices.map { tape.input(view(engine, shapes[$0], values[$0], &draw)) }
    let parameters = trial.parameters.indices.map {
      boundParameter(engine, trial.parameters[$0], values[inputs.count + $0])
    }
    let y = trial.operation(tape, inputs, parameters)
    let points = values.map { $0.map(Double.init) }, expected = trial.reference(points)
    #expect(relativeDifference(y.value.values().map(Double.init), expected) < 1e-5, sourceLocation: sourceLocation)
    let cotangent = randomValues(expected.count, 1000 * draw.seed + 100)
    tape.backward(from: y, gradient: view(engine, y.value.shape, cotangent, &draw))
    let gradients = inputs.map(\.gradientValues) + parameters.map(\.gradientValues)
    let directions = values.indices.map { randomValues(values[$0].count, 1000 * draw.seed + 200 + $0).map(Double.init) }
    func moved(_ step: Double) -> Double {
      let there = zip(points, directions).map { zip($0, $1).map { $0 + step * $1 } }
      return zip(trial.reference(there), cotangent).reduce(0) { $0 + $1.0 * Double($1.1) }
    }
    let numeric = (moved(1e-4) - moved(-1e-4)) / 2e-4
    var slope = 0.0, squares = 0.0
    for (gradient, direction) in zip(gradients.joined(), directions.joined()) {
      slope += Double(gradient) * direction
      squares += Double(gradient) * Double(gradient)
    }
    // A direction meets the gradient in one of its elements' size; float32 and the step leave 1e-6 of it.
    #expect(abs(slope - numeric) <= 2e-5 * squares.squareRoot(), sourceLocation: sourceLocation)
  }

  @Test(arguments: 0..<12) func convolution(seed: Int) {
    var draw = Draw(seed)
    let (n, h, w, from, to) = (draw(1...3), draw(1...19), draw(1...19), draw(1...21), draw(1...40))
    let (kernel, stride) = ([1, 3, 5, 9][draw(0...3)], draw(1...2))
    let shape = ck_convolution_shape(
      batch: n, height: h, width: w, in: from, out: to, kernel: kernel, stride: stride)
    let outputs = n * ck_convolution_out_height(shape) * ck_convolution_out_width(shape) * to
    let trial = Trial(
      inputs: [[n, h, w, from], [n, to]], parameters: [[kernel, kernel, from, to], [to]],
      operation: { $0.convolution($1[0], weight: $2[0], bias: $2[1], stride: stride, perSample: $1[1]) },
      reference: { v in
        var y = [Double](repeating: 0, count: outputs)
        ck_reference_convolution(&y, v[0], v[2], shape)
        return y.indices.map { (i: Int) -> Double in
          let channel = i % to, sample = i / (outputs / n)
          return y[i] + v[3][channel] + v[1][sample * to + channel]
        }
      })
    check(trial, &draw)
  }

  @Test(arguments: 0..<8) func linear(seed: Int) {
    var draw = Draw(seed)
    let (rows, from, to) = ([3, 64, 700, 5000][seed % 4], draw(1...150), draw(1...150))
    let trial = Trial(
      inputs: [[rows, from]], parameters: [[from, to], [to]],
      operation: { $0.linear($1[0], weight: $2[0], bias: $2[1]) },
      reference: { v in
        var y = [Double](repeating: 0, count: rows * to)
        ck_reference_linear(&y, v[0], v[1], v[2], rows, from, to)
        return y
      })
    check(trial, &draw)
  }

  @Test(arguments: 0..<8) func groupNorm(seed: Int) {
    var draw = Draw(seed)
    let groups = draw(1...4), c = groups * draw(1...9), (n, h, w) = (draw(1...3), draw(2...40), draw(1...40))
    let swish = seed % 2 == 0
    let trial = Trial(
      inputs: [[n, h, w, c]], parameters: [[c], [c]],
      operation: { $0.groupNorm($1[0], weight: $2[0], bias: $2[1], groups: groups, swish: swish) },
      reference: { v in
        var y = [Double](repeating: 0, count: v[0].count)
        ck_reference_group_norm(&y, v[0], v[1], v[2], n, h * w, c, groups, 1e-5, swish ? 1 : 0, nil, 1)
        return y
      })
    check(trial, &draw)
  }

  @Test(arguments: 0..<10) func attention(seed: Int) {
    var draw = Draw(seed)
    let (n, heads, d, e) = (draw(1...2), draw(1...3), draw(1...6), draw(1...6))
    let queries = draw(1...300), keys = draw(1...300)
    let mask = seed % 2 == 0 ? nil : (0..<n * keys).map { _ in draw(0...2) > 0 }
    let trial = Trial(
      inputs: [[n, queries, heads * d], [n, keys, heads * d], [n, keys, heads * e]],
      operation: { tape, x, _ in
        tape.attention(queries: x[0], keys: x[1], values: x[2], heads: heads, keyMask: mask)
      },
      reference: {
        referenceAttention($0[0], $0[1], $0[2], batch: n, heads: heads, queries: queries, keys: keys, mask: mask)
      })
    check(trial, &draw)
  }

  @Test(arguments: 0..<6) func elementwise(seed: Int) {
    var draw = Draw(seed)
    let shape = [draw(1...3), draw(1...9), draw(1...9), draw(1...70)], c = shape[3],
      pixels = shape[0] * shape[1] * shape[2]
    func unary(_ operation: @escaping (Tape, Variable) -> Variable, _ reference: @escaping ([Double]) -> [Double]) {
      let trial = Trial(
        inputs: [shape], operation: { tape, x, _ in operation(tape, x[0]) }, reference: { reference($0[0]) })
      check(trial, &draw)
    }
    unary({ $0.swish($1) }, { (v: [Double]) -> [Double] in v.map { $0 / (1 + exp(-$0)) } })
    unary({ $0.scale($1, by: -1.5) }, { (v: [Double]) -> [Double] in v.map { -1.5 * $0 } })
    unary(
      { $0.softmax($1) },
      { (v: [Double]) -> [Double] in
        var y = v.map { exp($0) }
        for pixel in 0..<pixels {
          let own = pixel * c..<(pixel + 1) * c, sum = y[own].reduce(0, +)
          for i in own { y[i] /= sum }
        }
        return y
      })
    unary(
      { $0.upsampleNearest($1) },
      { (v: [Double]) -> [Double] in
        let (h, w) = (shape[1], shape[2])
        return (0..<4 * v.count).map { (i: Int) -> Double in
          let (pixel, channel) = (i / c, i % c)
          let (x, row) = (pixel % (2 * w), pixel / (2 * w))
          let (y, n) = (row % (2 * h), row / (2 * h))
          return v[((n * h + y / 2) * w + x / 2) * c + channel]
        }
      })
    unary(
      { $0.sum($1) },
      { (v: [Double]) -> [Double] in
        (0..<shape[0]).map { n in v[n * v.count / shape[0]..<(n + 1) * v.count / shape[0]].reduce(0, +) }
      })
    let target = randomValues(pixels * c, 50 + seed)
    unary(
      { $0.meanSquaredError($1, target: $0.engine.tensor(shape, target)) },
      { (v: [Double]) -> [Double] in
        let perSample = v.count / shape[0]
        let squares = v.indices.map { (v[$0] - Double(target[$0])) * (v[$0] - Double(target[$0])) }
        return (0..<shape[0]).map { n in
          squares[n * perSample..<(n + 1) * perSample].reduce(0, +) / Double(perSample)
        }
      })
  }

  @Test(arguments: 0..<6) func ofTwo(seed: Int) {
    var draw = Draw(seed)
    let shape = [draw(1...3), draw(1...9), draw(1...9), draw(1...70)], c = shape[3]
    let pixels = shape[0] * shape[1] * shape[2]
    let other = shape.dropLast() + [draw(1...30)], d = other[3]
    let joined = Trial(
      inputs: [shape, Array(other)], operation: { tape, x, _ in tape.concatenate(x[0], x[1]) },
      reference: { (v: [[Double]]) -> [Double] in
        (0..<pixels).flatMap { (pixel: Int) -> [Double] in
          Array(v[0][pixel * c..<(pixel + 1) * c]) + Array(v[1][pixel * d..<(pixel + 1) * d])
        }
      })
    check(joined, &draw)
    let sum = Trial(
      inputs: [shape, shape], operation: { tape, x, _ in tape.add(x[0], x[1]) },
      reference: { (v: [[Double]]) -> [Double] in zip(v[0], v[1]).map { $0 + $1 } })
    check(sum, &draw)
  }
}
