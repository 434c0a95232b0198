import Computing
import NeuralNetworks
import Runs
import Tensors
import Testing

@testable import Models

@Suite struct CVAETests {
  private let engine = Engine(threads: 2)

  /// As the reference counts them: parameters, and multiply-accumulates of a map of 128 x 128 in use.
  @Test func counts() {
    let outline = CVAE.outline(CVAEConfiguration())
    #expect(outline.total.parameters == 3_286_401)
    let inUse = outline.stages.dropLast().flatMap(\.layers).total.multiplyAccumulates
    #expect(abs(Double(inUse) / 1e9 - 3.689) < 5e-4)
  }

  /// What a layer says of itself is what the network holds.
  @Test func outlineMatchesParameters() {
    var configuration = CVAEConfiguration()
    configuration.widths = [4, 6]
    #expect(
      CVAE.outline(configuration).total.parameters == CVAE(configuration, isTrained: false).arena.parameterCount)
  }

  /// Losses, maps and every gradient of the PyTorch fixture.
  @Test func agreesWithPyTorch() throws {
    let fixture = try Fixture("cvae-small.safetensors")
    var configuration = CVAEConfiguration()
    (configuration.imageSize, configuration.widths, configuration.latent) = (32, [4, 8, 8, 8], 2)
    (configuration.groups, configuration.beta, configuration.gamma) = (2, 0.1, 0.5)
    let network = CVAE(configuration, isTrained: true)
    try fixture.load(network.arena)
    let objective = CVAEObjective(
      network: network, noise: RandomStream(seed: 1, purpose: .noise), rise: 0, engine: engine)
    let batch = RefinementBatch(
      condition: try fixture.maps("input.x", engine, batch: 2),
      target: try fixture.maps("input.fine", engine, batch: 2), positions: [0, 1])
    func latent(_ name: String) throws -> Tensor {
      engine.tensor([2, 4, 4, 2], CGDMTests.channelsLast(try fixture.values(name), 2, 2, 16))
    }

    let tape = Tape(engine: engine, isRecording: true)
    let value = objective.losses(batch, noise: try latent("input.noise"), step: 0, tape)
    for (name, tensor) in zip(["pixel", "kl", "prior", "total"], value.terms + [value.losses.value]) {
      let mean = tensor.values().reduce(0, +) / 2
      #expect(abs(mean / (try fixture.values("loss.\(name)")[0]) - 1) < 1e-4, "\(name)")
    }
    tape.backward(from: value.losses, seed: 0.5)
    #expect(try fixture.greatestError(network.arena, "grad.") { $0.gradient } < 1e-4)

    let silent = Tape(engine: engine, isRecording: false)
    let refined = objective.refine(batch.condition, magnification: 4, SamplingRequest(), silent)
    #expect(Fixture.relative(refined.value.values(), try fixture.values("output.from_prior")) < 1e-4)
    let drawn = objective.sample(batch.condition, noise: try latent("input.prior_noise"), silent)
    #expect(Fixture.relative(drawn.value.values(), try fixture.values("output.sample")) < 1e-4)
  }
}
