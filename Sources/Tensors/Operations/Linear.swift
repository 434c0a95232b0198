import CKernels

extension Tape {
  /// y = x W + b over rows.
  ///
  /// Up to 64 rows (a time embedding), and what is small, are one product on one thread; others are cut into blocks
  /// that depend on the extents alone and go over all threads.
  ///
  /// - Parameters:
  ///   - x: `[..., in]`, every place a row.
  ///   - weight: `[in, out]`, or a kernel `[k, k, in, out]`, where each place is a patch of k · k pixels.
  ///   - bias: `[out]`.
  /// - Returns: `[..., out]`.
  public func linear(_ x: Variable, weight: Parameter, bias: Parameter?) -> Variable {
    let input = x.value
    let from = weight.shape.dropLast().reduce(1, *), to = weight.shape[weight.shape.count - 1]
    precondition(input.channels == from, "\(weight.name) \(weight.shape) after \(input.shape)")
    let shape = input.shape.dropLast() + [to], parameters = [weight] + (bias.map { [$0] } ?? [])
    guard input.count > 0 else { return nothing(Array(shape), inputs: [x], parameters: parameters) }
    let y = engine.tensor(Array(shape))
    let product = RowProduct(rows: input.pixels, from: from, to: to, engine: engine)
    product.forward(input, weight.weights, bias?.weights, into: y)
    let (weightGradient, biasGradient) = (gradient(of: weight), gradient(of: bias))
    return output(y, inputs: [x], parameters: parameters) {
      [engine] dy in
      if let gradient = biasGradient { product.addSums(dy, to: gradient) }
      if let gradient = weightGradient { product.weightGradient(input, dy, into: gradient.base) }
      if x.needsGradient {
        let (dx, accumulate) = x.gradientDestination(engine)
        product.inputGradient(dy, weight.weights, into: dx, accumulate: accumulate)
      }
    }
  }
}

/// The products of a linear layer, of whole sums cut into blocks of results.
struct RowProduct {
  let rows: Int, from: Int, to: Int
  let engine: Engine

  /// A block of results.
  private struct Block {
    let row: Int, column: Int, rows: Int, columns: Int
  }

  /// Whether products stay in one piece: waking threads, and reading operands again for each block, must pay.
  private var isWhole: Bool { rows <= 64 || rows * from * to <= 1 << 23 }

  /// Cuts results `[height, width]`: into large blocks, which read operands less often, but enough of them to keep all
  /// threads busy.
  private func blocks(_ height: Int, _ width: Int) -> [Block] {
    var (blockHeight, blockWidth) = isWhole ? (height, width) : (min(512, height), min(1024, width))
    func count(_ whole: Int, _ part: Int) -> Int { (whole + part - 1) / part }
    while !isWhole, count(height, blockHeight) * count(width, blockWidth) < 32 {
      if blockHeight > 128 {
        blockHeight = (blockHeight + 1) / 2
      } else if blockWidth > 256 {
        blockWidth = (blockWidth + 1) / 2
      } else {
        break
      }
    }
    return stride(from: 0, to: height, by: blockHeight).flatMap { row in
      stride(from: 0, to: width, by: blockWidth).map { column in
        Block(
          row: row, column: column, rows: min(blockHeight, height - row), columns: min(blockWidth, width - column))
      }
    }
  }

  func forward(_ x: Tensor, _ weight: UnsafePointer<Float>, _ bias: UnsafePointer<Float>?, into y: Tensor) {
    let blocks = blocks(rows, to)
    engine.threads.run(blocks.count) { job, _ in
      let block = blocks[job], out = y.base + block.row * y.stride + block.column
      ck_fill_rows(out, y.stride, bias.map { $0 + block.column }, nil, nil, 0, block.rows, block.columns)
      ck_gemm(
        0, 0, block.rows, block.columns, from, 1, x.base + block.row * x.stride, x.stride, weight + block.column, to, 1,
        out, y.stride)
    }
  }

  func addSums(_ dy: Tensor, to gradient: Tensor) {
    let sums: Tensor  // [1, out]
    if isWhole {
      sums = engine.tensor([1, to])
      ck_channel_sums(sums.base, dy.base, dy.stride, rows, to)
    } else {
      sums = sampleSums(dy.reshaped([1, rows, to]), engine)
    }
    ck_copy_rows(gradient.base, to, sums.base, to, 1, to, 1)
  }

  /// Where a gradient has too few elements for all threads, long sums are cut as well, and added up in order.
  func weightGradient(_ x: Tensor, _ dy: Tensor, into dw: UnsafeMutablePointer<Float>) {
    let blocks = blocks(from, to)
    let chunks = isWhole ? 1 : max(1, min(rows / 2048, 16 / blocks.count))
    let partial = chunks > 1 ? engine.pool.buffer(chunks * from * to) : nil
    engine.threads.run(blocks.count * chunks) { job, _ in
      let block = blocks[job / chunks], chunk = job % chunks
      let first = rows * chunk / chunks, count = rows * (chunk + 1) / chunks - first
      let out = partial.map { $0.base + chunk * from * to } ?? dw
      ck_gemm(
        1, 0, block.rows, block.columns, count, 1, x.base + first * x.stride + block.row, x.stride,
        dy.base + first * dy.stride + block.column, dy.stride, partial == nil ? 1 : 0,
        out + block.row * to + block.column, to)
    }
    guard let partial else { return }
    engine.blocks(from * to, of: 16384) { range, _ in
      for chunk in 0..<chunks {
        ck_copy_rows(
          dw + range.lowerBound, range.count, partial.base + chunk * from * to + range.lowerBound, range.count, 1,
          range.count, 1)
      }
    }
  }

  func inputGradient(_ dy: Tensor, _ weight: UnsafePointer<Float>, into dx: Tensor, accumulate: Bool) {
    let blocks = blocks(rows, from)
    engine.threads.run(blocks.count) { job, _ in
      let block = blocks[job]
      ck_gemm(
        0, 1, block.rows, block.columns, to, 1, dy.base + block.row * dy.stride, dy.stride, weight + block.column * to,
        to, accumulate ? 1 : 0, dx.base + block.row * dx.stride + block.column, dx.stride)
    }
  }
}
