import Tensors

/// Layer norm over channels. PyTorch's `nn.LayerNorm` (affine).
public struct LayerNorm {
  /// PyTorch's name of the module.
  public let name: String
  /// gamma, `[C]`.
  public let weight: Parameter
  /// beta, `[C]`.
  public let bias: Parameter
  /// Added to the variance.
  public let epsilon: Float

  /// - Parameters:
  ///   - name: PyTorch's name of the module.
  ///   - channels: C.
  ///   - epsilon: added to the variance.
  public init(_ name: String, _ channels: Int, epsilon: Float = 1e-5) {
    self.name = name
    weight = Parameter(name + ".weight", [channels], .scale)
    bias = Parameter(name + ".bias", [channels], .shift)
    self.epsilon = epsilon
  }

  /// Weight, then bias.
  public var parameters: [Parameter] { [weight, bias] }

  /// The same shape.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    tape.layerNorm(x, weight: weight, bias: bias, epsilon: epsilon)
  }
}

/// A convolution of patches: any extent, stride and padding. PyTorch's `nn.Conv2d`.
public struct PatchConvolution {
  /// PyTorch's name of the module.
  public let name: String
  /// `[k, k, in, out]`.
  public let weight: Parameter
  /// `[out]`.
  public let bias: Parameter
  /// How patches are cut.
  public let grid: PatchGrid

  /// - Parameters:
  ///   - name: PyTorch's name of the module.
  ///   - input: input channels.
  ///   - output: output channels.
  ///   - grid: how patches are cut.
  public init(_ name: String, _ input: Int, _ output: Int, _ grid: PatchGrid) {
    self.name = name
    self.grid = grid
    weight = Parameter(name + ".weight", [grid.kernel, grid.kernel, input, output], .kernel)
    bias = Parameter(name + ".bias", [output], .bias(fanIn: weight.fanIn))
  }

  /// Weight, then bias.
  public var parameters: [Parameter] { [weight, bias] }

  /// `[N, H, W, in]` to `[N, rows, columns, out]`.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    tape.linear(tape.patches(x, grid), weight: weight, bias: bias)
  }
}

/// A transposed convolution to twice as many rows and columns. PyTorch's `nn.ConvTranspose2d(in, out, k, 2, k // 2 - 1)`.
public struct TransposedConvolution {
  /// PyTorch's name of the module.
  public let name: String
  /// `[k, k, out, in]`.
  public let weight: Parameter
  /// `[out]`.
  public let bias: Parameter
  /// How patches lie in the output.
  public let grid: PatchGrid

  /// - Parameters:
  ///   - name: PyTorch's name of the module.
  ///   - input: input channels.
  ///   - output: output channels.
  ///   - kernel: even extent, 2 at least.
  public init(_ name: String, _ input: Int, _ output: Int, kernel: Int) {
    precondition(kernel >= 2 && kernel % 2 == 0, "an even kernel, not \(kernel)")
    self.name = name
    weight = Parameter(name + ".weight", [kernel, kernel, output, input], .transposedKernel)
    bias = Parameter(name + ".bias", [output], .bias(fanIn: weight.fanIn))
    grid = PatchGrid(kernel: kernel, stride: 2, before: kernel / 2 - 1, after: kernel / 2 - 1)
  }

  /// Weight, then bias.
  public var parameters: [Parameter] { [weight, bias] }

  /// `[N, H, W, in]` to `[N, 2 H, 2 W, out]`.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let shape = x.value.shape
    return tape.transposedConvolution(
      x, weight: weight, bias: bias, grid, height: 2 * shape[1], width: 2 * shape[2])
  }
}

extension TransposedConvolution: Layer {
  /// What it costs for one map of `[rows, columns]` that enters.
  public func cost(over places: [Int]) -> LayerCost {
    LayerCost(name, parameters, multiplyAccumulates: Counting.product(places + weight.shape))
  }
}

/// A convolution that keeps channels apart, padding k / 2. PyTorch's `nn.Conv2d(C, C, k, padding=k // 2, groups=C)`.
public struct DepthwiseConvolution {
  /// PyTorch's name of the module.
  public let name: String
  /// `[k, k, C]`.
  public let weight: Parameter
  /// `[C]`.
  public let bias: Parameter

  /// - Parameters:
  ///   - name: PyTorch's name of the module.
  ///   - channels: C.
  ///   - kernel: odd extent.
  public init(_ name: String, _ channels: Int, kernel: Int) {
    self.name = name
    weight = Parameter(name + ".weight", [kernel, kernel, channels], .depthwiseKernel)
    bias = Parameter(name + ".bias", [channels], .bias(fanIn: weight.fanIn))
  }

  /// Weight, then bias.
  public var parameters: [Parameter] { [weight, bias] }

  /// `[N, H, W, C]` to the same shape.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    tape.depthwiseConvolution(x, weight: weight, bias: bias)
  }
}

/// Global response normalisation. timm's `GlobalResponseNorm`.
public struct GlobalResponseNorm {
  /// PyTorch's name of the module.
  public let name: String
  /// gamma, `[C]`, 0 at first.
  public let weight: Parameter
  /// beta, `[C]`, 0 at first.
  public let bias: Parameter

  /// - Parameters:
  ///   - name: PyTorch's name of the module.
  ///   - channels: C.
  public init(_ name: String, _ channels: Int) {
    self.name = name
    weight = Parameter(name + ".weight", [channels], .shift)
    bias = Parameter(name + ".bias", [channels], .shift)
  }

  /// Weight, then bias.
  public var parameters: [Parameter] { [weight, bias] }

  /// The same shape.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    tape.globalResponseNorm(x, weight: weight, bias: bias)
  }
}

extension LayerNorm: Norm {}

extension GlobalResponseNorm: Norm {}

extension PatchConvolution: Layer {
  /// What it costs for one map of `[rows, columns]`.
  public func cost(over places: [Int]) -> LayerCost {
    LayerCost(
      name, parameters, multiplyAccumulates: Counting.product(places.map(grid.count(along:)) + weight.shape))
  }
}

extension DepthwiseConvolution: Layer {
  /// What it costs for one map of `[rows, columns]`.
  public func cost(over places: [Int]) -> LayerCost {
    LayerCost(name, parameters, multiplyAccumulates: Counting.product(places + weight.shape))
  }
}
