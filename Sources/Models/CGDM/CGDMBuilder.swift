import NeuralNetworks

extension CGDM {
  /// Lays out the stages in the order of the table in the reference: way down, middle, way up.
  struct Builder {
    private let configuration: CGDMConfiguration
    private(set) var stages: [Stage] = []
    private(set) var channels: Int
    private var resolution: Int
    private var skips: [Int]
    private var layer = 0

    init(_ configuration: CGDMConfiguration) {
      self.configuration = configuration
      channels = configuration.baseChannels
      resolution = configuration.networkSize
      skips = [channels]
    }

    mutating func build() {
      let levels = configuration.multipliers.count
      var module = 1  // downs.0 is the stem
      for level in 0..<levels {
        for _ in 0..<configuration.blocks {
          addBlock("downs.\(module)", .down, level, channels, width(level))
          skips.append(channels)
          module += 1
        }
        if level < levels - 1 {
          resolution /= 2
          add(
            .down(Convolution("downs.\(module).conv", channels, channels, kernel: 3, stride: 2)), .down, level
          )
          skips.append(channels)
          module += 1
        }
      }
      addBlock("mid.0", .middle, levels - 1, channels, channels, hasAttention: true)
      addBlock("mid.1", .middle, levels - 1, channels, channels, hasAttention: false)
      module = 0
      var popped: [Int] = []  // the decoder's channels at each pop, last skip first
      for level in (0..<levels).reversed() {
        for _ in 0...configuration.blocks {
          popped.append(channels)
          addBlock("ups.\(module)", .up, level, channels + skips.removeLast(), width(level))
          module += 1
        }
        if level > 0 {
          resolution *= 2
          add(.up(Convolution("ups.\(module).conv", channels, channels, kernel: 3)), .up, level)
          module += 1
        }
      }
      let pushes = stages.indices.filter { stages[$0].part == .down }  // after the stem's
      for (push, partner) in zip(pushes.reversed(), popped) { stages[push].partnerChannels = partner }
    }

    private func width(_ level: Int) -> Int { configuration.multipliers[level] * configuration.baseChannels }

    private mutating func addBlock(
      _ name: String, _ part: Stage.Part, _ level: Int, _ input: Int, _ output: Int,
      hasAttention: Bool? = nil
    ) {
      layer += 1
      let attends = hasAttention ?? configuration.attentionResolutions.contains(resolution)
      let block = ResPlusBlock(
        name, input, output, configuration, hasAttention: attends, layer: layer)
      channels = output
      add(.block(block), part, level)
    }

    private mutating func add(_ kind: Stage.Kind, _ part: Stage.Part, _ level: Int) {
      stages.append(Stage(kind: kind, part: part, level: level, resolution: resolution))
    }
  }
}
