import CKernels
import Tensors
import Testing

@Suite struct ConvolutionTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var batch = 2, height = 5, width = 6, input = 3, output = 4, kernel = 3, stride = 1
    var shape: ck_convolution_shape {
      ck_convolution_shape(
        batch: batch, height: height, width: width, in: input, out: output, kernel: kernel,
        stride: stride)
    }
    var outputHeight: Int { (height - 1) / stride + 1 }
    var outputWidth: Int { (width - 1) / stride + 1 }
    var testDescription: String { "\(batch)x\(height)x\(width)x\(input)->\(output) k\(kernel) s\(stride)" }
  }

  static let small: [Case] = [
    Case(), Case(stride: 2), Case(height: 4, width: 4, stride: 2), Case(kernel: 1), Case(kernel: 5),
    Case(kernel: 1, stride: 2), Case(height: 1, width: 1), Case(height: 7, width: 3, kernel: 5, stride: 3),
    Case(batch: 1, input: 1, output: 1), Case(input: 5, output: 6, kernel: 5),
    Case(height: 4, width: 3, input: 1, output: 5, kernel: 9),
    Case(height: 3, width: 7, input: 5, output: 2, kernel: 9),
  ]

  /// Output and all derivatives (input, weight, bias, time embedding, residual) against central differences in
  /// double on the naive kernel.
  @Test(arguments: small) func derivative(_ c: Case) {
    let outputs = c.batch * c.outputHeight * c.outputWidth * c.output
    let x = randomValues(c.batch * c.height * c.width * c.input, 1)
    let w = randomValues(c.kernel * c.kernel * c.input * c.output, 2)
    let b = randomValues(c.output, 3), e = randomValues(c.batch * c.output, 4)
    let r = randomValues(outputs, 5), cotangent = randomValues(outputs, 6)
    expectDerivative(
      of: [x, w, b, e, r], cotangent: cotangent,
      reference: { v in
        var y = [Double](repeating: 0, count: outputs)
        ck_reference_convolution(&y, v[0], v[1], c.shape)
        let perSample = outputs / c.batch
        return y.indices.map { i in
          y[i] + v[2][i % c.output] + v[3][i / perSample * c.output + i % c.output] + v[4][i]
        }
      },
      operation: {
        let engine = Engine(threads: 2), tape = Tape(engine: engine, isRecording: true)
        let input = tape.input(engine.tensor([c.batch, c.height, c.width, c.input], x))
        let embedding = tape.input(engine.tensor([c.batch, c.output], e))
        let shape = [c.batch, c.outputHeight, c.outputWidth, c.output]
        let residual = tape.input(engine.tensor(shape, r))
        let weight = boundParameter(engine, [c.kernel, c.kernel, c.input, c.output], w)
        let bias = boundParameter(engine, [c.output], b)
        let y = tape.convolution(
          input, weight: weight, bias: bias, stride: c.stride, perSample: embedding,
          residual: residual)
        tape.backward(from: y, gradient: engine.tensor(shape, cotangent))
        return Differentiated(
          output: y.value.values(),
          gradients: [
            input.gradientValues, weight.gradientValues, bias.gradientValues,
            embedding.gradientValues, residual.gradientValues,
          ])
      })
  }

  static let large: [Case] = [
    Case(batch: 3, height: 33, width: 40, input: 20, output: 24),
    Case(batch: 2, height: 32, width: 32, input: 16, output: 33, stride: 2),
    Case(batch: 2, height: 24, width: 24, input: 40, output: 300, kernel: 1),
    Case(batch: 2, height: 70, width: 65, input: 1, output: 24, kernel: 9),
    Case(batch: 2, height: 9, width: 300, input: 20, output: 2, kernel: 9),
  ]

  /// Shapes of several blocks and strided views, against the naive kernels; the same bits for any number of threads.
  @Test(arguments: large) func naiveAndFastAgree(_ c: Case) {
    let outputShape = [c.batch, c.outputHeight, c.outputWidth, c.output]
    let outputs = outputShape.reduce(1, *)
    let x = randomValues(c.batch * c.height * c.width * c.input, 7)
    let w = randomValues(c.kernel * c.kernel * c.input * c.output, 8)
    let g = randomValues(outputs, 9)
    func run(_ threads: Int, padding: Int) -> [[Float]] {
      let engine = Engine(threads: threads), tape = Tape(engine: engine, isRecording: true)
      let wide = engine.zeros([c.batch, c.height, c.width, c.input + padding])
      let narrow = wide.slice(channels: padding..<c.input + padding)
      for pixel in 0..<narrow.pixels {
        for channel in 0..<c.input {
          narrow.base[pixel * narrow.stride + channel] = x[pixel * c.input + channel]
        }
      }
      let input = tape.input(narrow)
      let weight = boundParameter(engine, [c.kernel, c.kernel, c.input, c.output], w)
      let joint = engine.zeros(outputShape.dropLast() + [c.output + padding])
      let y = tape.convolution(
        input, weight: weight, stride: c.stride, into: joint.slice(channels: 0..<c.output))
      tape.backward(from: y, gradient: engine.tensor(outputShape, g))
      return [y.value.values(), input.gradientValues, weight.gradientValues]
    }
    let single = run(1, padding: 0)
    #expect(run(4, padding: 5) == single)
    var y = [Double](repeating: 0, count: outputs)
    var dx = [Double](repeating: 0, count: x.count), dw = [Double](repeating: 0, count: w.count)
    let (xd, wd, gd) = (x.map(Double.init), w.map(Double.init), g.map(Double.init))
    ck_reference_convolution(&y, xd, wd, c.shape)
    ck_reference_convolution_input_gradient(&dx, gd, wd, c.shape)
    ck_reference_convolution_weight_gradient(&dw, gd, xd, c.shape)
    for (fast, naive) in zip(single, [y, dx, dw]) {
      #expect(relativeDifference(fast.map(Double.init), naive) < 2e-6)
    }
  }
}
