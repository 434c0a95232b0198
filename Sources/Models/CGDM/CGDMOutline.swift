import NeuralNetworks

extension CGDM {
  /// What a structure consists of and what every layer costs, without a weight being made.
  ///
  /// - Parameter configuration: a structure; whether it can be built does not matter.
  public static func outline(_ configuration: CGDMConfiguration) -> NetworkOutline {
    CGDM(configuration, structureOnly: true).outline
  }

  /// Names of the layers that may stand in `omitted`.
  static func prunableNames(_ configuration: CGDMConfiguration) -> [String] {
    var whole = configuration
    whole.omitted = []
    return outline(whole).prunable.map(\.name)
  }

  private var outline: NetworkOutline {
    let size = configuration.networkSize, c1 = configuration.baseChannels
    let image = configuration.imageSize
    var rows: [NetworkOutline.Stage] = [
      .init(
        "Time", contents: "2 linear", channels: c1, resolution: nil,
        layers: [timeFirst.cost(over: []), timeSecond.cost(over: [])]),
      .init("Stem", contents: "convolution", channels: c1, resolution: size, layers: [stem.cost(over: [size, size])]),
    ]
    var prunable: [NetworkOutline.PrunableUnit] = []
    var rest = stages[...]
    while let first = rest.first {
      let members = rest.prefix { $0.label == first.label }
      rest = rest.dropFirst(members.count)
      rows.append(row(first, Array(members)))
      for case .block(let block) in members.map(\.kind) { prunable += block.prunable(at: first.resolution) }
    }
    rows.append(
      .init(
        "Out", contents: "norm, convolution", channels: configuration.channels, resolution: size,
        layers: [finalNorm.cost(over: [size, size]), finalConvolution.cost(over: [size, size])]))
    return NetworkOutline(for: "one map of \(image) x \(image)", stages: rows, prunable: prunable)
  }

  /// A level's blocks, with the convolution to the next.
  private func row(_ first: Stage, _ members: [Stage]) -> NetworkOutline.Stage {
    let blocks = members.compactMap { if case .block(let block) = $0.kind { block } else { nil } }
    let attention = blocks.count { $0.attention != nil }
    var contents = ["\(blocks.count { $0.body != nil }) Res+"]  // a body that was pruned away does not count
    if attention > 0 { contents.append("\(attention) attention") }
    for member in members {
      switch member.kind {
      case .block: break
      case .down: contents.append("Down")
      case .up: contents.append("Up")
      }
    }
    return .init(
      first.label, contents: contents.joined(separator: ", "),
      channels: configuration.multipliers[first.level] * configuration.baseChannels,
      resolution: configuration.networkSize >> first.level, layers: members.flatMap(\.costs))
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

  /// What its layers cost, in the order of computation.
  fileprivate var costs: [LayerCost] {
    switch kind {
    case .block(let block): return block.costs(at: resolution)
    case .down(let convolution):
      let size = resolution * convolution.stride
      return [convolution.cost(over: [size, size])]
    case .up(let convolution):
      var cost = convolution.cost(over: [resolution, resolution])
      cost.upsampledValues = Counting.product([resolution, resolution, inputChannels])
      return [cost]
    }
  }
}

extension ResPlusBlock {
  fileprivate func costs(at size: Int) -> [LayerCost] {
    bodyCosts(size) + (skip.map { [$0.cost(over: [size, size])] } ?? []) + attentionCosts(size)
  }

  /// The body and the attention, where they are.
  fileprivate func prunable(at size: Int) -> [NetworkOutline.PrunableUnit] {
    [(bodyName, bodyCosts(size)), (attentionName, attentionCosts(size))].filter { !$1.isEmpty }.map {
      NetworkOutline.PrunableUnit($0, layers: $1)
    }
  }

  /// The time embedding has no places.
  private func bodyCosts(_ size: Int) -> [LayerCost] {
    guard let body else { return [] }
    return [body.time.cost(over: [])] + body.onMaps.map { $0.cost(over: [size, size]) }
  }

  private func attentionCosts(_ size: Int) -> [LayerCost] {
    attention?.layers.map { $0.cost(over: [size, size]) } ?? []
  }
}
