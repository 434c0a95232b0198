import NeuralNetworks
import Records

/// Parameters and multiply-accumulates of one layer for one map.
public struct LayerCost: Sendable {
  /// PyTorch's name of the module.
  public var name: String
  /// The row of the reference table: "Dn1", "Mid", "Up5", …
  public var stage: String
  /// Parameters, biases counted.
  public var parameters: Int
  /// Multiply-accumulates, in convolutions and linear layers.
  public var multiplyAccumulates: Int
  /// Parameters of group norms, which the paper's counter leaves out.
  public var normParameters = 0
  /// Values written by nearest upsampling, which the paper's counter adds as one operation each.
  public var upsampledValues = 0
}

extension CGDM {
  /// What every layer of a structure costs, in the order of computation.
  public static func costs(_ configuration: CGDMConfiguration) -> [LayerCost] {
    let model = CGDM(configuration, structureOnly: true)
    let size = configuration.networkSize
    var costs: [LayerCost] = []
    for linear in [model.timeFirst, model.timeSecond] { costs.append(cost(linear, "Time")) }
    costs.append(cost(model.stem, "Stem", size))
    for stage in model.stages {
      switch stage.kind {
      case .block(let block): costs += self.costs(block, stage.label, stage.resolution)
      case .down(let convolution): costs.append(cost(convolution, stage.label, stage.resolution))
      case .up(let convolution):
        var one = cost(convolution, stage.label, stage.resolution)
        one.upsampledValues = stage.resolution * stage.resolution * convolution.weight.shape[2]
        costs.append(one)
      }
    }
    costs.append(cost(model.finalNorm, "Out"))
    costs.append(cost(model.finalConvolution, "Out", size))
    return costs
  }

  /// Res+ bodies and attention blocks of a structure, with what each would save.
  public static func prunableLayers(_ configuration: CGDMConfiguration) -> [PrunableLayer] {
    let model = CGDM(configuration, structureOnly: true)
    var layers: [PrunableLayer] = []
    for stage in model.stages {
      guard case .block(let block) = stage.kind else { continue }
      let all = costs(block, stage.label, stage.resolution)
      func add(_ suffix: String, _ belongs: (LayerCost) -> Bool) {
        let own = all.filter(belongs)
        layers.append(
          PrunableLayer(
            name: block.name + suffix, parameters: own.reduce(0) { $0 + $1.parameters },
            multiplyAccumulates: own.reduce(0) { $0 + $1.multiplyAccumulates }))
      }
      if block.body != nil {
        add(".res_block") { $0.name.contains(".res_block.") && !$0.name.hasSuffix(".res_conv") }
      }
      if block.attention != nil { add(".attn") { $0.name.contains(".attn.") } }
    }
    return layers
  }

  /// Names of the layers that may stand in `omitted`.
  static func prunableNames(_ configuration: CGDMConfiguration) -> [String] {
    var whole = configuration
    whole.omitted = []
    return prunableLayers(whole).map(\.name)
  }

  private static func costs(_ block: ResPlusBlock, _ stage: String, _ size: Int) -> [LayerCost] {
    var all: [LayerCost] = []
    if let body = block.body {
      all += [cost(body.time, stage), cost(body.firstNorm, stage)]
      all += [cost(body.firstConvolution, stage, size), cost(body.secondNorm, stage)]
      all.append(cost(body.secondConvolution, stage, size))
    }
    if let skip = block.skip { all.append(cost(skip, stage, size)) }
    if let attention = block.attention {
      all += [cost(attention.norm, stage), cost(attention.packed, stage, size)]
      all.append(cost(attention.out, stage, size))
    }
    return all
  }

  private static func cost(_ layer: Convolution, _ stage: String, _ size: Int) -> LayerCost {
    let weights = layer.weight.count
    return LayerCost(
      name: String(layer.weight.name.dropLast(7)), stage: stage,
      parameters: weights + (layer.bias?.count ?? 0), multiplyAccumulates: size * size * weights)
  }

  private static func cost(_ layer: Linear, _ stage: String) -> LayerCost {
    LayerCost(
      name: String(layer.weight.name.dropLast(7)), stage: stage,
      parameters: layer.weight.count + layer.bias.count, multiplyAccumulates: layer.weight.count)
  }

  private static func cost(_ layer: GroupNorm, _ stage: String) -> LayerCost {
    let count = layer.weight.count + layer.bias.count
    return LayerCost(
      name: String(layer.weight.name.dropLast(7)), stage: stage, parameters: count,
      multiplyAccumulates: 0, normParameters: count)
  }
}

extension CGDM.Stage {
  /// The row of the reference table that the stage belongs to.
  var label: String {
    switch part {
    case .down: "Dn\(level + 1)"
    case .middle: "Mid"
    case .up: "Up\(level + 1)"
    }
  }
}

extension CGDM {
  static func outline(_ configuration: CGDMConfiguration) throws -> NetworkOutline {
    let costs = costs(configuration)
    let parameters = costs.reduce(0) { $0 + $1.parameters },
      operations = costs.reduce(0) { $0 + $1.multiplyAccumulates }
    return NetworkOutline(
      parameters: parameters, multiplyAccumulates: operations, convolutions: convolutions(configuration).map(\.shape),
      summary:
        "network: \(Units.count(parameters)) parameters, \(Units.count(operations)) multiply-accumulates a map of \(configuration.imageSize)²"
    )
  }
}
