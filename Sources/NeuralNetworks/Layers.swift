import Tensors

/// A 2-D convolution with padding k / 2. PyTorch's `nn.Conv2d`.
public struct Convolution {
  /// PyTorch's name of the module.
  public let name: String
  /// `[k, k, in, out]`.
  public let weight: Parameter
  /// `[out]`.
  public let bias: Parameter?
  /// 1 or 2.
  public let stride: Int

  /// - Parameters:
  ///   - name: PyTorch's name of the module.
  ///   - input: input channels.
  ///   - output: output channels.
  ///   - kernel: odd extent.
  ///   - stride: 1 or 2.
  ///   - hasBias: whether there is a bias.
  public init(
    _ name: String, _ input: Int, _ output: Int, kernel: Int, stride: Int = 1, hasBias: Bool = true
  ) {
    self.name = name
    weight = Parameter(name + ".weight", [kernel, kernel, input, output], .kernel)
    bias = hasBias ? Parameter(name + ".bias", [output], .bias(fanIn: weight.fanIn)) : nil
    self.stride = stride
  }

  /// Weight, then bias.
  public var parameters: [Parameter] { [weight] + (bias.map { [$0] } ?? []) }

  /// See `Tape.convolution`.
  public func callAsFunction(
    _ x: Variable, _ tape: Tape, perSample: Variable? = nil, residual: Variable? = nil,
    into destination: Tensor? = nil
  ) -> Variable {
    tape.convolution(
      x, weight: weight, bias: bias, stride: stride, perSample: perSample, residual: residual,
      into: destination)
  }
}

/// An affine map of rows. PyTorch's `nn.Linear`.
public struct Linear {
  /// PyTorch's name of the module.
  public let name: String
  /// `[in, out]`.
  public let weight: Parameter
  /// `[out]`.
  public let bias: Parameter?

  /// - Parameters:
  ///   - name: PyTorch's name of the module.
  ///   - input: input channels.
  ///   - output: output channels.
  ///   - hasBias: whether there is a bias.
  public init(_ name: String, _ input: Int, _ output: Int, hasBias: Bool = true) {
    self.name = name
    weight = Parameter(name + ".weight", [input, output], .matrix)
    bias = hasBias ? Parameter(name + ".bias", [output], .bias(fanIn: input)) : nil
  }

  /// Weight, then bias.
  public var parameters: [Parameter] { [weight] + (bias.map { [$0] } ?? []) }

  /// `[rows, in]` to `[rows, out]`.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    tape.linear(x, weight: weight, bias: bias)
  }
}

/// Group norm, with Swish and dropout behind it where asked. PyTorch's `nn.GroupNorm` (affine).
public struct GroupNorm {
  /// PyTorch's name of the module.
  public let name: String
  /// gamma, `[C]`.
  public let weight: Parameter
  /// beta, `[C]`.
  public let bias: Parameter
  /// gcd(configured groups, C).
  public let groups: Int
  /// Whether Swish follows.
  public let swish: Bool
  /// Dropout behind Swish.
  public let dropout: Dropout?
  /// Added to the variance.
  public let epsilon: Float

  /// - Parameters:
  ///   - name: PyTorch's name of the module.
  ///   - channels: C.
  ///   - groups: as configured; gcd(groups, C) are used.
  ///   - swish: whether Swish follows.
  ///   - dropout: dropout behind Swish.
  ///   - epsilon: added to the variance.
  public init(
    _ name: String, _ channels: Int, groups: Int, swish: Bool, dropout: Dropout? = nil, epsilon: Float = 1e-5
  ) {
    self.epsilon = epsilon
    self.name = name
    weight = Parameter(name + ".weight", [channels], .scale)
    bias = Parameter(name + ".bias", [channels], .shift)
    self.groups = greatestCommonDivisor(groups, channels)
    self.swish = swish
    self.dropout = dropout
  }

  /// Weight, then bias.
  public var parameters: [Parameter] { [weight, bias] }

  /// `[N, H, W, C]` to the same shape.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    tape.groupNorm(
      x, weight: weight, bias: bias, groups: groups, epsilon: epsilon, swish: swish, dropout: dropout)
  }
}

/// Batch norm. PyTorch's `nn.BatchNorm2d` (eps 1e-5, affine, running statistics).
public struct BatchNorm {
  /// PyTorch's name of the module.
  public let name: String
  /// gamma, `[C]`.
  public let weight: Parameter
  /// beta, `[C]`.
  public let bias: Parameter
  /// `[C]`.
  public let runningMean: Parameter
  /// `[C]`.
  public let runningVariance: Parameter

  /// - Parameters:
  ///   - name: PyTorch's name of the module.
  ///   - channels: C.
  public init(_ name: String, _ channels: Int) {
    self.name = name
    weight = Parameter(name + ".weight", [channels], .scale)
    bias = Parameter(name + ".bias", [channels], .shift)
    runningMean = Parameter(name + ".running_mean", [channels], .statistic(start: 0))
    runningVariance = Parameter(name + ".running_var", [channels], .statistic(start: 1))
  }

  /// Weight, bias, then the running statistics.
  public var parameters: [Parameter] { [weight, bias, runningMean, runningVariance] }

  /// `[N, H, W, C]` to the same shape; see `Tape.batchNorm`.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    tape.batchNorm(x, weight: weight, bias: bias, mean: runningMean, variance: runningVariance)
  }
}

/// A rectifier that learns its slope below 0. PyTorch's `nn.PReLU` (one slope, 0.25 at first).
public struct LearntRectifier {
  /// PyTorch's name of the module.
  public let name: String
  /// `[1]`.
  public let weight: Parameter

  /// - Parameter name: PyTorch's name of the module.
  public init(_ name: String) {
    self.name = name
    weight = Parameter(name + ".weight", [1], .vector(start: 0.25))
  }

  /// The slope.
  public var parameters: [Parameter] { [weight] }

  /// The same shape.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable { tape.rectify(x, slope: weight) }
}

/// The greatest common divisor of two positive numbers (Euclid).
public func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
  b == 0 ? a : greatestCommonDivisor(b, a % b)
}
