import CKernels

extension Tape {
  /// Self-attention over all pixels from one packed projection: in each head, softmax(q · k / sqrt(C / heads)) v.
  ///
  /// - Parameters:
  ///   - qkv: `[N, ..., 3 C]`, queries, keys and values side by side, each head's channels next to one another.
  ///   - heads: divides C.
  /// - Returns: `[N, ..., C]`.
  public func attention(_ qkv: Variable, heads: Int = 1) -> Variable {
    let packed = qkv.value, c = packed.channels / 3
    precondition(packed.channels == 3 * c, "queries, keys and values of equal width")
    guard packed.count > 0 else { return nothing(packed.shape.dropLast() + [c], inputs: [qkv]) }
    func part(_ place: Int, of tensor: Tensor) -> Tensor { tensor.slice(channels: place * c..<(place + 1) * c) }
    let kernels = AttentionKernels(
      queries: part(0, of: packed), keys: part(1, of: packed), values: part(2, of: packed), heads: heads, scale: nil,
      keyMask: nil, engine: engine)
    return output(kernels.forward(), inputs: [qkv]) { [engine] dy in
      let own = engine.tensor(packed.shape)  // d qkv of this use
      kernels.backward(dy, queries: part(0, of: own), keys: part(1, of: own), values: part(2, of: own))
      qkv.receive(own, engine)
    }
  }

  /// Attention of some tokens to others, or to themselves: in each head, softmax(scale q · k) v over all keys.
  ///
  /// Memory besides operands and results is linear in the tokens, forward and backward: what the softmax gave is
  /// computed again, block by block (Dao et al. 2022), which costs a seventh product beside six.
  ///
  /// - Parameters:
  ///   - queries: `[N, ..., heads · d]`, all axes between the first and the last being tokens.
  ///   - keys: `[N, ..., heads · d]`, of as many tokens as there are values.
  ///   - values: `[N, ..., heads · e]`.
  ///   - heads: each head's channels lie next to one another.
  ///   - scale: nil for 1 / sqrt(d).
  ///   - keyMask: `[N, keys]`, false where a key is padding (whose values must be finite); a sample without any key gets
  ///     zeros. Nil: all keys count.
  /// - Returns: `[N, ..., heads · e]`, tokens as in `queries`.
  public func attention(
    queries: Variable, keys: Variable, values: Variable, heads: Int, scale: Float? = nil, keyMask: [Bool]? = nil
  ) -> Variable {
    guard queries.value.batch > 0 else {
      return nothing(queries.value.shape.dropLast() + [values.value.channels], inputs: [queries, keys, values])
    }
    precondition(queries.value.count > 0 && keys.value.count > 0, "attention of tokens to tokens: one of each at least")
    let kernels = AttentionKernels(
      queries: queries.value, keys: keys.value, values: values.value, heads: heads, scale: scale, keyMask: keyMask,
      engine: engine)
    let all = [queries, keys, values]
    return output(kernels.forward(), inputs: all) { [engine] dy in
      // Of this use: the three may be the same variable.
      let own = all.map { $0.needsGradient ? engine.tensor($0.value.shape) : nil }
      kernels.backward(dy, queries: own[0], keys: own[1], values: own[2])
      for (variable, gradient) in zip(all, own) { if let gradient { variable.receive(gradient, engine) } }
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

/// The passes of one attention, a job for each block of a head of a sample; "pair" numbers samples and heads.
private struct AttentionKernels {
  private let q: Tensor, k: Tensor, v: Tensor
  private let heads: Int, scale: Float
  private let mask: [UInt8]?
  private let engine: Engine

  /// Tokens of a sample, channels of a head.
  private var queries: Int { q.pixelsPerSample }
  private var keys: Int { k.pixelsPerSample }
  private var width: Int { q.channels / heads }
  private var valueWidth: Int { v.channels / heads }
  private var pairs: Int { q.batch * heads }

  /// Query rows that are scored together.
  private static let rows = 128
  /// Sides up to which backward's products are not cut.
  private static let uncut = 256
  /// Floats of scores and their slopes that backward has in flight.
  private static let inFlight = 1 << 24

  init(
    queries: Tensor, keys: Tensor, values: Tensor, heads: Int, scale: Float?, keyMask: [Bool]?, engine: Engine
  ) {
    precondition(queries.channels == keys.channels, "queries \(queries.shape), keys \(keys.shape)")
    precondition(
      keys.batch == queries.batch && values.batch == keys.batch && keys.pixelsPerSample == values.pixelsPerSample,
      "queries \(queries.shape), keys \(keys.shape), values \(values.shape)")
    precondition(
      heads > 0 && queries.channels % heads == 0 && values.channels % heads == 0,
      "\(heads) heads of \(queries.channels) and \(values.channels) channels")
    precondition(keyMask.map { $0.count == keys.batch * keys.pixelsPerSample } ?? true, "a mask for each key")
    (q, k, v) = (queries, keys, values)
    self.heads = heads
    self.scale = scale ?? 1 / Float(queries.channels / heads).squareRoot()
    mask = keyMask.map { $0.map { $0 ? 1 : 0 } }
    self.engine = engine
  }

  /// A pair's first token in a tensor whose heads are `width` wide.
  private func start(_ x: Tensor, _ pair: Int, _ width: Int) -> UnsafeMutablePointer<Float> {
    x.sample(pair / heads) + pair % heads * width
  }

  /// softmax(scale q · k) of some of a pair's queries, `[count, keys]`, in blocks of `rows`.
  private func weights(_ pair: Int, _ first: Int, _ count: Int, into p: UnsafeMutablePointer<Float>) {
    for begin in stride(from: 0, to: count, by: Self.rows) {
      let some = min(Self.rows, count - begin), to = p + begin * keys
      ck_gemm(
        0, 1, some, keys, width, scale, start(q, pair, width) + (first + begin) * q.stride, q.stride,
        start(k, pair, width), k.stride, 0, to, keys)
      if let mask {
        mask.withUnsafeBufferPointer { ck_masked_softmax_rows(to, $0.baseAddress! + pair / heads * keys, some, keys) }
      } else {
        ck_softmax_rows(to, some, keys)
      }
    }
  }

  /// The output; each thread has room for the scores of one block of queries.
  func forward() -> Tensor {
    let out = engine.tensor(q.shape.dropLast() + [v.channels])
    let rows = min(queries, Self.rows), blocks = (queries + rows - 1) / rows
    let scratch = engine.pool.buffer(engine.threads.count * rows * keys)
    engine.threads.run(pairs * blocks) { job, worker in
      let pair = job / blocks, first = job % blocks * rows, count = min(rows, queries - first)
      let p = scratch.base + worker * rows * keys
      weights(pair, first, count, into: p)
      ck_gemm(
        0, 0, count, valueWidth, keys, 1, p, keys, start(v, pair, valueWidth), v.stride, 0,
        start(out, pair, valueWidth) + first * out.stride, out.stride)
    }
    return out
  }

  /// Some blocks of queries of some pairs: `[pairs, 2, rows, keys]`, weights, then slopes.
  private struct Part {
    var pairs: Range<Int>, rows: Range<Int>
    let scratch: UnsafeMutablePointer<Float>
    let room: Int, keys: Int

    func weights(_ pair: Int, _ row: Int) -> UnsafeMutablePointer<Float> {
      scratch + (2 * (pair - pairs.lowerBound) * room + row - rows.lowerBound) * keys
    }
    func slopes(_ pair: Int, _ row: Int) -> UnsafeMutablePointer<Float> { weights(pair, row) + room * keys }
  }

  /// The gradients that are wanted, each shaped like its operand. Blocks of queries come in order; keys and values add
  /// up over them, so that no sum depends on the number of threads.
  func backward(_ dy: Tensor, queries dq: Tensor?, keys dk: Tensor?, values dv: Tensor?) {
    let block = queries <= Self.uncut ? queries : Self.rows, blocks = (queries + block - 1) / block
    let together = max(1, Self.inFlight / (2 * block * keys))
    let pairsTogether = min(pairs, together), room = min(blocks, max(1, together / pairsTogether)) * block
    let scratch = engine.pool.buffer(2 * pairsTogether * room * keys)
    for firstPair in stride(from: 0, to: pairs, by: pairsTogether) {
      for first in stride(from: 0, to: queries, by: room) {
        let part = Part(
          pairs: firstPair..<min(pairs, firstPair + pairsTogether), rows: first..<min(queries, first + room),
          scratch: scratch.base, room: room, keys: keys)
        queryPass(part, block, dy, wantsSlopes: dq != nil || dk != nil, into: dq)
        keyPass(part, dy, keys: dk, values: dv)
      }
    }
  }

  /// Weights and slopes of a part, and the gradients of its queries.
  private func queryPass(_ part: Part, _ block: Int, _ dy: Tensor, wantsSlopes: Bool, into dq: Tensor?) {
    let blocks = (part.rows.count + block - 1) / block
    engine.threads.run(part.pairs.count * blocks) { job, _ in
      let pair = part.pairs.lowerBound + job / blocks, first = part.rows.lowerBound + job % blocks * block
      let count = min(block, part.rows.upperBound - first)
      let p = part.weights(pair, first), s = part.slopes(pair, first)
      weights(pair, first, count, into: p)
      guard wantsSlopes else { return }
      ck_gemm(
        0, 1, count, keys, valueWidth, 1, start(dy, pair, valueWidth) + first * dy.stride, dy.stride,
        start(v, pair, valueWidth), v.stride, 0, s, keys)
      ck_softmax_rows_gradient(s, p, count, keys)
      guard let dq else { return }
      ck_gemm(
        0, 0, count, width, keys, scale, s, keys, start(k, pair, width), k.stride, 0,
        start(dq, pair, width) + first * dq.stride, dq.stride)
    }
  }

  /// What a part adds to the gradients of keys and values, block of keys by block of keys.
  private func keyPass(_ part: Part, _ dy: Tensor, keys dk: Tensor?, values dv: Tensor?) {
    let block = keys <= Self.uncut ? keys : Self.rows, blocks = (keys + block - 1) / block
    let first = part.rows.lowerBound, beta: Float = first > 0 ? 1 : 0
    engine.threads.run(2 * part.pairs.count * blocks) { job, _ in
      let pair = part.pairs.lowerBound + job / (2 * blocks), key = job / 2 % blocks * block
      let count = min(block, keys - key)
      if job % 2 == 0, let dv {
        ck_gemm(
          1, 0, count, valueWidth, part.rows.count, 1, part.weights(pair, first) + key, keys,
          start(dy, pair, valueWidth) + first * dy.stride, dy.stride, beta,
          start(dv, pair, valueWidth) + key * dv.stride, dv.stride)
      } else if job % 2 == 1, let dk {
        ck_gemm(
          1, 0, count, width, part.rows.count, scale, part.slopes(pair, first) + key, keys,
          start(q, pair, width) + first * q.stride, q.stride, beta, start(dk, pair, width) + key * dk.stride,
          dk.stride)
      }
    }
  }
}
