import CKernels

extension Tape {
  /// y = x W + b over rows.
  ///
  /// Up to 64 rows (a time embedding) are one product on one thread; more are cut into blocks that depend on the
  /// extents alone and go over all threads.
  ///
  /// - Parameters:
  ///   - x: `[..., in]`, every place a row.
  ///   - weight: `[in, out]`.
  ///   - bias: `[out]`.
  /// - Returns: `[..., out]`.
  public func linear(_ x: Variable, weight: Parameter, bias: Parameter?) -> Variable {
    let input = x.value
    precondition(
      weight.shape.count == 2 && input.channels == weight.shape[0],
      "\(weight.name) \(weight.shape) after \(input.shape)")
    let y = engine.tensor(input.shape.dropLast() + [weight.shape[1]])
    let product = RowProduct(rows: input.pixels, from: weight.shape[0], to: weight.shape[1], engine: engine)
    product.forward(input, weight.weights, bias?.weights, into: y)
    let (weightGradient, biasGradient) = (gradient(of: weight), gradient(of: bias))
    return output(y, inputs: [x], parameters: [weight] + (bias.map { [$0] } ?? [])) {
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

/// The products of a linear layer: one each for few rows, else those of a 1×1 convolution over a column of pixels.
private struct RowProduct {
  let rows: Int, from: Int, to: Int
  let engine: Engine
  private let kernels: GatheredKernels?

  private static let fewRows = 64

  init(rows: Int, from: Int, to: Int, engine: Engine) {
    (self.rows, self.from, self.to, self.engine) = (rows, from, to, engine)
    let shape = ConvolutionShape(height: rows, width: 1, input: from, output: to, kernel: 1, stride: 1)
    kernels = rows > Self.fewRows ? GatheredKernels(shape: shape, engine: engine) : nil
  }

  private func column(_ x: Tensor) -> Tensor { x.reshaped([1, rows, 1, x.channels]) }

  func forward(_ x: Tensor, _ weight: UnsafePointer<Float>, _ bias: UnsafePointer<Float>?, into y: Tensor) {
    if let kernels {
      return kernels.forward(column(x), weight, bias: bias, perSample: nil, residual: nil, into: column(y))
    }
    ck_fill_rows(y.base, to, bias, nil, nil, 0, rows, to)
    ck_gemm(0, 0, rows, to, from, 1, x.base, x.stride, weight, to, 1, y.base, to)
  }

  func addSums(_ dy: Tensor, to gradient: Tensor) {
    let sums: Tensor  // [1, out]
    if kernels != nil {
      sums = sampleSums(column(dy), engine)
    } else {
      sums = engine.tensor([1, to])
      ck_channel_sums(sums.base, dy.base, dy.stride, rows, to)
    }
    ck_copy_rows(gradient.base, to, sums.base, to, 1, to, 1)
  }

  func weightGradient(_ x: Tensor, _ dy: Tensor, into dw: UnsafeMutablePointer<Float>) {
    if let kernels { return kernels.weightGradient(column(x), column(dy), into: dw) }
    ck_gemm(1, 0, from, to, rows, 1, x.base, x.stride, dy.base, dy.stride, 1, dw, to)
  }

  func inputGradient(_ dy: Tensor, _ weight: UnsafePointer<Float>, into dx: Tensor, accumulate: Bool) {
    if let kernels { return kernels.inputGradient(column(dy), weight, into: column(dx), accumulate: accumulate) }
    ck_gemm(0, 1, rows, from, to, 1, dy.base, dy.stride, weight, to, accumulate ? 1 : 0, dx.base, dx.stride)
  }
}
