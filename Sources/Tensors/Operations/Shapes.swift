import CKernels

extension Tape {
  /// The same values under another shape, a view where they lie close together: tokens of several maps as those of one scene.
  public func reshape(_ x: Variable, _ shape: [Int]) -> Variable {
    let input = x.value.isContiguous ? x.value : engine.contiguousCopy(x.value)
    return output(input.reshaped(shape), inputs: [x]) { [engine] dy in
      let incoming = dy.isContiguous ? dy : engine.contiguousCopy(dy)
      x.receive(incoming.reshaped(x.value.shape), engine)
    }
  }

  /// Samples of several variables in one, in any order: `[n_1, ...]`, `[n_2, ...]`, ... to `[n, ...]`.
  ///
  /// - Parameters:
  ///   - parts: of equal shapes, but for the number of samples.
  ///   - order: for each sample of the result its place among all parts' samples, one part's after the other's; each once.
  public func stack(_ parts: [Variable], order: [Int]) -> Variable {
    precondition(!parts.isEmpty, "one part at least")
    let shape = parts[0].value.shape, starts = parts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.value.batch) }
    precondition(order.sorted() == Array(0..<starts[parts.count]), "each sample once")
    precondition(parts.allSatisfy { $0.value.shape.dropFirst() == shape.dropFirst() }, "samples of one shape")
    let y = engine.tensor([order.count] + shape.dropFirst())
    let rows = y.pixelsPerSample, channels = y.channels
    /// The place of each part's samples in the result.
    var places = [Int](repeating: 0, count: order.count)
    for (place, sample) in order.enumerated() { places[sample] = place }
    for (part, start) in zip(parts, starts) {
      for n in 0..<part.value.batch {
        ck_copy_rows(
          y.sample(places[start + n]), y.stride, part.value.sample(n), part.value.stride, rows, channels, 0)
      }
    }
    return output(y, inputs: parts) { [engine] dy in
      for (part, start) in zip(parts, starts) where part.needsGradient {
        let own = engine.tensor(part.value.shape)
        for n in 0..<own.batch {
          ck_copy_rows(own.sample(n), own.stride, dy.sample(places[start + n]), dy.stride, rows, channels, 0)
        }
        part.receive(own, engine)
      }
    }
  }

  /// Each sample times a number of its own, a constant: 0 takes it away.
  ///
  /// - Parameters:
  ///   - x: `[N, ..., C]`.
  ///   - factors: one a sample.
  public func scale(_ x: Variable, samplesBy factors: [Float]) -> Variable {
    precondition(factors.count == x.value.batch, "a factor for each sample")
    func scaled(_ from: Tensor) -> Tensor {
      let copy = engine.contiguousCopy(from), each = from.pixelsPerSample * from.channels
      for (n, factor) in factors.enumerated() { ck_scale(copy.sample(n), copy.sample(n), each, factor, 0) }
      return copy
    }
    return output(scaled(x.value), inputs: [x]) { [engine] dy in x.receive(scaled(dy), engine) }
  }
}
