import CKernels

/// Taps and the targets that they reach: all of a convolution's, or in its input gradient those that reach one parity
/// class of input pixels, (row, column) mod stride.
private struct TapClass {
  let row: Int, column: Int, height: Int, width: Int
  let taps: [Int32]
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
            taps: pairs.map { Int32($0.0.tap * shape.kernel + $0.1.tap) },
            offsets: pairs.flatMap { [Int32($0.0.offset), Int32($0.1.offset)] }))
      }
    }
    return classes
  }

  /// Calls `body` with the kernel's view of one image under these taps.
  func withKernelView(
    _ x: UnsafePointer<Float>, height inputHeight: Int, width inputWidth: Int, stride: Int, step: Int,
    _ body: (UnsafePointer<ck_taps>) -> Void
  ) {
    offsets.withUnsafeBufferPointer { offsets in
      taps.withUnsafeBufferPointer { matrices in
        let view = ck_taps(
          x: x, height: inputHeight, width: inputWidth, stride: stride, target_width: width, step: step,
          taps: matrices.count, offsets: offsets.baseAddress, matrices: matrices.baseAddress)
        withUnsafePointer(to: view, body)
      }
    }
  }
}

/// The products of a convolution of any kernel and stride, tap by tap: see `ck_convolution.h`.
struct GatheredKernels: ConvolutionKernels {
  let shape: ConvolutionShape
  let engine: Engine

  private var forwardTaps: TapClass {
    let pad = shape.kernel / 2
    let taps = (0..<shape.kernel * shape.kernel)
    return TapClass(
      row: 0, column: 0, height: shape.outputHeight, width: shape.outputWidth, taps: taps.map { Int32($0) },
      offsets: taps.flatMap { [Int32($0 / shape.kernel - pad), Int32($0 % shape.kernel - pad)] })
  }

  func forward(
    _ x: Tensor, _ weight: UnsafePointer<Float>, bias: UnsafePointer<Float>?, perSample: Tensor?,
    residual: Tensor?, into y: Tensor
  ) {
    if isOneProduct, perSample == nil, x.batch > 1 {
      return asOneImage(x.batch).forward(
        joined(x), weight, bias: bias, perSample: nil, residual: residual.map(joined), into: joined(y))
    }
    let start = startingValues(bias, perSample, batch: x.batch)
    product(
      x, height: shape.height, width: shape.width, forwardTaps, step: shape.stride, weight, transposed: false,
      (shape.input, shape.output)
    ) { n in
      ck_targets(
        y: y.sample(n), stride: y.stride, width: shape.outputWidth, row: 0, column: 0, step: 1,
        start: start.map { UnsafePointer($0.sample(n)) }, residual: residual.map { UnsafePointer($0.sample(n)) },
        residual_stride: residual?.stride ?? 0)
    }
  }

  /// A 1×1 kernel does not see where a sample ends: the rows of all meet each block of weights together.
  private var isOneProduct: Bool { shape.kernel == 1 && shape.stride == 1 }

  private func asOneImage(_ batch: Int) -> GatheredKernels {
    var tall = shape
    tall.height *= batch
    return GatheredKernels(shape: tall, engine: engine)
  }

  private func joined(_ x: Tensor) -> Tensor {
    x.reshaped([1, x.batch * x.shape[1], x.shape[2], x.channels])
  }

  /// Input pixels of one parity class (mod stride) meet the same taps: one product for each class.
  func inputGradient(
    _ dy: Tensor, _ weight: UnsafePointer<Float>, into dx: Tensor, accumulate: Bool
  ) {
    if isOneProduct, dy.batch > 1 {
      return asOneImage(dy.batch).inputGradient(joined(dy), weight, into: joined(dx), accumulate: accumulate)
    }
    for parity in TapClass.all(shape) {
      product(
        dy, height: shape.outputHeight, width: shape.outputWidth, parity, step: 1, weight, transposed: true,
        (shape.output, shape.input)
      ) { n in
        ck_targets(
          y: dx.sample(n), stride: dx.stride, width: shape.width, row: parity.row, column: parity.column,
          step: shape.stride, start: nil, residual: accumulate ? UnsafePointer(dx.sample(n)) : nil,
          residual_stride: dx.stride)
      }
    }
  }

  private func product(
    _ x: Tensor, height: Int, width: Int, _ taps: TapClass, step: Int, _ weight: UnsafePointer<Float>,
    transposed: Bool, _ channels: (inputs: Int, outputs: Int), targets: (_ sample: Int) -> ck_targets
  ) {
    let pixels = taps.height * taps.width
    let columns = CK_TAP_OUTPUTS, columnBlocks = (channels.outputs + columns - 1) / columns
    // Large blocks pack the weights less often; enough jobs keep all threads busy.
    var rows = CK_TAP_GROUP
    while rows > CK_TAP_ROWS, x.batch * columnBlocks * ((pixels + rows - 1) / rows) < 32 { rows /= 2 }
    let blocks = (pixels + rows - 1) / rows
    let scratch = engine.pool.buffer(engine.threads.count * ck_taps_scratch())
    engine.threads.run(x.batch * blocks * columnBlocks) { job, worker in
      let n = job / (blocks * columnBlocks), block = job % blocks, column = job / blocks % columnBlocks
      let first = pixels * block / blocks, count = pixels * (block + 1) / blocks - first
      taps.withKernelView(x.sample(n), height: height, width: width, stride: x.stride, step: step) { view in
        withUnsafePointer(to: targets(n)) { targets in
          ck_taps_product(
            view, targets, weight, transposed ? 1 : 0, channels.inputs, channels.outputs, first, count,
            column * columns, scratch.base + worker * ck_taps_scratch())
        }
      }
    }
  }

  /// A job owns one tap, a block of input and one of output channels, and a share of the pixels that depends on the
  /// shape alone; the shares are added in order.
  func weightGradient(_ x: Tensor, _ dy: Tensor, into dw: UnsafeMutablePointer<Float>) {
    let taps = forwardTaps, pixels = shape.outputHeight * shape.outputWidth
    let rows = CK_TAP_INPUTS, rowBlocks = (shape.input + rows - 1) / rows
    let columns = CK_TAP_OUTPUTS, columnBlocks = (shape.output + columns - 1) / columns
    let groups = taps.taps.count * rowBlocks * columnBlocks
    let segments = (pixels + 2047) / 2048, all = x.batch * segments  // 2048 pixels at most
    let chunks = min(all, (64 + groups - 1) / groups)
    let partial = engine.pool.buffer(groups * chunks * rows * columns)
    let scratch = engine.pool.buffer(engine.threads.count * ck_taps_scratch())
    func place(_ group: Int) -> (tap: Int, row: Int, column: Int) {
      (
        group / (rowBlocks * columnBlocks), group / columnBlocks % rowBlocks * rows,
        group % columnBlocks * columns
      )
    }
    engine.threads.run(groups * chunks) { job, worker in
      let (tap, row, column) = place(job / chunks), chunk = job % chunks
      let mine = all * chunk / chunks..<all * (chunk + 1) / chunks
      for segment in mine {
        let n = segment / segments, part = segment % segments
        let first = pixels * part / segments, count = pixels * (part + 1) / segments - first
        taps.withKernelView(
          x.sample(n), height: shape.height, width: shape.width, stride: x.stride, step: shape.stride
        ) { view in
          ck_taps_gradient(
            view, tap, dy.sample(n), dy.stride, shape.input, shape.output, first, count, row, column,
            partial.base + job * rows * columns, segment > mine.lowerBound ? 1 : 0,
            scratch.base + worker * ck_taps_scratch())
        }
      }
    }
    engine.threads.run(groups) { group, _ in
      let (tap, row, column) = place(group)
      for chunk in 0..<chunks {
        ck_add_block(
          dw + tap * shape.input * shape.output, partial.base + (group * chunks + chunk) * rows * columns,
          shape.input, shape.output, row, column)
      }
    }
  }
}
