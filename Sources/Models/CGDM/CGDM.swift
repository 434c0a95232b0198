import Foundation
import NeuralNetworks
import Tensors

/// CGDM's conditional U-Net: noise in a noisy fine map, given the upsampled coarse map.
///
/// The network that the paper's parameter count identifies; parameters carry PyTorch's names and order. Encoder and
/// decoder write into the two parts of one buffer for every skip, so concatenation costs nothing.
public final class CGDM {
  /// The structure.
  public let configuration: CGDMConfiguration
  /// The weights and, where trained, gradients.
  public let arena: ParameterArena

  let timeFirst: Linear, timeSecond: Linear
  let stem: Convolution
  let stages: [Stage]
  let finalNorm: GroupNorm, finalConvolution: Convolution

  /// What follows the stem, in order; `resolution` is that of the output.
  struct Stage {
    enum Kind {
      case block(ResPlusBlock)
      case down(Convolution)
      case up(Convolution)
    }
    enum Part { case down, middle, up }
    let kind: Kind
    let part: Part
    let level: Int
    let resolution: Int
    /// Channels of the decoder's share of the joint buffer that this output is the skip of.
    var partnerChannels = 0
  }

  /// A network with all weights 0: load them, or apply an `Initialisation`.
  ///
  /// - Parameters:
  ///   - configuration: a valid structure.
  ///   - isTrained: whether gradients are needed.
  public convenience init(_ configuration: CGDMConfiguration, isTrained: Bool = false) {
    self.init(configuration, isTrained: isTrained, structureOnly: false)
  }

  /// The structure without any weight, to count and to name.
  convenience init(_ configuration: CGDMConfiguration, structureOnly: Bool) {
    self.init(configuration, isTrained: false, structureOnly: structureOnly)
  }

  private init(_ configuration: CGDMConfiguration, isTrained: Bool, structureOnly: Bool) {
    self.configuration = configuration
    let c1 = configuration.baseChannels
    timeFirst = Linear("time_mlp.1", c1, 4 * c1)
    timeSecond = Linear("time_mlp.3", 4 * c1, c1)
    stem = Convolution("downs.0", configuration.conditionWidth + configuration.mapWidth, c1, kernel: 3)
    var builder = Builder(configuration)
    builder.build()
    stages = builder.stages
    finalNorm = GroupNorm("final_conv.block.0", builder.channels, groups: configuration.groups, swish: true)
    finalConvolution = Convolution(
      "final_conv.block.3", builder.channels, configuration.mapWidth, kernel: 3)
    let parameters =
      timeFirst.parameters + timeSecond.parameters + stem.parameters
      + stages.flatMap(\.parameters) + finalNorm.parameters + finalConvolution.parameters
    arena =
      structureOnly
      ? ParameterArena([], isTrained: false) : ParameterArena(parameters, isTrained: isTrained)
    self.parameters = parameters
  }

  /// All parameters in PyTorch's order.
  public let parameters: [Parameter]

  /// Predicts the noise.
  ///
  /// - Parameters:
  ///   - condition: the upsampled coarse map in model units, `[N, H, W, conditionWidth]`.
  ///   - noisy: the noisy fine map G_t, `[N, H, W, mapWidth]`.
  ///   - timesteps: t of each sample, 1...T.
  ///   - tape: where it is recorded.
  /// - Returns: epsilon, or what else it was trained to answer, `[N, H, W, mapWidth]`.
  public func callAsFunction(
    condition: Tensor, noisy: Tensor, timesteps: [Float], _ tape: Tape
  ) -> Variable {
    let x = tape.concatenate(tape.constant(condition), tape.constant(noisy))
    return callAsFunction(x, timesteps: timesteps, tape)
  }

  /// As above, with `[condition, noisy]` side by side, `[N, H, W, conditionWidth + mapWidth]`.
  public func callAsFunction(_ x: Variable, timesteps: [Float], _ tape: Tape) -> Variable {
    var walk = start(x, timesteps: timesteps, tape)
    return walk.finish()
  }

  /// The stem's output is the last skip to be popped.
  var stemPartner: Int {
    (stages.last { $0.part == .up && $0.isBlock }?.inputChannels ?? 0) - configuration.baseChannels
  }

  /// sin and cos of t · 10000^(-k / (c1 / 2)): all sines, then all cosines.
  func timeAngles(_ timesteps: [Float], _ engine: Engine) -> Tensor {
    let c1 = configuration.baseChannels, half = c1 / 2
    let values = timesteps.flatMap { t -> [Float] in
      let angles = (0..<half).map { k in
        t * Float(exp(Double(k) * -log(10000) / Double(half)))
      }
      return angles.map { Float(sin(Double($0))) } + angles.map { Float(cos(Double($0))) }
    }
    return engine.tensor([timesteps.count, c1], values)
  }
}

extension CGDM.Stage {
  var parameters: [Parameter] {
    switch kind {
    case .block(let block): block.parameters
    case .down(let convolution), .up(let convolution): convolution.parameters
    }
  }

  var isBlock: Bool { if case .block = kind { true } else { false } }

  var inputChannels: Int {
    switch kind {
    case .block(let block): block.inputChannels
    case .down(let convolution), .up(let convolution): convolution.weight.shape[2]
    }
  }

  var outputChannels: Int {
    switch kind {
    case .block(let block): block.outputChannels
    case .down(let convolution), .up(let convolution): convolution.weight.shape[3]
    }
  }
}

extension CGDM.Stage.Kind {
  var isDown: Bool { if case .down = self { true } else { false } }
}
