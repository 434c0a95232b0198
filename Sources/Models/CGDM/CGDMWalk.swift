import Tensors

extension CGDM {
  /// Starts at the network's input, the stem computed.
  ///
  /// - Parameters:
  ///   - x: what the network reads, `[N, H, W, input channels]`.
  ///   - timesteps: t of each sample, 1...T.
  ///   - tape: where it is recorded.
  public func start(_ x: Variable, timesteps: [Float], _ tape: Tape) -> Walk {
    Walk(self, x, timesteps: timesteps, tape)
  }

  /// The answer, and the feature maps at the ends of the stages (Dn1, ..., Mid, ..., Up1).
  public func evaluate(
    _ x: Variable, timesteps: [Float], _ tape: Tape
  ) -> (output: Variable, features: [Variable]) {
    var features: [Variable] = []
    var walk = start(x, timesteps: timesteps, tape)
    let output = walk.finish { features.append($0) }
    return (output, features)
  }

  /// The network under way: what has been computed, and what the layers to come read.
  ///
  /// A kept copy can be gone on with any number of times, with one layer or another left out; what stands before that
  /// layer is not computed again.
  public struct Walk {
    private let model: CGDM
    private let tape: Tape
    /// Swish of the time embedding, `[N, c1]`, shared by all blocks.
    private let time: Variable
    private var hidden: Variable
    private var skips: [Skip] = []
    private var place = 0
    /// Within a block: its body is done, its attention is next.
    private var isAttentionNext = false

    /// What the way up will read again.
    private struct Skip {
      var variable: Variable
      /// The buffer whose other part the decoder writes to; nil where that part belongs to somebody else.
      var joint: Tensor?
    }

    fileprivate init(_ model: CGDM, _ x: Variable, timesteps: [Float], _ tape: Tape) {
      self.model = model
      self.tape = tape
      let angles = tape.constant(model.timeAngles(timesteps, tape.engine))  // [N, c1]
      let embedding = model.timeSecond(tape.swish(model.timeFirst(angles, tape)), tape)
      time = tape.swish(embedding)
      let joint = tape.engine.tensor(
        x.value.shape.dropLast() + [model.stemPartner + model.configuration.baseChannels])
      hidden = model.stem(x, tape, into: joint.slice(channels: model.stemPartner..<joint.channels))
      skips.append(Skip(variable: hidden, joint: joint))
    }

    /// This state, to be gone on with later: whoever does so writes into no buffer of this one.
    public var kept: Walk {
      var copy = self
      for index in copy.skips.indices { copy.skips[index].joint = nil }
      return copy
    }

    /// Goes on until a prunable layer is the next to be computed.
    ///
    /// - Parameter layer: a name of `NetworkOutline.prunable`, not yet passed.
    public mutating func advance(to layer: String) {
      while nextLayer != layer {
        precondition(place < model.stages.count, "\(layer) is not before us")
        step(without: nil)
      }
    }

    /// Goes on to the end.
    ///
    /// - Parameters:
    ///   - layer: a prunable layer not yet passed that is left out, as if it were omitted; nil for none.
    ///   - atStageEnd: told the feature map at the end of each stage.
    /// - Returns: the network's answer, `[N, H, W, channels]`.
    public mutating func finish(
      without layer: String? = nil, atStageEnd: ((Variable) -> Void)? = nil
    ) -> Variable {
      while place < model.stages.count {
        let stage = model.stages[place]
        step(without: layer)
        let isEnd = place == model.stages.count || model.stages[place].label != stage.label
        if !isAttentionNext, isEnd { atStageEnd?(hidden) }
      }
      return model.finalConvolution(model.finalNorm(hidden, tape), tape)
    }

    /// The prunable layer that is next; nil where what is next cannot be pruned.
    private var nextLayer: String? {
      guard place < model.stages.count, case .block(let block) = model.stages[place].kind else { return nil }
      if isAttentionNext { return block.attentionName }
      return block.body == nil ? nil : block.bodyName
    }

    /// Computes a stage, or half of one: a block's body, then its attention.
    private mutating func step(without omitted: String?) {
      let stage = model.stages[place]
      switch stage.kind {
      case .block(let block):
        if !isAttentionNext {
          if stage.part == .up {
            let skip = skips.removeLast()
            hidden = tape.concatenate(hidden, skip.variable)
          }
          let isLast = block.attention == nil
          let target = isLast ? destination(stage) : nil
          hidden = block.residual(
            hidden, time: time, tape, into: target?.output, withoutBody: omitted == block.bodyName)
          guard isLast else {
            isAttentionNext = true
            return
          }
          leave(stage, joint: target?.joint)
        } else {
          let isOmitted = omitted == block.attentionName
          let target = isOmitted ? nil : destination(stage)
          if !isOmitted { hidden = block.attend(hidden, tape, into: target?.output) }
          isAttentionNext = false
          leave(stage, joint: target?.joint)
        }
      case .down(let convolution):
        let target = destination(stage)
        hidden = convolution(hidden, tape, into: target?.output)
        leave(stage, joint: target?.joint)
      case .up(let convolution):
        hidden = convolution(tape.upsampleNearest(hidden), tape, into: destination(stage)?.output)
        leave(stage, joint: nil)
      }
    }

    private mutating func leave(_ stage: Stage, joint: Tensor?) {
      if stage.part == .down { skips.append(Skip(variable: hidden, joint: joint)) }
      place += 1
    }

    /// Where a stage's output goes: on the way down into its part of a buffer that it shares with the decoder, on the
    /// way up into the decoder's part, so that concatenation costs nothing.
    private func destination(_ stage: Stage) -> (output: Tensor, joint: Tensor?)? {
      let channels = stage.outputChannels
      if stage.part == .down {
        let input = hidden.value.shape, halving = stage.kind.isDown ? 2 : 1
        let partner = stage.partnerChannels
        let joint = tape.engine.tensor([input[0], input[1] / halving, input[2] / halving, partner + channels])
        return (joint.slice(channels: partner..<partner + channels), joint)
      }
      // The next block of the way up reads this output as the decoder's share of its joint buffer.
      let next = place + 1
      guard next < model.stages.count, model.stages[next].part == .up, model.stages[next].isBlock,
        let joint = skips.last?.joint
      else { return nil }
      return (joint.slice(channels: 0..<channels), nil)
    }
  }
}
