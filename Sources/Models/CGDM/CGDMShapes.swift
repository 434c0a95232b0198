import NeuralNetworks
import Tensors

extension CGDM {
  /// One convolution of the network.
  public struct ConvolutionLayer: Sendable {
    /// PyTorch's name of the module.
    public var name: String
    /// Its extents for one map.
    public var shape: ConvolutionShape
  }

  /// All convolutions of a structure, in the order of computation.
  public static func convolutions(_ configuration: CGDMConfiguration) -> [ConvolutionLayer] {
    let model = CGDM(configuration, structureOnly: true)
    let size = configuration.networkSize
    var layers = [layer(model.stem, size)]
    for stage in model.stages {
      switch stage.kind {
      case .block(let block):
        var all: [Convolution?] = [block.body?.firstConvolution, block.body?.secondConvolution, block.skip]
        all += [block.attention?.packed, block.attention?.out]
        layers += all.compactMap { $0.map { layer($0, stage.resolution) } }
      case .down(let convolution): layers.append(layer(convolution, stage.resolution * convolution.stride))
      case .up(let convolution): layers.append(layer(convolution, stage.resolution))
      }
    }
    return layers + [layer(model.finalConvolution, size)]
  }

  private static func layer(_ convolution: Convolution, _ size: Int) -> ConvolutionLayer {
    let extents = convolution.weight.shape
    return ConvolutionLayer(
      name: String(convolution.weight.name.dropLast(7)),
      shape: ConvolutionShape(
        height: size, width: size, input: extents[2], output: extents[3], kernel: extents[0],
        stride: convolution.stride))
  }
}
