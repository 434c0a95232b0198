import CKernels

/// The products of a convolution of stride 1 that has few channels on one side, the narrow one.
///
/// What the k² taps see of the narrow side is a matrix of k² narrow rows, a column for each pixel; so each product is one of
/// matrices, block by block of rows. Where the output is the narrow side, input and output change places, and the taps their
/// order.
struct UnfoldedKernels: ConvolutionKernels {
  let shape: ConvolutionShape
  let engine: Engine

  private var isInputNarrow: Bool { shape.input <= shape.output }
  private var narrow: Int { min(shape.input, shape.output) }
  private var wide: Int { max(shape.input, shape.output) }
  private var taps: Int { shape.kernel * shape.kernel }
  /// Rows of the matrix that the taps see.
  private var seen: Int { taps * narrow }
  private var image: ck_unfolded {
    ck_unfolded(height: shape.height, width: shape.width, channels: narrow, kernel: shape.kernel)
  }
  /// Rows of an image in a block: about 2048 pixels.
  private var rows: Int { max(1, min(shape.height, 2048 / shape.width)) }
  private var blocks: Int { (shape.height + rows - 1) / rows }
  /// Rows that a block's rows are reached from.
  private var reach: Int { rows + shape.kernel - 1 }

  /// Calls with every block of rows of every image, and working memory.
  private func eachBlock(
    _ batch: Int, _ body: (_ n: Int, _ row: Int, _ rows: Int, _ scratch: UnsafeMutablePointer<Float>) -> Void
  ) {
    let room = seen * reach * shape.width
    let scratch = engine.pool.buffer(engine.threads.count * room)
    engine.threads.run(batch * blocks) { job, worker in
      let row = job % blocks * rows
      body(job / blocks, row, min(rows, shape.height - row), scratch.base + worker * room)
    }
  }

  /// `[seen, wide]`: the weights where the input is narrow, else with taps in reverse and channels exchanged.
  private func matrix(_ weight: UnsafePointer<Float>) -> (base: UnsafePointer<Float>, owner: Tensor?) {
    guard !isInputNarrow else { return (weight, nil) }
    let matrix = engine.tensor([seen, wide])
    eachPair { kernel, place in matrix.base[place] = weight[kernel] }
    return (UnsafePointer(matrix.base), matrix)
  }

  /// Places in `[k, k, in, out]` and in `[seen, wide]`, where the output is narrow.
  private func eachPair(_ body: (_ kernel: Int, _ place: Int) -> Void) {
    for tap in 0..<taps {
      for i in 0..<wide {
        for o in 0..<narrow { body((tap * wide + i) * narrow + o, ((taps - 1 - tap) * narrow + o) * wide + i) }
      }
    }
  }

  /// wide += (what the taps see of narrow)ᵀ · matrix.
  private func spread(
    _ narrow: Tensor, _ n: Int, _ row: Int, _ count: Int, _ matrix: UnsafePointer<Float>,
    into wide: Tensor, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let pixels = count * shape.width
    ck_unfold(scratch, pixels, narrow.sample(n), narrow.stride, image, row, count)
    ck_gemm(
      1, 0, pixels, self.wide, seen, 1, scratch, pixels, matrix, self.wide, 1,
      wide.sample(n) + row * shape.width * wide.stride, wide.stride)
  }

  /// narrow += what the taps give of matrix · wideᵀ.
  private func collect(
    _ wide: Tensor, _ n: Int, _ row: Int, _ count: Int, _ matrix: UnsafePointer<Float>,
    into narrow: Tensor, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let pad = shape.kernel / 2, first = max(0, row - pad), end = min(shape.height, row + count + pad)
    let pixels = (end - first) * shape.width
    ck_gemm(
      0, 1, seen, pixels, self.wide, 1, matrix, self.wide, wide.sample(n) + first * shape.width * wide.stride,
      wide.stride, 0, scratch, pixels)
    ck_fold(narrow.sample(n), narrow.stride, scratch, pixels, image, row, count, first)
  }

  func forward(
    _ x: Tensor, _ weight: UnsafePointer<Float>, bias: UnsafePointer<Float>?, perSample: Tensor?, residual: Tensor?,
    into y: Tensor
  ) {
    let start = startingValues(bias, perSample, batch: x.batch), (matrix, owner) = matrix(weight)
    eachBlock(x.batch) { n, row, count, scratch in
      let first = row * shape.width
      ck_fill_rows(
        y.sample(n) + first * y.stride, y.stride, start.map { UnsafePointer($0.sample(n)) }, nil,
        residual.map { UnsafePointer($0.sample(n) + first * $0.stride) }, residual?.stride ?? 0, count * shape.width,
        shape.output)
      if isInputNarrow {
        spread(x, n, row, count, matrix, into: y, scratch)
      } else {
        collect(x, n, row, count, matrix, into: y, scratch)
      }
    }
    withExtendedLifetime(owner) {}
  }

  func inputGradient(_ dy: Tensor, _ weight: UnsafePointer<Float>, into dx: Tensor, accumulate: Bool) {
    let (matrix, owner) = matrix(weight)
    eachBlock(dy.batch) { n, row, count, scratch in
      if !accumulate {
        let own = dx.sample(n) + row * shape.width * dx.stride
        ck_fill_rows(own, dx.stride, nil, nil, nil, 0, count * shape.width, shape.input)
      }
      if isInputNarrow {
        collect(dy, n, row, count, matrix, into: dx, scratch)
      } else {
        spread(dy, n, row, count, matrix, into: dx, scratch)
      }
    }
    withExtendedLifetime(owner) {}
  }

  /// Blocks go into a number of sums that depends on the shape alone; these are added in order.
  func weightGradient(_ x: Tensor, _ dy: Tensor, into dw: UnsafeMutablePointer<Float>) {
    let (few, many) = isInputNarrow ? (x, dy) : (dy, x)
    let jobs = x.batch * blocks, chunks = min(jobs, 16), size = seen * wide, room = seen * rows * shape.width
    let partial = engine.pool.buffer(chunks * size), scratch = engine.pool.buffer(engine.threads.count * room)
    engine.threads.run(chunks) { chunk, worker in
      let planes = scratch.base + worker * room, sums = partial.base + chunk * size
      let mine = jobs * chunk / chunks..<jobs * (chunk + 1) / chunks
      for job in mine {
        let (n, row) = (job / blocks, job % blocks * rows), count = min(rows, shape.height - row)
        let pixels = count * shape.width
        ck_unfold(planes, pixels, few.sample(n), few.stride, image, row, count)
        ck_gemm(
          0, 0, seen, wide, pixels, 1, planes, pixels, many.sample(n) + row * shape.width * many.stride, many.stride,
          job == mine.lowerBound ? 0 : 1, sums, wide)
      }
    }
    for chunk in 1..<max(1, chunks) { ck_copy_rows(partial.base, size, partial.base + chunk * size, size, 1, size, 1) }
    if isInputNarrow {
      ck_copy_rows(dw, size, partial.base, size, 1, size, 1)
    } else {
      eachPair { kernel, place in dw[kernel] += partial.base[place] }
    }
  }
}
