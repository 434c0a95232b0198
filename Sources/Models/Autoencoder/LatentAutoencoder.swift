import Computing
import NeuralNetworks
import Tensors

/// A variational autoencoder of maps (Rombach et al., "High-resolution image synthesis with latent diffusion models", CVPR
/// 2022): what BS-1-to-N draws is its latent. Names and order are those of diffusers' `AutoencoderKL`.
final class LatentAutoencoder {
  /// Attention over all pixels, of one head, with biases.
  struct PixelAttention {
    let norm: GroupNorm, queries: Linear, keys: Linear, values: Linear, out: Linear

    init(_ name: String, _ channels: Int, groups: Int) {
      norm = GroupNorm("\(name).group_norm", channels, groups: groups, swish: false, epsilon: 1e-6)
      queries = Linear("\(name).to_q", channels, channels)
      keys = Linear("\(name).to_k", channels, channels)
      values = Linear("\(name).to_v", channels, channels)
      out = Linear("\(name).to_out.0", channels, channels)
    }

    var layers: [any Layer] { [norm, queries, keys, values, out] }

    func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
      let y = norm(x, tape)
      let seen = tape.attention(queries: queries(y, tape), keys: keys(y, tape), values: values(y, tape), heads: 1)
      return tape.add(x, out(seen, tape))
    }
  }

  /// Blocks at one resolution, and what leads to the next.
  struct Stage {
    let blocks: [LatentResidual]
    let down: PatchConvolution?, up: LatentUpsampling?

    var layers: [any Layer] {
      blocks.flatMap(\.layers) + (down.map { [$0] } ?? []) + (up.map { [$0.convolution] } ?? [])
    }

    func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
      var x = x
      for block in blocks { x = block(x, tape) }
      if let down { return down(x, tape) }
      if let up { return up(x, tape) }
      return x
    }
  }

  /// The coarsest resolution's blocks.
  struct Middle {
    let first: LatentResidual, attention: PixelAttention?, second: LatentResidual

    init(_ name: String, _ channels: Int, _ configuration: AutoencoderConfiguration) {
      func block(_ place: Int) -> LatentResidual {
        LatentResidual(
          "\(name).resnets.\(place)", channels, channels, groups: configuration.groups, epsilon: 1e-6)
      }
      attention =
        configuration.attention
        ? PixelAttention("\(name).attentions.0", channels, groups: configuration.groups) : nil
      (first, second) = (block(0), block(1))
    }

    var layers: [any Layer] { (attention?.layers ?? []) + first.layers + second.layers }

    func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
      var x = first(x, tape)
      if let attention { x = attention(x, tape) }
      return second(x, tape)
    }
  }

  /// Encoder or decoder.
  struct Half {
    let entry: Convolution, stages: [Stage], middle: Middle, norm: GroupNorm, exit: Convolution
    private let isDecoder: Bool

    init(_ name: String, _ input: Int, _ output: Int, isDecoder: Bool, _ configuration: AutoencoderConfiguration) {
      let widths = isDecoder ? configuration.widths.reversed() : configuration.widths
      let last = widths[widths.count - 1], side = isDecoder ? "up" : "down"
      entry = Convolution("\(name).conv_in", input, widths[0], kernel: 3)
      stages = widths.indices.map { level in
        let width = widths[level], stage = "\(name).\(side)_blocks.\(level)", isLast = level == widths.count - 1
        let inputs =
          [widths[max(level - 1, 0)]] + [Int](repeating: width, count: configuration.layers - (isDecoder ? 0 : 1))
        return Stage(
          blocks: inputs.enumerated().map {
            LatentResidual("\(stage).resnets.\($0)", $1, width, groups: configuration.groups, epsilon: 1e-6)
          },
          down: isDecoder || isLast
            ? nil
            : PatchConvolution(
              "\(stage).downsamplers.0.conv", width, width, PatchGrid(kernel: 3, stride: 2, after: 1)),
          up: isDecoder && !isLast ? LatentUpsampling("\(stage).upsamplers.0", width) : nil)
      }
      middle = Middle("\(name).mid_block", isDecoder ? widths[0] : last, configuration)
      norm = GroupNorm("\(name).conv_norm_out", last, groups: configuration.groups, swish: true, epsilon: 1e-6)
      exit = Convolution("\(name).conv_out", last, output, kernel: 3)
      self.isDecoder = isDecoder
    }

    var layers: [any Layer] { [entry] + middle.layers + stages.flatMap(\.layers) + [norm, exit] }

    func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
      var x = entry(x, tape)
      if isDecoder { x = middle(x, tape) }
      for stage in stages { x = stage(x, tape) }
      if !isDecoder { x = middle(x, tape) }
      return exit(norm(x, tape), tape)
    }
  }

  let configuration: AutoencoderConfiguration
  let encoder: Half, decoder: Half
  let moments: Convolution, latent: Convolution
  /// The weights and, where trained, gradients; empty for the structure alone.
  let arena: ParameterArena

  /// - Parameters:
  ///   - configuration: a valid structure.
  ///   - isTrained: whether gradients are needed; nil for the structure alone.
  init(_ configuration: AutoencoderConfiguration, isTrained: Bool?) {
    self.configuration = configuration
    let (channels, width) = (configuration.channels, configuration.latent)
    encoder = Half("encoder", channels, 2 * width, isDecoder: false, configuration)
    decoder = Half("decoder", width, channels, isDecoder: true, configuration)
    moments = Convolution("quant_conv", 2 * width, 2 * width, kernel: 1)
    latent = Convolution("post_quant_conv", width, width, kernel: 1)
    let layers: [any Layer] = encoder.layers + decoder.layers + [moments, latent]
    arena = ParameterArena(isTrained == nil ? [] : layers.parameters, isTrained: isTrained ?? false)
  }

  /// What the network reads, `[N, H, W, channels]` of -1 to 1, of grey levels 0 to 1.
  func input(_ maps: [[Float]], _ engine: Engine) -> Tensor {
    let size = configuration.imageSize, channels = configuration.channels
    let tensor = engine.tensor([maps.count, size, size, channels])
    engine.threads.run(maps.count) { n, _ in
      for (place, grey) in maps[n].enumerated() {
        (tensor.sample(n) + place * channels).update(repeating: 2 * grey - 1, count: channels)
      }
    }
    return tensor
  }

  /// Grey levels of what the network gave, `[N][H W]`, the mean of its channels.
  func grey(_ maps: Tensor) -> [[Float]] {
    (0..<maps.batch).map { n in
      (0..<maps.pixelsPerSample).map { place in
        let own = maps.sample(n) + place * maps.stride
        return (1 + (0..<maps.channels).reduce(Float(0)) { $0 + own[$1] } / Float(maps.channels)) / 2
      }
    }
  }

  /// Means and log variances of the latent side by side.
  ///
  /// - Parameters:
  ///   - maps: `[N, H, W, channels]` of -1 to 1.
  ///   - tape: where it is recorded.
  /// - Returns: `[N, h, w, 2 latent]`; log variances are not clamped.
  func encode(_ maps: Variable, _ tape: Tape) -> Variable { moments(encoder(maps, tape), tape) }

  /// The latent's mean, `[N, h, w, latent]`, of maps `[N, H, W, channels]` of -1 to 1.
  func mean(_ maps: Tensor, _ tape: Tape) -> Variable {
    tape.slice(encode(tape.constant(maps), tape), channels: 0..<configuration.latent)
  }

  /// Maps of -1 to 1, `[N, H, W, channels]`, of latents `[N, h, w, latent]`.
  func decode(_ latents: Variable, _ tape: Tape) -> Variable { decoder(latent(latents, tape), tape) }

  /// Rows or columns of the latent of a map.
  var latentSide: Int { configuration.imageSize / configuration.step }

  /// What a map costs there and back.
  static func outline(_ configuration: AutoencoderConfiguration) -> NetworkOutline {
    let network = LatentAutoencoder(configuration, isTrained: nil), size = configuration.imageSize
    let deepest = size / configuration.step, widths = configuration.widths, last = widths.count - 1
    func middle(_ half: Half) -> [LayerCost] { half.middle.layers.costs(deepest) }
    func stage(_ half: Half, _ level: Int, _ side: Int) -> [LayerCost] {
      let stage = half.stages[level]
      return stage.blocks.flatMap(\.layers).costs(side) + (stage.down.map { [$0.cost(over: [side, side])] } ?? [])
        + (stage.up.map { [$0.convolution.cost(over: [2 * side, 2 * side])] } ?? [])
    }
    let down = widths.indices.flatMap { stage(network.encoder, $0, size >> $0) }
    let up = widths.indices.flatMap { stage(network.decoder, $0, deepest << $0) }
    let encoder =
      [network.encoder.entry].costs(size) + down + middle(network.encoder)
      + ([network.encoder.norm, network.encoder.exit, network.moments] as [any Layer]).costs(deepest)
    let decoder =
      ([network.latent, network.decoder.entry] as [any Layer]).costs(deepest) + middle(network.decoder) + up
      + ([network.decoder.norm, network.decoder.exit] as [any Layer]).costs(size)
    return NetworkOutline(
      mapOf: size,
      [
        ("Encoder", "\(widths.count) x \(configuration.layers) Res", 2 * configuration.latent, size, encoder),
        ("Decoder", "\(last + 1) x \(configuration.layers + 1) Res", configuration.channels, deepest, decoder),
      ])
  }
}
