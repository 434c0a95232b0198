import CKernels

extension Tape {
  /// One-head self-attention over all pixels, out = softmax(q · k / sqrt(C)) v.
  ///
  /// - Parameter qkv: `[N, H, W, 3 C]`, queries, keys and values side by side.
  /// - Returns: `[N, H, W, C]`.
  public func attention(_ qkv: Variable) -> Variable {
    let packed = qkv.value
    let c = packed.channels / 3, pixels = packed.pixelsPerSample
    precondition(packed.channels == 3 * c, "queries, keys and values of equal width")
    let scale = 1 / Float(c).squareRoot()
    let weights = engine.tensor([packed.batch, pixels, pixels])
    let out = engine.tensor(packed.shape.dropLast() + [c])
    let rows = min(pixels, 128), blocks = (pixels + rows - 1) / rows
    engine.threads.run(packed.batch * blocks) { job, _ in
      let n = job / blocks, first = job % blocks * rows, count = min(rows, pixels - first)
      let q = packed.sample(n), p = weights.base + (n * pixels + first) * pixels
      ck_gemm(
        0, 1, count, pixels, c, scale, q + first * packed.stride, packed.stride, q + c,
        packed.stride, 0, p, pixels)
      ck_softmax_rows(p, count, pixels)
      ck_gemm(
        0, 0, count, c, pixels, 1, p, pixels, q + 2 * c, packed.stride, 0,
        out.sample(n) + first * c, c)
    }
    return output(out, inputs: [qkv]) { [engine] dy in
      guard qkv.needsGradient else { return }
      let own = engine.tensor(packed.shape)  // d qkv of this use
      let slopes = engine.tensor([packed.batch, pixels, pixels])
      engine.threads.run(packed.batch) { n, _ in
        let q = packed.sample(n), g = own.sample(n), stride = packed.channels
        let p = weights.base + n * pixels * pixels, s = slopes.base + n * pixels * pixels
        let incoming = dy.sample(n)
        ck_gemm(
          1, 0, pixels, c, pixels, 1, p, pixels, incoming, dy.stride, 0, g + 2 * c, stride)
        ck_gemm(
          0, 1, pixels, pixels, c, 1, incoming, dy.stride, q + 2 * c, packed.stride, 0, s, pixels)
        ck_softmax_rows_gradient(s, p, pixels, pixels)
        ck_gemm(0, 0, pixels, c, pixels, scale, s, pixels, q + c, packed.stride, 0, g, stride)
        ck_gemm(1, 0, pixels, c, pixels, scale, s, pixels, q, packed.stride, 0, g + c, stride)
      }
      qkv.receive(own, engine)
    }
  }

  /// Softmax over the last axis, `[rows, n]`.
  public func softmax(_ x: Variable) -> Variable {
    let y = engine.contiguousCopy(x.value)
    let n = y.channels
    engine.blocks(y.pixels, of: rowsPerBlock(n)) { range, _ in
      ck_softmax_rows(y.base + range.lowerBound * n, range.count, n)
    }
    return output(y, inputs: [x]) { [engine] dy in
      let slope = engine.contiguousCopy(dy)
      engine.blocks(y.pixels, of: rowsPerBlock(n)) { range, _ in
        let first = range.lowerBound * n
        ck_softmax_rows_gradient(slope.base + first, y.base + first, range.count, n)
      }
      x.receive(slope, engine)
    }
  }
}
