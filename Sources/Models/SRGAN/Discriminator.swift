import NeuralNetworks
import Tensors

/// SRGAN's discriminator (Ledig et al. 2017) with the mean over places before its dense layers, so that maps of any size go.
final class Discriminator {
  /// A convolution, a batch norm behind all but the first, a leaky rectifier.
  struct Step {
    let convolution: Convolution, norm: BatchNorm?

    var layers: [any Layer] { [convolution] + (norm.map { [$0] } ?? []) }

    func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
      let h = convolution(x, tape)
      return tape.rectify(norm?(h, tape) ?? h, slope: Discriminator.slope)
    }
  }

  private static let slope: Float = 0.2
  let features: [Step]
  let dense: Linear, logit: Linear
  /// The weights and, where trained, gradients; empty for the structure alone.
  let arena: ParameterArena

  /// - Parameters:
  ///   - base: channels of the first layer.
  ///   - width: of the layer before the logit.
  ///   - isTrained: whether gradients are needed; nil for the structure alone.
  init(base: Int, dense width: Int, isTrained: Bool?) {
    var features: [Step] = [], channels = 1, place = 0
    for number in 0..<8 {
      let output = base << (number / 2)
      let convolution = Convolution(
        "features.\(place)", channels, output, kernel: 3, stride: 1 + number % 2, hasBias: number == 0)
      features.append(
        Step(convolution: convolution, norm: number == 0 ? nil : BatchNorm("features.\(place + 1)", output)))
      place += number == 0 ? 2 : 3
      channels = output
    }
    self.features = features
    dense = Linear("classifier.0", channels, width)
    logit = Linear("classifier.2", width, 1)
    let layers: [any Layer] = features.flatMap(\.layers) + [dense, logit]
    arena = ParameterArena(
      isTrained == nil ? [] : layers.flatMap(\.parameters), isTrained: isTrained ?? false)
  }

  /// Logits of a map's being a true one: `[N, H, W, 1]` to `[N, 1]`.
  func callAsFunction(_ map: Variable, _ tape: Tape) -> Variable {
    let h = features.reduce(map) { $1($0, tape) }  // [N, H / 16, W / 16, 8 base]
    return logit(tape.rectify(dense(tape.meanOverPlaces(h), tape), slope: Self.slope), tape)
  }

  /// What it costs.
  static func outline(_ configuration: SRGANConfiguration) -> NetworkOutline {
    let network = Discriminator(base: configuration.base, dense: configuration.dense, isTrained: nil)
    var side = configuration.imageSize
    var stages = network.features.enumerated().map { number, step in
      let entering = side, layers = step.layers.map { $0.cost(over: [entering, entering]) }
      side = layers[0].convolution?.outputHeight ?? side
      return ("Features \(number + 1)", "convolution", step.convolution.weight.shape[3], Optional(entering), layers)
    }
    stages.append(
      ("Classifier", "2 linear", 1, nil, [network.dense.cost(over: []), network.logit.cost(over: [])]))
    return NetworkOutline(mapOf: configuration.imageSize, stages)
  }
}
