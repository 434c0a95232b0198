import CKernels

/// How patches are cut from a map: that at (row, column) begins at pixel (row · stride - before, column · stride - before), and
/// beyond the map is 0.
public struct PatchGrid: Hashable, Sendable {
  /// Pixels on a side of a patch.
  public var kernel: Int
  /// Pixels from one patch to the next.
  public var stride: Int
  /// Pixels that the first patch begins before the map.
  public var before: Int
  /// Rows and columns of pixels that the last patch may reach behind the map.
  public var after: Int

  /// - Parameters:
  ///   - kernel: pixels on a side of a patch.
  ///   - stride: pixels from one patch to the next.
  ///   - before: pixels that the first patch begins before the map.
  ///   - after: pixels that the last patch may reach behind it.
  public init(kernel: Int, stride: Int, before: Int = 0, after: Int = 0) {
    precondition(kernel >= 1 && stride >= 1 && before >= 0 && after >= 0, "patches of \(kernel) every \(stride)")
    (self.kernel, self.stride, self.before, self.after) = (kernel, stride, before, after)
  }

  /// Patches along so many pixels.
  public func count(along pixels: Int) -> Int { (pixels + before + after - kernel) / stride + 1 }

  func shape(height: Int, width: Int, channels: Int) -> ck_patches {
    ck_patches(
      height: height, width: width, channels: channels, kernel: kernel, stride: stride, before: before,
      rows: count(along: height), columns: count(along: width))
  }
}

extension Tape {
  /// Patches of maps as rows, which a linear layer turns into a convolution of any extent, stride and padding.
  ///
  /// - Parameters:
  ///   - x: `[N, H, W, C]`.
  ///   - grid: how they are cut.
  /// - Returns: `[N, rows, columns, k · k · C]`, taps in rows, then columns, each with its channels.
  public func patches(_ x: Variable, _ grid: PatchGrid) -> Variable {
    let input = x.value
    let shape = grid.shape(height: input.shape[1], width: input.shape[2], channels: input.channels)
    let y = engine.tensor([input.batch, shape.rows, shape.columns, shape.kernel * shape.kernel * shape.channels])
    gather(input, shape, into: y)
    return output(
      y, inputs: [x], work: .init(passes: 2, over: y.count), backwardWork: .init(passes: 2, over: y.count)
    ) { [self] dy in
      let (dx, accumulate) = x.gradientDestination(engine)
      scatter(dy, shape, into: dx, accumulate: accumulate)
    }
  }

  /// Maps out of patches that are laid over each other and added: the transpose of `patches`, which makes a transposed convolution
  /// of a linear layer.
  ///
  /// - Parameters:
  ///   - x: `[N, rows, columns, k · k · C]`.
  ///   - grid: how patches lie in the map.
  ///   - height: rows of the map, of which there are as many patches as `x` has.
  ///   - width: columns of the map.
  /// - Returns: `[N, height, width, C]`.
  public func assemble(_ x: Variable, _ grid: PatchGrid, height: Int, width: Int) -> Variable {
    let input = x.value, channels = input.channels / (grid.kernel * grid.kernel)
    let shape = grid.shape(height: height, width: width, channels: channels)
    precondition(
      input.shape == [input.batch, shape.rows, shape.columns, grid.kernel * grid.kernel * channels],
      "\(input.shape) is not \(shape.rows) x \(shape.columns) patches")
    let y = engine.tensor([input.batch, height, width, channels])
    scatter(input, shape, into: y, accumulate: false)
    return output(
      y, inputs: [x], work: .init(passes: 2, over: input.count), backwardWork: .init(passes: 2, over: input.count)
    ) { [self] dy in
      let own = engine.tensor(input.shape)
      gather(dy, shape, into: own)
      x.receive(own, engine)
    }
  }

  /// A transposed convolution: patches that each place gives, laid over each other and added.
  ///
  /// - Parameters:
  ///   - x: `[N, rows, columns, Cin]`.
  ///   - weight: `[k, k, Cout, Cin]`.
  ///   - bias: `[Cout]`.
  ///   - grid: how patches lie in the output.
  ///   - height: rows of the output, of which there are as many patches as `x` has rows.
  ///   - width: columns of the output.
  /// - Returns: `[N, height, width, Cout]`.
  public func transposedConvolution(
    _ x: Variable, weight: Parameter, bias: Parameter, _ grid: PatchGrid, height: Int, width: Int
  ) -> Variable {
    let input = x.value, channels = weight.shape[2], taps = grid.kernel * grid.kernel * channels
    precondition(
      weight.shape == [grid.kernel, grid.kernel, channels, input.channels],
      "\(weight.name) \(weight.shape) after \(input.shape)")
    let shape = grid.shape(height: height, width: width, channels: channels)
    precondition(
      input.shape[1] == shape.rows && input.shape[2] == shape.columns,
      "\(input.shape) is not \(shape.rows) x \(shape.columns)")
    // The convolution whose transpose it is goes from patches of the output to the input.
    let product = RowProduct(rows: input.pixels, from: taps, to: input.channels, engine: engine)
    let patches = engine.tensor([input.batch, shape.rows, shape.columns, taps])
    product.inputGradient(input, weight.weights, into: patches, accumulate: false)
    let y = engine.tensor([input.batch, height, width, channels])
    ck_fill_rows(y.base, y.stride, bias.weights, nil, nil, 0, y.pixels, channels)
    scatter(patches, shape, into: y, accumulate: true)
    let (weightGradient, biasGradient) = (gradient(of: weight), gradient(of: bias))
    let work = OperationProfile.Work(operations: Double(2 * input.pixels * input.channels * taps))
    return output(y, inputs: [x], parameters: [weight, bias], work: work, backwardWork: work) { [self] dy in
      if let gradient = biasGradient { addSamples(of: sampleSums(dy, engine), to: gradient) }
      let slopes = engine.tensor(patches.shape)
      gather(dy, shape, into: slopes)
      if let gradient = weightGradient { product.weightGradient(slopes, input, into: gradient.base) }
      if x.needsGradient {
        let own = engine.tensor(input.shape)
        product.forward(slopes, weight.weights, nil, into: own)
        x.receive(own, engine)
      }
    }
  }

  private func gather(_ map: Tensor, _ shape: ck_patches, into patches: Tensor) {
    let row = shape.columns * patches.channels
    engine.threads.run(map.batch * shape.rows) { job, _ in
      ck_gather_patches(patches.base + job * row, map.sample(job / shape.rows), map.stride, shape, job % shape.rows)
    }
  }

  private func scatter(_ patches: Tensor, _ shape: ck_patches, into map: Tensor, accumulate: Bool) {
    engine.threads.run(map.batch * shape.height) { job, _ in
      let n = job / shape.height
      ck_scatter_patches(
        map.sample(n), map.stride, patches.sample(n), patches.stride, shape, job % shape.height, accumulate ? 1 : 0)
    }
  }
}
