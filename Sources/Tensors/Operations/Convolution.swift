import CKernels

/// How a convolution is computed, by a rule over its shape (never by a timing: that would not be reproducible).
public enum ConvolutionAlgorithm: String, Sendable {
  /// 1×1, stride 1: a matrix product over pixels.
  case direct
  /// Tap by tap, pixels gathered into blocks that stay in a cache.
  case gathered
  /// Few channels on one side, stride 1: what all taps see of them as one matrix.
  case unfolded
  /// F(4×4, 3×3): 3×3, stride 1, a quarter of the multiplications.
  case winograd
}

/// Which algorithms an engine may choose from.
public enum ConvolutionChoice: String, Sendable, CaseIterable {
  /// The fastest for each shape.
  case automatic
  /// Never Winograd: gathered rows wherever the kernel is not 1×1. To compare with.
  case gathered
}

/// The extents of a 2-D convolution with padding `kernel / 2`.
public struct ConvolutionShape: Hashable, Sendable {
  /// Input rows and columns.
  public var height: Int, width: Int
  /// Input and output channels.
  public var input: Int, output: Int
  /// Kernel extent (odd) and stride.
  public var kernel: Int, stride: Int

  /// - Parameters:
  ///   - height: input rows.
  ///   - width: input columns.
  ///   - input: input channels.
  ///   - output: output channels.
  ///   - kernel: odd kernel extent.
  ///   - stride: 1 or more.
  public init(height: Int, width: Int, input: Int, output: Int, kernel: Int, stride: Int) {
    precondition(kernel % 2 == 1 && stride >= 1, "odd kernels, stride at least 1")
    self.height = height
    self.width = width
    self.input = input
    self.output = output
    self.kernel = kernel
    self.stride = stride
  }

  /// Output rows.
  public var outputHeight: Int { (height - 1) / stride + 1 }
  /// Output columns.
  public var outputWidth: Int { (width - 1) / stride + 1 }
  /// Multiply-accumulates for one sample.
  public var multiplyAccumulates: Int {
    outputHeight * outputWidth * kernel * kernel * input * output
  }
  /// Multiplications and additions for one sample that the algorithm leaves of them: in Winograd's tiles 36 products
  /// where the definition has 144.
  public func operations(_ choice: ConvolutionChoice = .automatic) -> Int {
    guard algorithm(choice) == .winograd else { return 2 * multiplyAccumulates }
    return 72 * ((height + 3) / 4) * ((width + 3) / 4) * input * output
  }
  /// The algorithm for this shape, by multiplications: 36 for every tile of 4×4 outputs against 9 for an output. The
  /// transforms are worth a third as much again, so maps of one or two rows or columns are gathered.
  public func algorithm(_ choice: ConvolutionChoice = .automatic) -> ConvolutionAlgorithm {
    if kernel == 1 && stride == 1 { return .direct }
    guard choice == .automatic, stride == 1 else { return .gathered }
    // Products of k² times the few channels with the many; the gathered ones come in blocks of channels.
    guard kernel == 3 else { return min(input, output) <= 4 ? .unfolded : .gathered }
    let tiles = (height + 3) / 4 * ((width + 3) / 4)
    return 36 * tiles * 4 <= 9 * height * width * 3 ? .winograd : .gathered
  }
}

extension Tape {
  /// 2-D convolution, y = x * w + bias + perSample + residual, all sums fused into the output.
  ///
  /// - Parameters:
  ///   - x: `[N, H, W, Cin]`.
  ///   - weight: `[k, k, Cin, Cout]`, k odd.
  ///   - bias: `[Cout]`.
  ///   - stride: 1 or 2 (any, in fact); padding is k / 2.
  ///   - perSample: `[N, Cout]`, added at every pixel (the time embedding).
  ///   - residual: shaped like the output.
  ///   - destination: where to write the output: a view of a wider buffer, for instance.
  /// - Returns: `[N, H / stride, W / stride, Cout]`.
  public func convolution(
    _ x: Variable, weight: Parameter, bias: Parameter? = nil, stride: Int = 1,
    perSample: Variable? = nil, residual: Variable? = nil, into destination: Tensor? = nil
  ) -> Variable {
    let input = x.value
    precondition(
      input.shape.count == 4 && weight.shape[2] == input.channels,
      "\(weight.name) \(weight.shape) cannot follow \(input.shape)")
    let shape = ConvolutionShape(
      height: input.shape[1], width: input.shape[2], input: input.channels, output: weight.shape[3],
      kernel: weight.shape[0], stride: stride)
    let outputShape = [input.batch, shape.outputHeight, shape.outputWidth, shape.output]
    guard input.batch > 0 else {
      return nothing(outputShape, inputs: [x, perSample, residual], parameters: [weight] + (bias.map { [$0] } ?? []))
    }
    let y = destination ?? engine.tensor(outputShape)
    precondition(y.shape == outputShape, "\(weight.name): destination \(y.shape), not \(outputShape)")
    let kernels = convolutionKernels(shape)
    kernels.forward(
      input, weight.weights, bias: bias?.weights, perSample: perSample?.value,
      residual: residual?.value, into: y)

    let work = OperationProfile.Work(operations: Double(shape.operations(engine.convolution) * input.batch))
    let kind = "convolution \(shape.kernel)×\(shape.kernel) \(shape.algorithm(engine.convolution))"
    let (weightGradient, biasGradient) = (gradient(of: weight), gradient(of: bias))
    return output(
      y, inputs: [x, perSample, residual], parameters: [weight] + (bias.map { [$0] } ?? []), kind: kind, work: work
    ) { [engine, profile] dy in
      let wantsSums = perSample?.needsGradient ?? false
      if biasGradient != nil || wantsSums {
        let sums = sampleSums(dy, engine)  // [N, Cout]
        if let gradient = biasGradient {
          addSamples(of: sums, to: gradient)
        }
        if let perSample, wantsSums { perSample.receive(sums, engine) }
        profile?.lap(kind, "bias gradient", work: .init(passes: 1, over: dy.count))
      }
      if let gradient = weightGradient {
        kernels.weightGradient(input, dy, into: gradient.base)
        profile?.lap(kind, "weight gradient", work: work)
      }
      if x.needsGradient {
        let (dx, accumulate) = x.gradientDestination(engine)
        kernels.inputGradient(dy, weight.weights, into: dx, accumulate: accumulate)
        profile?.lap(kind, "input gradient", work: work)
      }
      if let residual, residual.needsGradient { residual.receive(dy, engine) }
    }
  }

  private func convolutionKernels(_ shape: ConvolutionShape) -> any ConvolutionKernels {
    switch shape.algorithm(engine.convolution) {
    case .winograd: WinogradKernels(shape: shape, engine: engine, prepared: prepared)
    case .unfolded: UnfoldedKernels(shape: shape, engine: engine)
    case .direct, .gathered: GatheredKernels(shape: shape, engine: engine)
    }
  }
}

/// The three products of one convolution.
protocol ConvolutionKernels {
  var shape: ConvolutionShape { get }
  var engine: Engine { get }
  /// y = x * w + bias + perSample + residual.
  func forward(
    _ x: Tensor, _ weight: UnsafePointer<Float>, bias: UnsafePointer<Float>?, perSample: Tensor?,
    residual: Tensor?, into y: Tensor)
  /// dx (+)= the transpose of the convolution, applied to dy.
  func inputGradient(
    _ dy: Tensor, _ weight: UnsafePointer<Float>, into dx: Tensor, accumulate: Bool)
  /// dw += the derivative of sum(dy y) by w.
  func weightGradient(_ x: Tensor, _ dy: Tensor, into dw: UnsafeMutablePointer<Float>)
}

extension ConvolutionKernels {
  /// What every pixel of a sample's output starts from: bias + perSample, `[N, Cout]`; nil where there is neither.
  func startingValues(
    _ bias: UnsafePointer<Float>?, _ perSample: Tensor?, batch: Int
  ) -> Tensor? {
    guard bias != nil || perSample != nil else { return nil }
    let start = engine.tensor([batch, shape.output])
    for n in 0..<batch {
      ck_fill_rows(
        start.sample(n), shape.output, bias, perSample.map { UnsafePointer($0.base + n * $0.stride) }, nil, 0, 1,
        shape.output)
    }
    return start
  }
}

/// Sums of dy over the pixels of each sample, `[N, Cout]`.
func sampleSums(_ dy: Tensor, _ engine: Engine) -> Tensor {
  let channels = dy.channels, pixels = dy.pixelsPerSample
  let block = rowsPerBlock(channels), blocks = (pixels + block - 1) / block
  let partial = engine.tensor([dy.batch, blocks, channels])
  engine.threads.run(dy.batch * blocks) { job, _ in
    let first = job % blocks * block
    ck_channel_sums(
      partial.base + job * channels, dy.sample(job / blocks) + first * dy.stride, dy.stride,
      min(block, pixels - first), channels)
  }
  let sums = engine.tensor([dy.batch, channels])
  for n in 0..<dy.batch {
    ck_channel_sums(
      sums.base + n * channels, partial.base + n * blocks * channels, channels, blocks, channels)
  }
  return sums
}

/// Adds all samples, in their order, to a gradient of as many values as each has.
func addSamples(of sums: Tensor, to gradient: Tensor) {
  let count = gradient.count
  for n in 0..<sums.batch { ck_copy_rows(gradient.base, count, sums.sample(n), count, 1, count, 1) }
}
