import CKernels
import Foundation
import Tensors
import Testing

@Suite struct OperationTests {
  @Test func linear() {
    let x = randomValues(3 * 5, 1), w = randomValues(5 * 4, 2), b = randomValues(4, 3)
    let cotangent = randomValues(12, 4)
    expectDerivative(
      of: [x, w, b], cotangent: cotangent,
      reference: { v in
        var y = [Double](repeating: 0, count: 12)
        ck_reference_linear(&y, v[0], v[1], v[2], 3, 5, 4)
        return y
      },
      operation: {
        let engine = Engine(threads: 1), tape = Tape(engine: engine, isRecording: true)
        let input = tape.input(engine.tensor([3, 5], x))
        let weight = boundParameter(engine, [5, 4], w), bias = boundParameter(engine, [4], b)
        let y = tape.linear(input, weight: weight, bias: bias)
        tape.backward(from: y, gradient: engine.tensor([3, 4], cotangent))
        return Differentiated(
          output: y.value.values(),
          gradients: [input.gradientValues, weight.gradientValues, bias.gradientValues])
      })
  }

  /// With and without Swish and dropout; the dropped set is read off the output.
  @Test(arguments: [(false, Float(0)), (true, 0), (true, 0.4)]) func groupNorm(
    swish: Bool, rate: Float
  ) {
    let (n, pixels, c, groups) = (2, 12, 6, 3)
    let x = randomValues(n * pixels * c, 5).map { 3 * $0 + 2 }
    let gamma = randomValues(c, 6), beta = randomValues(c, 7)
    let cotangent = randomValues(x.count, 8)
    let engine = Engine(threads: 2), tape = Tape(engine: engine, isRecording: true)
    tape.dropoutKeys = DropoutKeys(seed: 1, step: 3, samples: [4, 9])
    let input = tape.input(engine.tensor([n, 3, 4, c], x))
    let weight = boundParameter(engine, [c], gamma), bias = boundParameter(engine, [c], beta)
    let y = tape.groupNorm(
      input, weight: weight, bias: bias, groups: groups, swish: swish,
      dropout: Dropout(rate: rate, layer: 2))
    let output = y.value.values()
    tape.backward(from: y, gradient: engine.tensor([n, 3, 4, c], cotangent))
    let mask = output.map { UInt8($0 == 0 ? 0 : 1) }
    if rate > 0 { #expect((30...110).contains(mask.count { $0 == 0 })) }  // 144 values at 0.4: 58 ± 6
    expectDerivative(
      of: [x, gamma, beta], cotangent: cotangent,
      reference: { v in
        var y = [Double](repeating: 0, count: x.count)
        ck_reference_group_norm(
          &y, v[0], v[1], v[2], n, pixels, c, groups, 1e-5, swish ? 1 : 0, mask, 1 / (1 - Double(rate)))
        return y
      },
      operation: {
        Differentiated(
          output: output,
          gradients: [input.gradientValues, weight.gradientValues, bias.gradientValues])
      })
  }

  /// A mean a thousand times the deviation must not cancel.
  @Test func groupNormFarFromZero() {
    let x = randomValues(256 * 4, 9).map { $0 + 1000 }
    let engine = Engine(threads: 1), tape = Tape(engine: engine, isRecording: false)
    let y = tape.groupNorm(
      tape.constant(engine.tensor([1, 16, 16, 4], x)),
      weight: boundParameter(engine, [4], [1, 1, 1, 1]),
      bias: boundParameter(engine, [4], [0, 0, 0, 0]), groups: 2, swish: false)
    var expected = [Double](repeating: 0, count: x.count)
    ck_reference_group_norm(
      &expected, x.map(Double.init), [1, 1, 1, 1], [0, 0, 0, 0], 1, 256, 4, 2, 1e-5, 0, nil, 1)
    // float32 holds 1000 to 3e-5, so a deviation of 1 to about 1e-4.
    #expect(relativeDifference(y.value.values().map(Double.init), expected) < 1e-4)
  }

  @Test(arguments: [1, 5, 150]) func attention(pixels: Int) {
    let (n, c) = (2, 4)
    let x = randomValues(n * pixels * 3 * c, 10), cotangent = randomValues(n * pixels * c, 11)
    func run() -> Differentiated {
      let engine = Engine(threads: 2), tape = Tape(engine: engine, isRecording: true)
      let input = tape.input(engine.tensor([n, 1, pixels, 3 * c], x))
      let y = tape.attention(input)
      tape.backward(from: y, gradient: engine.tensor([n, 1, pixels, c], cotangent))
      return Differentiated(output: y.value.values(), gradients: [input.gradientValues])
    }
    let reference: ([[Double]]) -> [Double] = { v in
      var y = [Double](repeating: 0, count: n * pixels * c)
      ck_reference_attention(&y, v[0], n, pixels, c)
      return y
    }
    if pixels <= 5 {
      expectDerivative(of: [x], cotangent: cotangent, reference: reference, operation: run)
    } else {  // several blocks: the output suffices
      let error = relativeDifference(
        run().output.map(Double.init), reference([x.map(Double.init)]))
      #expect(error < 1e-5)
    }
  }

  struct Simple: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var operation: @Sendable (Tape, Variable) -> Variable
    var reference: @Sendable ([Double]) -> [Double]
  }

  /// Input [2, 2, 4, 3]: sample 24 values, row 12, pixel 3.
  static let simple: [Simple] = [
    Simple(
      testDescription: "swish", operation: { $0.swish($1) },
      reference: { $0.map { $0 / (1 + exp(-$0)) } }),
    Simple(
      testDescription: "scale", operation: { $0.scale($1, by: -2.5) },
      reference: { $0.map { -2.5 * $0 } }),
    Simple(
      testDescription: "add, both sides the same variable", operation: { $0.add($1, $1) },
      reference: { $0.map { 2 * $0 } }),
    Simple(
      testDescription: "add, a branch", operation: { $0.add($0.scale($1, by: 3), $1) },
      reference: { $0.map { 4 * $0 } }),
    Simple(
      testDescription: "sum", operation: { $0.sum($1) },
      reference: { v in [v[0..<24].reduce(0, +), v[24..<48].reduce(0, +)] }),
    Simple(
      testDescription: "softmax", operation: { $0.softmax($1) },
      reference: { v in
        let powers = v.map { exp($0) }
        return v.indices.map { (i: Int) -> Double in
          let first = i / 3 * 3
          return powers[i] / (powers[first] + powers[first + 1] + powers[first + 2])
        }
      }),
    Simple(
      testDescription: "upsampling", operation: { $0.upsampleNearest($1) },
      reference: { v in
        (0..<2 * 4 * 8 * 3).map { (i: Int) -> Double in
          let (c, x, y, n) = (i % 3, i / 3 % 8, i / 24 % 4, i / 96)
          return v[n * 24 + y / 2 * 12 + x / 2 * 3 + c]
        }
      }),
    Simple(
      testDescription: "concatenation by copy",
      operation: { $0.concatenate($0.scale($1, by: 2), $1) },
      reference: { v in
        (0..<96).map { (i: Int) -> Double in
          let factor: Double = i % 6 < 3 ? 2 : 1
          return factor * v[i / 6 * 3 + i % 3]
        }
      }),
    Simple(
      testDescription: "mean squared error",
      operation: { $0.meanSquaredError($1, target: $0.engine.tensor([2, 2, 4, 3], randomValues(48, 20))) },
      reference: { v in
        let target = randomValues(48, 20).map(Double.init)
        let squares = zip(v, target).map { ($0 - $1) * ($0 - $1) }
        let sums: [Double] = [squares[0..<24].reduce(0, +), squares[24..<48].reduce(0, +)]
        return sums.map { $0 / 24 }
      }),
    Simple(
      testDescription: "mean squared error with factors",
      operation: {
        $0.meanSquaredError($1, target: $0.engine.tensor([2, 2, 4, 3], randomValues(48, 21)), factors: [3, 0.25])
      },
      reference: { v in
        let target = randomValues(48, 21).map(Double.init)
        let squares = zip(v, target).map { ($0 - $1) * ($0 - $1) }
        return [squares[0..<24].reduce(0, +) * 3 / 24, squares[24..<48].reduce(0, +) * 0.25 / 24]
      }),
    Simple(
      testDescription: "mean squared error with weights",
      operation: {
        $0.meanSquaredError(
          $1, target: $0.engine.tensor([2, 2, 4, 3], randomValues(48, 22)),
          weights: $0.engine.tensor([2, 2, 4, 3], randomValues(48, 23).map { $0 * $0 }))
      },
      reference: { v in
        let target = randomValues(48, 22).map(Double.init)
        let weights = randomValues(48, 23).map { Double($0 * $0) }
        let squares = v.indices.map { weights[$0] * (v[$0] - target[$0]) * (v[$0] - target[$0]) }
        return [squares[0..<24].reduce(0, +) / 24, squares[24..<48].reduce(0, +) / 24]
      }),
  ]

  @Test(arguments: simple) func derivative(_ simple: Simple) {
    let x = randomValues(48, 12)
    let cotangent = randomValues(simple.reference(x.map(Double.init)).count, 13)
    expectDerivative(
      of: [x], cotangent: cotangent, reference: { simple.reference($0[0]) },
      operation: {
        let engine = Engine(threads: 2), tape = Tape(engine: engine, isRecording: true)
        let input = tape.input(engine.tensor([2, 2, 4, 3], x))
        let y = simple.operation(tape, input)
        tape.backward(from: y, gradient: engine.tensor(y.value.shape, cotangent))
        return Differentiated(output: y.value.values(), gradients: [input.gradientValues])
      })
  }

  @Test func dropoutAlone() {
    let x = randomValues(4000, 14), cotangent = randomValues(4000, 15)
    let engine = Engine(threads: 1), tape = Tape(engine: engine, isRecording: true)
    let input = tape.input(engine.tensor([2, 20, 100], x))
    #expect(tape.dropout(input, Dropout(rate: 0.25, layer: 1)) === input, "inactive without keys")
    tape.dropoutKeys = DropoutKeys(seed: 5, step: 0, samples: [0, 1])
    let y = tape.dropout(input, Dropout(rate: 0.25, layer: 1))
    let output = y.value.values()
    tape.backward(from: y, gradient: engine.tensor([2, 20, 100], cotangent))
    let kept = output.map { $0 == 0 ? Float(0) : 4 / 3 }
    #expect(abs(Double(kept.count { $0 == 0 }) - 1000) < 6 * 27.4)  // binomial deviation 27.4
    #expect(relativeDifference(output.map(Double.init), zip(x, kept).map { Double($0 * $1) }) < 1e-6)
    #expect(
      relativeDifference(
        input.gradientValues.map(Double.init), zip(cotangent, kept).map { Double($0 * $1) }) < 1e-6)
  }

  /// Two producers that write side by side into one buffer, the second of them also used elsewhere: nothing is
  /// copied and all gradients arrive.
  @Test func concatenationWithoutCopy() {
    let x = randomValues(2 * 4 * 4 * 3, 16)
    let w = randomValues(3 * 2, 17), v = randomValues(3 * 5, 18)
    func gradients(joined: Bool) -> [[Float]] {
      let engine = Engine(threads: 1), tape = Tape(engine: engine, isRecording: true)
      let input = tape.input(engine.tensor([2, 4, 4, 3], x))
      let first = boundParameter(engine, [1, 1, 3, 2], w), second = boundParameter(engine, [1, 1, 3, 5], v)
      let joint = engine.tensor([2, 4, 4, 7])
      let skip = tape.convolution(
        input, weight: second, into: joined ? joint.slice(channels: 2..<7) : nil)
      let further = tape.scale(skip, by: 1.5)
      let left = tape.convolution(
        input, weight: first, into: joined ? joint.slice(channels: 0..<2) : nil)
      let both = tape.concatenate(left, skip)
      #expect((both.value.base == joint.base) == joined)
      let loss = tape.add(tape.sum(tape.swish(both)), tape.sum(tape.swish(further)))
      tape.backward(from: loss)
      return [input.gradientValues, first.gradientValues, second.gradientValues]
    }
    #expect(gradients(joined: true) == gradients(joined: false))
  }

  /// A parameter is announced once, after its last use has been differentiated.
  @Test func parameterReadiness() {
    let engine = Engine(threads: 1), tape = Tape(engine: engine, isRecording: true)
    let shared = boundParameter(engine, [2, 2], [1, 2, 3, 4])
    let late = boundParameter(engine, [2, 2], [1, 0, 0, 1])
    var announced: [Parameter] = []
    tape.onParameterReady = { announced.append($0) }
    let x = tape.input(engine.tensor([1, 2], [1, 1]))
    let y = tape.linear(tape.linear(x, weight: shared, bias: nil), weight: late, bias: nil)
    tape.backward(from: tape.sum(tape.linear(y, weight: shared, bias: nil)))
    #expect(announced.count == 2 && announced[0] === late && announced[1] === shared)
  }

  /// No buffer is asked of the system once a pass has been run.
  @Test func poolIsSteady() {
    let engine = Engine(threads: 2)
    let weight = boundParameter(engine, [3, 3, 8, 8], randomValues(576, 19))
    func pass() {
      let tape = Tape(engine: engine, isRecording: true)
      let x = tape.input(engine.zeros([2, 16, 16, 8]))
      tape.backward(from: tape.sum(tape.swish(tape.convolution(x, weight: weight))))
    }
    pass()
    let held = engine.pool.heldBytes
    for _ in 0..<3 { pass() }
    #expect(engine.pool.heldBytes == held)
  }
}
