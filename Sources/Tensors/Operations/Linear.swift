import CKernels

extension Tape {
  /// y = x W + b over rows.
  ///
  /// - Parameters:
  ///   - x: `[rows, in]`.
  ///   - weight: `[in, out]`.
  ///   - bias: `[out]`.
  /// - Returns: `[rows, out]`.
  public func linear(_ x: Variable, weight: Parameter, bias: Parameter?) -> Variable {
    let input = x.value, rows = input.pixels
    let (from, to) = (weight.shape[0], weight.shape[1])
    precondition(input.channels == from, "\(weight.name) \(weight.shape) after \(input.shape)")
    let y = engine.tensor(input.shape.dropLast() + [to])
    ck_fill_rows(y.base, to, bias?.weights, nil, nil, 0, rows, to)
    ck_gemm(0, 0, rows, to, from, 1, input.base, input.stride, weight.weights, to, 1, y.base, to)
    let (weightGradient, biasGradient) = (gradient(of: weight), gradient(of: bias))
    return output(y, inputs: [x], parameters: [weight] + (bias.map { [$0] } ?? [])) {
      [engine] dy in
      if let gradient = biasGradient {
        let sums = engine.tensor([1, to])
        ck_channel_sums(sums.base, dy.base, dy.stride, rows, to)
        ck_copy_rows(gradient.base, to, sums.base, to, 1, to, 1)
      }
      if let gradient = weightGradient {
        ck_gemm(
          1, 0, from, to, rows, 1, input.base, input.stride, dy.base, dy.stride, 1, gradient.base,
          to)
      }
      if x.needsGradient {
        let (dx, accumulate) = x.gradientDestination(engine)
        ck_gemm(
          0, 1, rows, from, to, 1, dy.base, dy.stride, weight.weights, to, accumulate ? 1 : 0,
          dx.base, dx.stride)
      }
    }
  }
}
