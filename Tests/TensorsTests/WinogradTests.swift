import CKernels
import Computing
import Foundation
import Tensors
import Testing

/// F(4×4, 3×3) against the naive kernels in double.
@Suite struct WinogradTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var batch: Int, height: Int, width: Int, input: Int, output: Int
    var testDescription: String { "\(batch)x\(height)x\(width)x\(input)->\(output)" }
    var reference: ck_convolution_shape {
      ck_convolution_shape(
        batch: batch, height: height, width: width, in: input, out: output, kernel: 3, stride: 1)
    }
  }

  /// Odd maps, channels below and beyond a vector, several blocks of each of tiles, inputs and outputs, several
  /// chunks of tiles, weights transformed once and weights transformed as they are met.
  static let cases = [
    Case(batch: 2, height: 5, width: 6, input: 3, output: 4),
    Case(batch: 1, height: 3, width: 9, input: 17, output: 1),
    Case(batch: 3, height: 33, width: 40, input: 20, output: 24),
    Case(batch: 1, height: 8, width: 8, input: 200, output: 150),
    Case(batch: 2, height: 4, width: 8, input: 1024, output: 16),
    Case(batch: 2, height: 32, width: 32, input: 70, output: 66),
  ]

  private struct Products {
    var forward: [Float], inputGradient: [Float], weightGradient: [Float]
    var all: [[Float]] { [forward, inputGradient, weightGradient] }
  }

  private func products(_ c: Case, _ engine: Engine) -> Products {
    let tape = Tape(engine: engine, isRecording: true)
    let input = tape.input(
      engine.tensor(
        [c.batch, c.height, c.width, c.input], randomValues(c.batch * c.height * c.width * c.input, 1)))
    let weight = boundParameter(engine, [3, 3, c.input, c.output], randomValues(9 * c.input * c.output, 2))
    let y = tape.convolution(input, weight: weight)
    tape.backward(from: y, gradient: engine.tensor(y.value.shape, randomValues(y.value.count, 3)))
    return Products(
      forward: y.value.values(), inputGradient: input.gradientValues, weightGradient: weight.gradientValues)
  }

  private func naive(_ c: Case) -> [[Double]] {
    let x = randomValues(c.batch * c.height * c.width * c.input, 1).map(Double.init)
    let w = randomValues(9 * c.input * c.output, 2).map(Double.init)
    let g = randomValues(c.batch * c.height * c.width * c.output, 3).map(Double.init)
    var y = g, dx = x, dw = w
    ck_reference_convolution(&y, x, w, c.reference)
    ck_reference_convolution_input_gradient(&dx, g, w, c.reference)
    ck_reference_convolution_weight_gradient(&dw, g, x, c.reference)
    return [y, dx, dw]
  }

  /// Norm of the error below 2e-6 of the result's: twice what 1024 channels give. The plan asks for 1e-4 in gradients.
  @Test(arguments: cases) func equalsNaiveKernel(_ c: Case) {
    let fast = products(c, Engine(threads: 2))
    for (fast, naive) in zip(fast.all, naive(c)) {
      #expect(relativeDifference(fast.map(Double.init), naive) < 2e-6)
    }
  }

  /// The largest error of an output stays below 4e-5 sqrt(C) for operands of unit variance, whose outputs have a
  /// deviation of 3 sqrt(C): for outputs of unit variance that is 1.3e-5, whatever the number of channels.
  ///
  /// Bound: with E_ij² = sum over positions pq of (At_ip At_jq |Bt_p| |Bt_q| |G_p| |G_q|)², a relative rounding of
  /// deviation r in every transformed product gives output (i, j) of a tile a deviation of r E_ij for each root of a
  /// channel. For the points 0, ±0.625, ±1.5 the largest E is 24.5 and the root mean square 14.3 (94 and 32 for ±1,
  /// ±2). About ten roundings of 2^-24 / sqrt 3 meet in a product (r = 1.1e-7) and sums of 64 channels in order add
  /// as much again: 24.5 · 1.1e-7 · 2 · five deviations = 2.7e-5; half as much again for the tail of many outputs.
  @Test(arguments: cases) func largestError(_ c: Case) {
    let fast = products(c, Engine(threads: 1)).forward, exact = naive(c)[0]
    let largest = zip(fast, exact).reduce(0.0) { max($0, abs(Double($1.0) - $1.1)) }
    #expect(largest < 4e-5 * Double(c.input).squareRoot())
  }

  /// One thread and four, the same bits.
  @Test(arguments: cases) func threadsDoNotMatter(_ c: Case) {
    #expect(products(c, Engine(threads: 1)).all == products(c, Engine(threads: 4)).all)
  }

  /// The engine's choice is heeded: gathered and Winograd's agree to rounding, not to the bit.
  @Test func choice() {
    let c = Self.cases[2]
    let shape = ConvolutionShape(
      height: c.height, width: c.width, input: c.input, output: c.output, kernel: 3, stride: 1)
    #expect(shape.algorithm() == .winograd && shape.algorithm(.gathered) == .gathered)
    var other = shape
    other.height = 1
    #expect(other.algorithm() == .gathered)
    let fast = products(c, Engine(threads: 2))
    let plain = products(c, Engine(threads: 2, convolution: .gathered))
    for (fast, plain) in zip(fast.all, plain.all) {
      #expect(fast != plain && relativeDifference(fast.map(Double.init), plain.map(Double.init)) < 2e-6)
    }
  }

  /// Kept weights give the same bits, at the first evaluation and after, for another batch too, and also where there is no
  /// room for them.
  @Test(arguments: cases) func keptWeights(_ c: Case) {
    let engine = Engine(threads: 2)
    let weight = boundParameter(engine, [3, 3, c.input, c.output], randomValues(9 * c.input * c.output, 2))
    func forward(_ prepared: PreparedWeights?, batch: Int) -> [Float] {
      let tape = Tape(engine: engine, prepared: prepared)
      let shape = [batch, c.height, c.width, c.input]
      let input = tape.constant(engine.tensor(shape, randomValues(shape.reduce(1, *), 1)))
      return tape.convolution(input, weight: weight).value.values()
    }
    let kept = PreparedWeights(limitBytes: 1 << 30), none = PreparedWeights(limitBytes: 0)
    for batch in [c.batch, c.batch, c.batch + 1] {
      let plain = forward(nil, batch: batch)
      #expect(forward(kept, batch: batch) == plain && forward(none, batch: batch) == plain)
    }
    #expect(kept.heldBytes >= 36 * 4 * c.input * c.output && kept.leftOut == 0)
    #expect(none.heldBytes == 0 && none.leftOut == 1)
  }

  /// There is memory, and no more than the machine has.
  @Test func availableMemory() {
    #expect(SystemMemory.availableBytes() > 1 << 20)
    #expect(SystemMemory.availableBytes() <= ProcessInfo.processInfo.physicalMemory)
    let own = PreparedWeights(ranksOnNode: 1), shared = PreparedWeights(ranksOnNode: 1000)
    #expect(shared.limitBytes < own.limitBytes / 500)
  }

  /// <dy, F x> = <F' dy, x> = <dF, w>: the three products are one trilinear form, which no shared error of oracle and
  /// test can fake.
  @Test(arguments: cases) func transposes(_ c: Case) {
    let fast = products(c, Engine(threads: 2))
    func inner(_ a: [Float], _ b: [Float]) -> Double {
      zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    let forms = [
      inner(fast.forward, randomValues(fast.forward.count, 3)),
      inner(fast.inputGradient, randomValues(fast.inputGradient.count, 1)),
      inner(fast.weightGradient, randomValues(fast.weightGradient.count, 2)),
    ]
    // Each form sums `outputs` numbers of deviation 3 sqrt(C) whose errors are 1e-6 of that.
    let scale = 3 * Double(c.input * fast.forward.count).squareRoot()
    #expect(abs(forms[0] - forms[1]) < 1e-5 * scale && abs(forms[0] - forms[2]) < 1e-5 * scale)
  }
}
