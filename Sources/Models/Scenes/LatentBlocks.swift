import NeuralNetworks
import Tensors

/// diffusers' residual block: group norm, Swish, 3×3, the time embedding, group norm, Swish, 3×3, beside a skip.
struct LatentResidual {
  let first: GroupNorm, firstConvolution: Convolution
  let time: Linear?
  let second: GroupNorm, secondConvolution: Convolution
  let skip: Convolution?

  /// - Parameters:
  ///   - name: PyTorch's name of the module.
  ///   - input: channels that enter.
  ///   - output: channels that leave.
  ///   - groups: of the group norms.
  ///   - epsilon: theirs.
  ///   - time: width of the time embedding; nil: there is none.
  init(_ name: String, _ input: Int, _ output: Int, groups: Int, epsilon: Float, time: Int? = nil) {
    first = GroupNorm("\(name).norm1", input, groups: groups, swish: true, epsilon: epsilon)
    firstConvolution = Convolution("\(name).conv1", input, output, kernel: 3)
    self.time = time.map { Linear("\(name).time_emb_proj", $0, output) }
    second = GroupNorm("\(name).norm2", output, groups: groups, swish: true, epsilon: epsilon)
    secondConvolution = Convolution("\(name).conv2", output, output, kernel: 3)
    skip = input == output ? nil : Convolution("\(name).conv_shortcut", input, output, kernel: 1)
  }

  /// In PyTorch's order.
  var layers: [any Layer] {
    [first, firstConvolution] + (time.map { [$0] } ?? []) + [second, secondConvolution] + (skip.map { [$0] } ?? [])
  }

  /// - Parameters:
  ///   - x: `[N, h, w, input]`.
  ///   - embedding: Swish of the time embedding, `[N, time]`.
  ///   - tape: where it is recorded.
  /// - Returns: `[N, h, w, output]`.
  func callAsFunction(_ x: Variable, embedding: Variable? = nil, _ tape: Tape) -> Variable {
    let perSample = time.flatMap { time in embedding.map { time($0, tape) } }
    let y = firstConvolution(first(x, tape), tape, perSample: perSample)
    return secondConvolution(second(y, tape), tape, residual: skip?(x, tape) ?? x)
  }
}

/// Nearest upsampling by two, then 3×3.
struct LatentUpsampling {
  let convolution: Convolution

  /// - Parameters:
  ///   - name: PyTorch's name of the module.
  ///   - channels: that enter and leave.
  init(_ name: String, _ channels: Int) {
    convolution = Convolution("\(name).conv", channels, channels, kernel: 3)
  }

  func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable { convolution(tape.upsampleNearest(x), tape) }
}

/// Layers of many kinds.
extension [any Layer] {
  /// What they keep.
  var parameters: [Parameter] { flatMap(\.parameters) }

  /// What they cost on a square grid of places.
  func costs(_ side: Int) -> [LayerCost] { map { $0.cost(over: [side, side]) } }
}
