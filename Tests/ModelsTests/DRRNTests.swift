import Computing
import NeuralNetworks
import Tensors
import Testing

@testable import Models

@Suite struct DRRNTests {
  private let engine = Engine(threads: 2)

  private func network() throws -> (DRRN, Fixture) {
    let fixture = try Fixture("drrn-small.safetensors")
    var configuration = DRRNConfiguration()
    (configuration.imageSize, configuration.filters, configuration.units) = (32, 8, 3)
    let network = DRRN(configuration, isTrained: true)
    try fixture.load(network.arena)
    return (network, fixture)
  }

  /// As the reference counts them: parameters, and multiply-accumulates of a map of 128 x 128.
  @Test func counts() {
    let total = DRRN.outline(DRRNConfiguration()).total
    #expect(total.parameters == 297_216)
    #expect(abs(Double(total.multiplyAccumulates) / 1e9 - 120.834) < 5e-4)
  }

  /// Output, loss and every gradient of the PyTorch fixture.
  @Test func agreesWithPyTorch() throws {
    let (network, fixture) = try network(), tape = Tape(engine: engine, isRecording: true)
    let y = network(tape.constant(try fixture.maps("input.x", engine, batch: 2)), tape)
    #expect(Fixture.relative(y.value.values(), try fixture.values("output.y")) < 1e-4)
    let loss = tape.meanSquaredError(y, target: try fixture.maps("input.fine", engine, batch: 2))
    let mean = loss.value.values().reduce(0, +) / 2
    #expect(abs(mean / (try fixture.values("loss.mean")[0]) - 1) < 1e-4)
    tape.backward(from: loss, seed: 0.5)
    #expect(try fixture.greatestError(network.arena, "grad.") { $0.gradient } < 1e-4)
  }

  /// Two steps with momentum, decay and adjustable clipping, on the loss that the threshold is meant for.
  @Test func clippedStepsAgreeWithPyTorch() throws {
    let (network, fixture) = try network(), objective = DRRNObjective(network: network)
    var rule = Optimiser.Rule()
    (rule.kind, rule.momentum, rule.weightDecay) = (.descent, 0.9, 1e-4)
    let optimiser = Optimiser(network.arena, rule: rule)
    for step in 1...2 {
      network.arena.clearGradients()
      let tape = Tape(engine: engine, isRecording: true)
      let batch = RefinementBatch(
        condition: try fixture.maps("input.x", engine, batch: 2),
        target: try fixture.maps("input.fine", engine, batch: 2), positions: [0, 1])
      let losses = objective.evaluate(0, batch, step: step, tape).losses
      let loss = losses.value.values().reduce(0, +) / 2
      #expect(abs(loss / (try fixture.values("loss.half_sum_\(step)")[0]) - 1) < 1e-4)
      tape.backward(from: losses, seed: 0.5)
      let norm = gradientNorm(network.arena, threads: engine.threads)
      #expect(abs(norm / Double(try fixture.values("output.gradient_norm_\(step)")[0]) - 1) < 1e-4)
      try optimiser.step(learningRate: 0.1, gradientScale: min(1, 0.1 / norm), threads: engine.threads)
      #expect(try fixture.greatestError(network.arena, "weight_after_\(step).") { $0.value } < 1e-4)
    }
  }
}
