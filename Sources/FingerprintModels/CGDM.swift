import Essentials
import Foundation
import NeuralNetworks
import RunRecords
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
    let angles = tape.constant(timeAngles(timesteps, tape.engine))  // [N, c1]
    let embedding = timeSecond(tape.swish(timeFirst(angles, tape)), tape)
    let time = tape.swish(embedding)  // [N, c1], shared by all blocks

    var skips: [(variable: Variable, joint: Tensor)] = []
    func pushing(_ shape: [Int], partner: Int, _ compute: (Tensor) -> Variable) -> Variable {
      let channels = shape[3]
      let joint = tape.engine.tensor(shape.dropLast() + [partner + channels])
      let result = compute(joint.slice(channels: partner..<partner + channels))
      skips.append((result, joint))
      return result
    }
    let batch = x.value.batch
    let stemShape = Array(x.value.shape.dropLast()) + [configuration.baseChannels]
    var h = pushing(stemShape, partner: stemPartner) { stem(x, tape, into: $0) }
    for (place, stage) in stages.enumerated() {
      switch (stage.part, stage.kind) {
      case (.down, let kind):
        let halves = { (extent: Int) in kind.isDown ? extent / 2 : extent }
        let shape = [
          batch, halves(h.value.shape[1]), halves(h.value.shape[2]), stage.outputChannels,
        ]
        let input = h
        h = pushing(shape, partner: stage.partnerChannels) {
          stage.apply(input, time: time, tape, into: $0)
        }
      case (_, let kind):
        if stage.part == .up, case .block = kind {
          let skip = skips.removeLast()
          h = tape.concatenate(h, skip.variable)
        }
        // The next block of the way up reads this output as the decoder's share of its joint buffer.
        let feeds = place + 1 < stages.count && stages[place + 1].part == .up && stages[place + 1].isBlock
        let destination = feeds ? skips.last?.joint.slice(channels: 0..<stage.outputChannels) : nil
        h = stage.apply(h, time: time, tape, into: destination)
      }
    }
    return finalConvolution(finalNorm(h, tape), tape)
  }

  /// The stem's output is the last skip to be popped.
  private var stemPartner: Int {
    (stages.last { $0.part == .up && $0.isBlock }?.inputChannels ?? 0) - configuration.baseChannels
  }

  /// sin and cos of t · 10000^(-k / (c1 / 2)): all sines, then all cosines.
  private func timeAngles(_ timesteps: [Float], _ engine: Engine) -> Tensor {
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

  func apply(_ x: Variable, time: Variable, _ tape: Tape, into destination: Tensor?) -> Variable {
    switch kind {
    case .block(let block): block(x, time: time, tape, into: destination)
    case .down(let convolution): convolution(x, tape, into: destination)
    case .up(let convolution): convolution(tape.upsampleNearest(x), tape, into: destination)
    }
  }
}

extension CGDM.Stage.Kind {
  var isDown: Bool { if case .down = self { true } else { false } }
}
