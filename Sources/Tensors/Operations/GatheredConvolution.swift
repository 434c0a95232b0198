import CKernels

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

/// The products of a convolution as GEMMs over gathered rows, or over the maps as they stand where the kernel is 1×1.
struct GatheredKernels: ConvolutionKernels {
  let shape: ConvolutionShape
  let engine: Engine

  /// Rows of a gathered block: about 512 KiB, so that it stays in a core's cache beside the weights' panels.
  private func blockRows(_ rowLength: Int) -> Int { min(1024, max(64, 131072 / rowLength / 16 * 16)) }

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
    let block = blockRows(rowLength), blocks = (pixels + block - 1) / block
    let isDirect = shape.algorithm() == .direct
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
      let isDirect = shape.algorithm() == .direct, isDense = shape.stride == 1
      let block = blockRows(max(1, rowLength)), blocks = (pixels + block - 1) / block
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
    let block = blockRows(shape.input), blocks = (pixels + block - 1) / block
    let columns = taps > 1 ? 256 : 64, columnBlocks = (shape.output + columns - 1) / columns
    let isDirect = shape.algorithm() == .direct
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
}
