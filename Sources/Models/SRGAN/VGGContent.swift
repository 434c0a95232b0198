import NeuralNetworks
import Runs
import Tensors

/// The content loss of Ledig et al. 2017: the squared error of VGG19's features phi_5,4 behind their rectifier, divided by
/// 12.75. Maps enter as grey pictures with ImageNet's mean and deviation.
final class VGGContent {
  /// Channels and number of the convolutions between two poolings.
  static let vgg19 = [(64, 2), (128, 2), (256, 4), (512, 4), (512, 4)]
  private static let scale: Float = 12.75
  private static let means: [Float] = [0.485, 0.456, 0.406]
  private static let deviations: [Float] = [0.229, 0.224, 0.225]

  private let colours: Convolution
  let groups: [[Convolution]]
  /// The weights but for those that make a picture of a map.
  let arena: ParameterArena
  private let ownArena: ParameterArena

  /// All weights 0.
  init(_ widths: [(channels: Int, count: Int)] = vgg19) {
    colours = Convolution("colours", 1, 3, kernel: 1)
    var channels = 3, number = 0
    groups = widths.map { width, count in
      defer { number += 1 }  // the pooling
      return (0..<count).map { _ in
        defer { (channels, number) = (width, number + 2) }  // itself and its rectifier
        return Convolution("features.\(number)", channels, width, kernel: 3)
      }
    }
    arena = ParameterArena(groups.joined().flatMap(\.parameters), isTrained: false)
    ownArena = ParameterArena(colours.parameters, isTrained: false)
    for colour in 0..<3 {
      colours.weight.value?.base[colour] = 1 / Self.deviations[colour]
      colours.bias?.value?.base[colour] = -Self.means[colour] / Self.deviations[colour]
    }
  }

  /// - Parameter path: torchvision's weights of VGG19 as safetensors.
  /// - Throws: `Fault` where the file cannot be read, or holds other weights.
  convenience init(weights path: String) throws {
    self.init()
    try ModelFile.read(path, arena, into: arena.weights, allowsOthers: true)
  }

  /// The error of each map, `[N, 1]`.
  func error(_ map: Variable, _ truth: Variable, _ tape: Tape) -> Variable {
    let error = tape.meanSquaredError(features(map, tape), target: features(truth, tape).value)
    return tape.scale(error, by: 1 / (Self.scale * Self.scale))
  }

  private func features(_ map: Variable, _ tape: Tape) -> Variable {
    var h = colours(map, tape)
    for (place, group) in groups.enumerated() {
      if place > 0 { h = tape.maxPool(h) }
      for convolution in group { h = tape.rectify(convolution(h, tape)) }
    }
    return h
  }
}
