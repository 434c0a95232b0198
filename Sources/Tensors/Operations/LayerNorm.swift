import CKernels

extension Tape {
  /// Layer norm over the channels of each place (Ba, Kiros, Hinton 2016).
  ///
  /// - Parameters:
  ///   - x: `[..., C]`.
  ///   - weight: gamma, `[C]`.
  ///   - bias: beta, `[C]`.
  ///   - epsilon: added to the variance.
  public func layerNorm(_ x: Variable, weight: Parameter, bias: Parameter, epsilon: Float = 1e-5) -> Variable {
    let input = x.value, c = input.channels
    precondition(weight.shape == [c] && bias.shape == [c], "\(weight.name) \(weight.shape) after \(input.shape)")
    let y = engine.tensor(input.shape), statistics = engine.tensor([input.pixels, 2])
    engine.blocks(input.pixels, of: rowsPerBlock(c)) { rows, _ in
      let first = rows.lowerBound
      ck_layer_norm(
        y.base + first * y.stride, y.stride, statistics.base + 2 * first, input.base + first * input.stride,
        input.stride, weight.weights, bias.weights, epsilon, rows.count, c)
    }
    let (weightGradient, biasGradient) = (gradient(of: weight), gradient(of: bias))
    return output(
      y, inputs: [x], parameters: [weight, bias], work: .init(passes: 2, over: input.count),
      backwardWork: .init(passes: 3, over: input.count)
    ) { [engine] dy in
      let block = rowsPerBlock(c), blocks = (input.pixels + block - 1) / block
      let sums = engine.tensor([blocks, 2 * c])
      let target = x.needsGradient ? x.gradientDestination(engine) : nil
      engine.blocks(input.pixels, of: block) { rows, _ in
        let first = rows.lowerBound
        ck_layer_norm_gradient(
          target.map { $0.tensor.base + first * $0.tensor.stride }, target?.tensor.stride ?? 0,
          sums.sample(first / block), dy.base + first * dy.stride, dy.stride, input.base + first * input.stride,
          input.stride, statistics.base + 2 * first, weight.weights, rows.count, c, target?.accumulate == true ? 1 : 0)
      }
      // Block after block, whatever the threads.
      for n in 0..<blocks {
        if let gradient = biasGradient { ck_copy_rows(gradient.base, c, sums.sample(n), c, 1, c, 1) }
        if let gradient = weightGradient { ck_copy_rows(gradient.base, c, sums.sample(n) + c, c, 1, c, 1) }
      }
    }
  }
}
