import CKernels

extension Tape {
  /// y = max(x, 0) + slope min(x, 0): ReLU at slope 0, else leaky (Maas et al. 2013).
  public func rectify(_ x: Variable, slope: Float = 0) -> Variable { rectify(x, slope: slope, learnt: nil) }

  /// The same with a slope that is learnt, one for all channels: PReLU (He et al. 2015).
  ///
  /// - Parameters:
  ///   - x: `[N, ..., C]`.
  ///   - slope: `[1]`.
  public func rectify(_ x: Variable, slope: Parameter) -> Variable {
    rectify(x, slope: slope.weights[0], learnt: slope)
  }

  private func rectify(_ x: Variable, slope: Float, learnt: Parameter?) -> Variable {
    let input = x.value, y = engine.tensor(input.shape), rows = rowsPerBlock(input.channels)
    engine.blocks(input.pixels, of: rows) { range, _ in
      ck_rectify(
        y.base + range.lowerBound * y.stride, y.stride, input.base + range.lowerBound * input.stride, input.stride,
        slope, range.count, input.channels)
    }
    let slopeGradient = gradient(of: learnt)
    return output(
      y, inputs: [x], parameters: learnt.map { [$0] } ?? [], kind: "rectify", work: .init(passes: 2, over: input.count),
      backwardWork: .init(passes: 3, over: input.count)
    ) { [engine] dy in
      if let slopeGradient { slopeGradient.base[0] += Self.slopeGradient(dy, input, engine) }
      guard x.needsGradient else { return }
      let (dx, accumulate) = x.gradientDestination(engine)
      engine.blocks(input.pixels, of: rows) { range, _ in
        let i = range.lowerBound
        ck_rectify_gradient(
          dx.base + i * dx.stride, dx.stride, dy.base + i * dy.stride, dy.stride, input.base + i * input.stride,
          input.stride, slope, range.count, input.channels, accumulate ? 1 : 0)
      }
    }
  }

  private static func slopeGradient(_ dy: Tensor, _ input: Tensor, _ engine: Engine) -> Float {
    let rows = rowsPerBlock(input.channels)
    var sums = [Double](repeating: 0, count: (input.pixels + rows - 1) / rows)
    sums.withUnsafeMutableBufferPointer { sums in
      engine.blocks(input.pixels, of: rows) { range, _ in
        let i = range.lowerBound
        sums[i / rows] = ck_rectify_slope_gradient(
          dy.base + i * dy.stride, dy.stride, input.base + i * input.stride, input.stride, range.count, input.channels)
      }
    }
    return Float(sums.reduce(0, +))
  }
}
