import NeuralNetworks
import Tensors

/// Res+ with optional attention behind it (Figs. 3 and 4 of the CGDM paper, as its parameter count says it is):
///
///     h = conv3x3(swish(norm(x))) + linear(swish(time))
///     y = conv3x3(dropout(swish(norm(h)))) + skip(x)      skip: identity, or conv1x1 where the width changes
///     y = attention(norm(y)) + y
///
/// Without its body (pruned) only the skip remains.
struct ResPlusBlock {
  struct Body {
    let time: Linear
    let firstNorm: GroupNorm, firstConvolution: Convolution
    let secondNorm: GroupNorm, secondConvolution: Convolution
    /// All but the time embedding's, in PyTorch's order.
    var onMaps: [any Layer] { [firstNorm, firstConvolution, secondNorm, secondConvolution] }
  }
  struct Attention {
    let norm: GroupNorm, packed: Convolution, out: Convolution
    var layers: [any Layer] { [norm, packed, out] }
  }

  let name: String
  let inputChannels: Int, outputChannels: Int
  let body: Body?
  let skip: Convolution?
  let attention: Attention?

  /// - Parameters:
  ///   - name: PyTorch's name of the block: "downs.1".
  ///   - input: input channels.
  ///   - output: output channels.
  ///   - configuration: groups, dropout, c1 and what is omitted.
  ///   - hasAttention: whether attention follows.
  ///   - layer: the number that keys dropout.
  init(
    _ name: String, _ input: Int, _ output: Int, _ configuration: CGDMConfiguration,
    hasAttention: Bool, layer: Int
  ) {
    self.name = name
    inputChannels = input
    outputChannels = output
    let groups = configuration.groups
    let res = name + ".res_block"
    body =
      configuration.omitted.contains(res)
      ? nil
      : Body(
        time: Linear(res + ".mlp.1", configuration.baseChannels, output),
        firstNorm: GroupNorm(res + ".block1.block.0", input, groups: groups, swish: true),
        firstConvolution: Convolution(res + ".block1.block.3", input, output, kernel: 3),
        secondNorm: GroupNorm(
          res + ".block2.block.0", output, groups: groups, swish: true,
          dropout: Dropout(rate: configuration.dropout, layer: layer)),
        secondConvolution: Convolution(res + ".block2.block.3", output, output, kernel: 3))
    skip = input == output ? nil : Convolution(res + ".res_conv", input, output, kernel: 1)
    attention =
      hasAttention && !configuration.omitted.contains(name + ".attn")
      ? Attention(
        norm: GroupNorm(name + ".attn.norm", output, groups: groups, swish: false),
        packed: Convolution(name + ".attn.qkv", output, 3 * output, kernel: 1, hasBias: false),
        out: Convolution(name + ".attn.out", output, output, kernel: 1)) : nil
  }

  /// PyTorch's order.
  var parameters: [Parameter] {
    let bodyLayers = body.map { [$0.time] + $0.onMaps } ?? []
    return (bodyLayers + (skip.map { [$0] } ?? []) + (attention?.layers ?? [])).flatMap(\.parameters)
  }

  /// What the body is called where it is pruned.
  var bodyName: String { name + ".res_block" }
  /// What the attention is called where it is pruned.
  var attentionName: String { name + ".attn" }

  /// The body and the skip, or the skip alone.
  ///
  /// - Parameters:
  ///   - x: `[N, H, W, in]`.
  ///   - time: Swish of the time embedding, `[N, c1]`.
  ///   - tape: where it is recorded.
  ///   - destination: where the output goes, `[N, H, W, out]`.
  ///   - withoutBody: leave the body out, as if it had been pruned.
  func residual(
    _ x: Variable, time: Variable, _ tape: Tape, into destination: Tensor?, withoutBody: Bool = false
  ) -> Variable {
    guard let body, !withoutBody else { return skip.map { $0(x, tape, into: destination) } ?? x }
    let embedding = body.time(time, tape)  // [N, out]
    var h = body.firstConvolution(body.firstNorm(x, tape), tape, perSample: embedding)
    h = body.secondNorm(h, tape)
    let straight = skip.map { $0(x, tape) } ?? x
    return body.secondConvolution(h, tape, residual: straight, into: destination)
  }

  /// Attention, where there is one.
  ///
  /// - Parameters:
  ///   - y: what the body gave, `[N, H, W, out]`.
  ///   - tape: where it is recorded.
  ///   - destination: where the output goes, the same shape.
  func attend(_ y: Variable, _ tape: Tape, into destination: Tensor?) -> Variable {
    guard let attention else { return y }
    let mixed = tape.attention(attention.packed(attention.norm(y, tape), tape))
    return attention.out(mixed, tape, residual: y, into: destination)
  }
}
