import NeuralNetworks
import Tensors

/// A conditional variational autoencoder (Kingma and Welling 2014; Sohn, Lee and Yan 2015) of the layers of CGDM's U-Net
/// without time and attention: p(fine given coarse) is the mean over z from p(z given coarse) of p(fine given z, coarse).
final class CVAE {
  /// Swish of a group norm, then a convolution.
  struct Half {
    let norm: GroupNorm, convolution: Convolution

    init(_ name: String, _ input: Int, _ output: Int, groups: Int) {
      norm = GroupNorm("\(name).block.0", input, groups: groups, swish: true)
      convolution = Convolution("\(name).block.3", input, output, kernel: 3)
    }

    var layers: [any Layer] { [norm, convolution] }

    func callAsFunction(_ x: Variable, _ tape: Tape, residual: Variable? = nil) -> Variable {
      convolution(norm(x, tape), tape, residual: residual)
    }
  }

  /// Two halves beside a skip.
  struct Block {
    let first: Half, second: Half, skip: Convolution?

    init(_ name: String, _ input: Int, _ output: Int, groups: Int) {
      first = Half("\(name).block1", input, output, groups: groups)
      second = Half("\(name).block2", output, output, groups: groups)
      skip = input == output ? nil : Convolution("\(name).res_conv", input, output, kernel: 1)
    }

    var layers: [any Layer] { first.layers + second.layers + (skip.map { [$0] } ?? []) }

    func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
      second(first(x, tape), tape, residual: skip?(x, tape) ?? x)
    }
  }

  /// Features of every resolution.
  struct Encoder {
    let stem: Convolution, blocks: [Block], downs: [Convolution]

    init(_ name: String, _ input: Int, _ configuration: CVAEConfiguration) {
      let widths = configuration.widths
      stem = Convolution("\(name).stem", input, widths[0], kernel: 3)
      blocks = widths.indices.map {
        Block("\(name).blocks.\($0)", widths[max($0 - 1, 0)], widths[$0], groups: configuration.groups)
      }
      downs = widths.indices.dropLast().map {
        Convolution("\(name).downs.\($0)", widths[$0], widths[$0], kernel: 3, stride: 2)
      }
    }

    var layers: [any Layer] { [stem] + blocks.flatMap(\.layers) + downs }

    /// Finest first.
    func callAsFunction(_ x: Variable, _ tape: Tape) -> [Variable] {
      var features = [blocks[0](stem(x, tape), tape)]
      for (block, down) in zip(blocks.dropFirst(), downs) { features.append(block(down(features.last!, tape), tape)) }
      return features
    }
  }

  let configuration: CVAEConfiguration
  let condition: Encoder, posterior: Encoder
  let posteriorMerge: Block, posteriorOut: Half
  let prior: Block, priorOut: Half
  let latentIn: Convolution, blocks: [Block], ups: [Convolution], out: Half
  /// The weights and, where trained, gradients; empty for the structure alone.
  let arena: ParameterArena

  /// - Parameters:
  ///   - configuration: a valid structure.
  ///   - isTrained: whether gradients are needed; nil for the structure alone.
  init(_ configuration: CVAEConfiguration, isTrained: Bool?) {
    self.configuration = configuration
    let widths = configuration.widths, last = widths[widths.count - 1], groups = configuration.groups
    condition = Encoder("condition", 1, configuration)
    posterior = Encoder("posterior", 2, configuration)
    posteriorMerge = Block("posterior_merge", 2 * last, last, groups: groups)
    posteriorOut = Half("posterior_out", last, 2 * configuration.latent, groups: groups)
    prior = Block("prior", last, last, groups: groups)
    priorOut = Half("prior_out", last, 2 * configuration.latent, groups: groups)
    latentIn = Convolution("latent_in", configuration.latent, last, kernel: 3)
    blocks = widths.indices.map {
      Block("blocks.\($0)", widths[min($0 + 1, widths.count - 1)] + widths[$0], widths[$0], groups: groups)
    }
    ups = widths.dropFirst().enumerated().map { Convolution("ups.\($0)", $1, $1, kernel: 3) }
    out = Half("out", widths[0], 1, groups: groups)
    let layers: [[any Layer]] = [
      condition.layers, posterior.layers, posteriorMerge.layers, posteriorOut.layers, prior.layers, priorOut.layers,
      [latentIn], blocks.flatMap(\.layers), ups, out.layers,
    ]
    arena = ParameterArena(
      isTrained == nil ? [] : layers.joined().flatMap(\.parameters), isTrained: isTrained ?? false)
  }

  /// PyTorch's usual numbers; where the network adds to the interpolation, nothing at first.
  func initialise(seed: UInt64) throws {
    try Initialisation.kaiming.apply(to: arena, seed: seed)
    guard configuration.residual else { return }
    for parameter in out.convolution.parameters {
      parameter.value?.base.update(repeating: 0, count: parameter.count)
    }
  }

  /// Means and log variances of z given the coarse map's features, side by side: `[N, h, w, 2 latent]`.
  func priorMoments(_ features: [Variable], _ tape: Tape) -> Variable {
    priorOut(prior(features[features.count - 1], tape), tape)
  }

  /// The same given the fine map too, `[N, H, W, 1]` like the coarse one.
  func posteriorMoments(fine: Variable, coarse: Variable, _ features: [Variable], _ tape: Tape) -> Variable {
    let h = posterior(tape.concatenate(coarse, fine), tape)
    let both = tape.concatenate(h[h.count - 1], features[features.count - 1])
    return posteriorOut(posteriorMerge(both, tape), tape)
  }

  /// The mean of z, of moments.
  func mean(_ moments: Variable, _ tape: Tape) -> Variable {
    tape.slice(moments, channels: 0..<configuration.latent)
  }

  /// The fine map, `[N, H, W, 1]`, of z and of the coarse map with its features.
  func decode(_ z: Variable, coarse: Variable, _ features: [Variable], _ tape: Tape) -> Variable {
    var h = latentIn(z, tape)
    for level in blocks.indices.reversed() {
      h = blocks[level](tape.concatenate(h, features[level]), tape)
      if level > 0 { h = ups[level - 1](tape.upsampleNearest(h), tape) }
    }
    return out(h, tape, residual: configuration.residual ? coarse : nil)
  }

  /// Rows or columns of z for so many of the map.
  func latentSide(_ side: Int) -> Int { side / configuration.step }
}

extension CVAE {
  /// What refining a map costs, and behind it what training alone asks for.
  static func outline(_ configuration: CVAEConfiguration) -> NetworkOutline {
    let network = CVAE(configuration, isTrained: nil), size = configuration.imageSize
    let widths = configuration.widths, deepest = size / configuration.step, last = widths[widths.count - 1]
    func costs(_ layers: [any Layer], _ side: Int) -> [LayerCost] { layers.map { $0.cost(over: [side, side]) } }
    func encoder(_ encoder: Encoder) -> [LayerCost] {
      costs([encoder.stem], size)
        + encoder.blocks.indices.flatMap { costs(encoder.blocks[$0].layers, size >> $0) }
        + encoder.downs.indices.flatMap { costs([encoder.downs[$0]], size >> $0) }
    }
    let decoder =
      costs([network.latentIn], deepest)
      + network.blocks.indices.flatMap { costs(network.blocks[$0].layers, size >> $0) }
      + network.ups.indices.flatMap { costs([network.ups[$0]], size >> $0) } + costs(network.out.layers, size)
    let merge = costs(network.posteriorMerge.layers + network.posteriorOut.layers, deepest)
    return NetworkOutline(
      mapOf: size,
      [
        ("Condition", "\(widths.count) Res", last, size, encoder(network.condition)),
        (
          "Prior", "Res", 2 * configuration.latent, deepest,
          costs(network.prior.layers + network.priorOut.layers, deepest)
        ),
        ("Decoder", "\(widths.count) Res", 1, size, decoder),
        (
          "Posterior, in training", "\(widths.count + 1) Res", 2 * configuration.latent, size,
          encoder(network.posterior) + merge
        ),
      ])
  }
}
