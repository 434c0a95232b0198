import CKernels

/// How a convolution is computed, by a rule over its shape (never by a timing: that would not be reproducible).
public enum ConvolutionAlgorithm: String, Sendable {
  /// 1×1, stride 1: the activations are a GEMM operand as they stand.
  case direct
  /// Rows gathered block by block, then a GEMM.
  case gathered
}

/// The extents of a 2-D convolution with padding `kernel / 2`.
public struct ConvolutionShape: Hashable, Sendable {
  /// Input rows and columns.
  public var height: Int, width: Int
  /// Input and output channels.
  public var input: Int, output: Int
  /// Kernel extent (odd) and stride.
  public var kernel: Int, stride: Int

  /// - Parameters:
  ///   - height: input rows.
  ///   - width: input columns.
  ///   - input: input channels.
  ///   - output: output channels.
  ///   - kernel: odd kernel extent.
  ///   - stride: 1 or more.
  public init(height: Int, width: Int, input: Int, output: Int, kernel: Int, stride: Int) {
    precondition(kernel % 2 == 1 && stride >= 1, "odd kernels, stride at least 1")
    self.height = height
    self.width = width
    self.input = input
    self.output = output
    self.kernel = kernel
    self.stride = stride
  }

  /// Output rows.
  public var outputHeight: Int { (height - 1) / stride + 1 }
  /// Output columns.
  public var outputWidth: Int { (width - 1) / stride + 1 }
  /// Multiply-accumulates for one sample.
  public var multiplyAccumulates: Int {
    outputHeight * outputWidth * kernel * kernel * input * output
  }
  /// The algorithm for this shape.
  public var algorithm: ConvolutionAlgorithm { kernel == 1 && stride == 1 ? .direct : .gathered }

  /// Rows of a gathered block: about 512 KiB, so that it stays in a core's cache beside the weights' panels.
  func blockRows(_ rowLength: Int) -> Int { min(1024, max(64, 131072 / rowLength / 16 * 16)) }
}

/// The taps that reach one parity class of input pixels in the input gradient: class (row, column) mod stride.
private struct TapClass {
  let row: Int, column: Int, height: Int, width: Int
  let taps: [Int]
  let offsets: [Int32]

  static func all(_ shape: ConvolutionShape) -> [TapClass] {
    let pad = shape.kernel / 2, step = shape.stride
    func reaching(_ parity: Int) -> [(tap: Int, offset: Int)] {
      (0..<shape.kernel).compactMap { tap in
        let distance = parity + pad - tap
        return distance % step == 0 ? (tap, distance / step) : nil
      }
    }
    var classes: [TapClass] = []
    for row in 0..<min(step, shape.height) {
      for column in 0..<min(step, shape.width) {
        let pairs = reaching(row).flatMap { y in reaching(column).map { x in (y, x) } }
        classes.append(
          TapClass(
            row: row, column: column, height: (shape.height - 1 - row) / step + 1,
            width: (shape.width - 1 - column) / step + 1,
            taps: pairs.map { $0.0.tap * shape.kernel + $0.1.tap },
            offsets: pairs.flatMap { [Int32($0.0.offset), Int32($0.1.offset)] }))
      }
    }
    return classes
  }
}

extension Tape {
  /// 2-D convolution, y = x * w + bias + perSample + residual, all sums fused into the output.
  ///
  /// - Parameters:
  ///   - x: `[N, H, W, Cin]`.
  ///   - weight: `[k, k, Cin, Cout]`, k odd.
  ///   - bias: `[Cout]`.
  ///   - stride: 1 or 2 (any, in fact); padding is k / 2.
  ///   - perSample: `[N, Cout]`, added at every pixel (the time embedding).
  ///   - residual: shaped like the output.
  ///   - destination: where to write the output: a view of a wider buffer, for instance.
  /// - Returns: `[N, H / stride, W / stride, Cout]`.
  public func convolution(
    _ x: Variable, weight: Parameter, bias: Parameter? = nil, stride: Int = 1,
    perSample: Variable? = nil, residual: Variable? = nil, into destination: Tensor? = nil
  ) -> Variable {
    let input = x.value
    precondition(
      input.shape.count == 4 && weight.shape[2] == input.channels,
      "\(weight.name) \(weight.shape) cannot follow \(input.shape)")
    let shape = ConvolutionShape(
      height: input.shape[1], width: input.shape[2], input: input.channels, output: weight.shape[3],
      kernel: weight.shape[0], stride: stride)
    let outputShape = [input.batch, shape.outputHeight, shape.outputWidth, shape.output]
    let y = destination ?? engine.tensor(outputShape)
    precondition(y.shape == outputShape, "\(weight.name): destination \(y.shape), not \(outputShape)")
    let kernels = ConvolutionKernels(shape: shape, engine: engine)
    kernels.forward(
      input, weight.weights, bias: bias?.weights, perSample: perSample?.value,
      residual: residual?.value, into: y)

    return output(
      y, inputs: [x, perSample, residual], parameters: [weight] + (bias.map { [$0] } ?? [])
    ) { [engine] dy in
      let wantsSums = perSample?.needsGradient ?? false
      if bias != nil || wantsSums {
        let sums = kernels.sampleSums(dy)  // [N, Cout]
        if let gradient = bias?.gradient {
          for n in 0..<dy.batch {
            ck_copy_rows(
              gradient.base, shape.output, sums.base + n * shape.output, shape.output, 1,
              shape.output, 1)
          }
        }
        if let perSample, wantsSums { perSample.receive(sums, engine) }
      }
      if let gradient = weight.gradient { kernels.weightGradient(input, dy, into: gradient.base) }
      if x.needsGradient {
        let (dx, accumulate) = x.gradientDestination(engine)
        kernels.inputGradient(dy, weight.weights, into: dx, accumulate: accumulate)
      }
      if let residual, residual.needsGradient { residual.receive(dy, engine) }
    }
  }
}

/// The three products of one convolution.
struct ConvolutionKernels {
  let shape: ConvolutionShape
  let engine: Engine

  private var forwardOffsets: [Int32] {
    let pad = shape.kernel / 2
    return (0..<shape.kernel).flatMap { ky in
      (0..<shape.kernel).flatMap { kx in [Int32(ky - pad), Int32(kx - pad)] }
    }
  }

  func forward(
    _ x: Tensor, _ weight: UnsafePointer<Float>, bias: UnsafePointer<Float>?, perSample: Tensor?,
    residual: Tensor?, into y: Tensor
  ) {
    let taps = shape.kernel * shape.kernel, rowLength = taps * shape.input
    let pixels = shape.outputHeight * shape.outputWidth
    let block = shape.blockRows(rowLength), blocks = (pixels + block - 1) / block
    let isDirect = shape.algorithm == .direct
    let scratch = isDirect ? nil : engine.pool.buffer(engine.threads.count * block * rowLength)
    let offsets = forwardOffsets
    engine.threads.run(x.batch * blocks) { job, worker in
      let n = job / blocks, first = job % blocks * block, count = min(block, pixels - first)
      let out = y.sample(n) + first * y.stride
      ck_fill_rows(
        out, y.stride, bias, perSample.map { $0.base + n * $0.stride },
        residual.map { $0.sample(n) + first * $0.stride }, residual?.stride ?? 0, count,
        shape.output)
      var rows = UnsafePointer(x.sample(n) + first * x.stride)
      if let scratch {
        let gathered = scratch.base + worker * block * rowLength
        ck_gather_taps(
          gathered, x.sample(n), shape.height, shape.width, shape.input, x.stride,
          shape.outputWidth, shape.stride, offsets, taps, first, count)
        rows = UnsafePointer(gathered)
      }
      ck_gemm(
        0, 0, count, shape.output, rowLength, 1, rows, isDirect ? x.stride : rowLength, weight,
        shape.output, 1, out, y.stride)
    }
  }

  func inputGradient(
    _ dy: Tensor, _ weight: UnsafePointer<Float>, into dx: Tensor, accumulate: Bool
  ) {
    for parity in TapClass.all(shape) {
      let rowLength = parity.taps.count * shape.output
      let pixels = parity.height * parity.width
      let isDirect = shape.algorithm == .direct, isDense = shape.stride == 1
      let block = shape.blockRows(max(1, rowLength)), blocks = (pixels + block - 1) / block
      let perWorker = block * (rowLength + shape.input)
      let scratch = engine.pool.buffer(isDirect ? 1 : engine.threads.count * perWorker)
      engine.threads.run(dy.batch * blocks) { job, worker in
        let n = job / blocks, first = job % blocks * block, count = min(block, pixels - first)
        let gathered = scratch.base + (isDirect ? 0 : worker * perWorker)
        if !isDirect {
          ck_gather_taps(
            gathered, dy.sample(n), shape.outputHeight, shape.outputWidth, shape.output, dy.stride,
            parity.width, 1, parity.offsets, parity.taps.count, first, count)
        }
        let target = isDense ? dx.sample(n) + first * dx.stride : gathered + block * rowLength
        let targetStride = isDense ? dx.stride : shape.input
        if parity.taps.isEmpty { target.update(repeating: 0, count: count * shape.input) }
        for (place, tap) in parity.taps.enumerated() {
          ck_gemm(
            0, 1, count, shape.input, shape.output, 1,
            isDirect ? dy.sample(n) + first * dy.stride : gathered + place * shape.output,
            isDirect ? dy.stride : rowLength, weight + tap * shape.input * shape.output,
            shape.output, place > 0 || (isDense && accumulate) ? 1 : 0, target, targetStride)
        }
        if !isDense {
          ck_scatter_class(
            dx.sample(n), shape.width, dx.stride, target, shape.input, parity.width, shape.stride,
            parity.row, parity.column, first, count, accumulate ? 1 : 0)
        }
      }
    }
  }

  /// Adds to dw `[k, k, Cin, Cout]`. A job owns one tap and a block of output channels and walks all pixels in
  /// order, so the sums do not depend on who runs it.
  func weightGradient(
    _ x: Tensor, _ dy: Tensor, into dw: UnsafeMutablePointer<Float>
  ) {
    let taps = shape.kernel * shape.kernel
    let pixels = shape.outputHeight * shape.outputWidth
    let block = shape.blockRows(shape.input), blocks = (pixels + block - 1) / block
    let columns = taps > 1 ? 256 : 64, columnBlocks = (shape.output + columns - 1) / columns
    let isDirect = shape.algorithm == .direct
    let scratch = engine.pool.buffer(isDirect ? 1 : engine.threads.count * block * shape.input)
    let offsets = forwardOffsets
    engine.threads.run(taps * columnBlocks) { job, worker in
      let tap = job / columnBlocks, column = job % columnBlocks * columns
      let width = min(columns, shape.output - column)
      let gathered = scratch.base + (isDirect ? 0 : worker * block * shape.input)
      for n in 0..<x.batch {
        for first in stride(from: 0, to: blocks * block, by: block) {
          let count = min(block, pixels - first)
          if !isDirect {
            offsets.withUnsafeBufferPointer {
              ck_gather_taps(
                gathered, x.sample(n), shape.height, shape.width, shape.input, x.stride,
                shape.outputWidth, shape.stride, $0.baseAddress! + 2 * tap, 1, first, count)
            }
          }
          ck_gemm(
            1, 0, shape.input, width, count, 1,
            isDirect ? x.sample(n) + first * x.stride : gathered,
            isDirect ? x.stride : shape.input, dy.sample(n) + first * dy.stride + column, dy.stride,
            1, dw + tap * shape.input * shape.output + column, shape.output)
        }
      }
    }
  }

  /// Sums of dy over the pixels of each sample, `[N, Cout]`.
  func sampleSums(_ dy: Tensor) -> Tensor {
    let channels = dy.channels, pixels = dy.pixelsPerSample
    let block = rowsPerBlock(channels), blocks = (pixels + block - 1) / block
    let partial = engine.tensor([dy.batch, blocks, channels])
    engine.threads.run(dy.batch * blocks) { job, _ in
      let first = job % blocks * block
      ck_channel_sums(
        partial.base + job * channels, dy.sample(job / blocks) + first * dy.stride, dy.stride,
        min(block, pixels - first), channels)
    }
    let sums = engine.tensor([dy.batch, channels])
    for n in 0..<dy.batch {
      ck_channel_sums(
        sums.base + n * channels, partial.base + n * blocks * channels, channels, blocks, channels)
    }
    return sums
  }
}
