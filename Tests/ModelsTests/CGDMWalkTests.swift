import Computing
import Models
import NeuralNetworks
import Tensors
import Testing

/// The network computed piece by piece, pieces left out: against the network as a whole, bit for bit.
@Suite struct CGDMWalkTests {
  private let engine = Engine(threads: 2)
  private var configuration: CGDMConfiguration {
    var configuration = CGDMConfiguration.tiny
    configuration.imageSize = 32
    configuration.attentionResolutions = [16]
    configuration.omitted = ["downs.3.attn"]
    return configuration
  }

  private func model(_ configuration: CGDMConfiguration) throws -> CGDM {
    let model = CGDM(configuration)
    try Initialisation.kaiming.apply(to: model.arena, seed: 1)
    return model
  }

  private func input(_ tape: Tape) -> Variable {
    tape.constant(engine.tensor([2, 32, 32, 2], RandomStream(seed: 1, purpose: .test).gaussian(4096)))
  }

  /// Each layer removed from a kept state, in an order that would show a buffer that was written to twice; against the
  /// same network all over, and against the network whose configuration omits the layer.
  @Test func removalsFromKeptStates() throws {
    let whole = try model(configuration)
    let tape = Tape(engine: engine, isRecording: false)
    let expected = whole(input(tape), timesteps: [3, 700], tape).value.values()
    let names = CGDM.outline(configuration).prunable.map(\.name)
    #expect(names.contains("downs.3.res_block") && names.contains("mid.0.attn") && !names.contains("downs.3.attn"))
    var walk = whole.start(input(tape), timesteps: [3, 700], tape)
    var states: [CGDM.Walk] = []
    for name in names {
      walk.advance(to: name)
      states.append(walk.kept)
    }
    for place in names.indices.reversed() + names.indices {
      var again = states[place]
      let removed = again.finish(without: names[place]).value.values()
      var afresh = whole.start(input(tape), timesteps: [3, 700], tape)
      #expect(removed == afresh.finish(without: names[place]).value.values(), "\(names[place])")
      var configuration = configuration
      configuration.omitted.append(names[place])
      let pruned = CGDM(configuration)
      for (parameter, range) in zip(pruned.arena.parameters, pruned.arena.ranges) {
        let from = whole.parameters.firstIndex { $0.name == parameter.name }!
        (pruned.arena.weights.base + range.lowerBound).update(
          from: whole.arena.weights.base + whole.arena.ranges[from].lowerBound, count: range.count)
      }
      #expect(removed == pruned(input(tape), timesteps: [3, 700], tape).value.values(), "\(names[place])")
      #expect(removed != expected)
    }
    #expect(walk.finish().value.values() == expected)
  }

  /// One feature map a stage, as wide and as large as the stage that follows reads it.
  @Test func featuresAtStageEnds() throws {
    let whole = try model(configuration)
    let tape = Tape(engine: engine, isRecording: false)
    let (output, features) = whole.evaluate(input(tape), timesteps: [3, 700], tape)
    #expect(output.value.values() == whole(input(tape), timesteps: [3, 700], tape).value.values())
    #expect(
      features.map { Array($0.value.shape.dropFirst()) } == [
        [16, 16, 8], [8, 8, 16], [4, 4, 32], [4, 4, 32], [4, 4, 32], [8, 8, 32], [16, 16, 32], [32, 32, 16],
        [32, 32, 8],
      ])
  }
}
