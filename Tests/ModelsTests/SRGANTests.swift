import Computing
import Interpolation
import NeuralNetworks
import Runs
import Tensors
import Testing

@testable import Models

@Suite struct SRGANTests {
  private let engine = Engine(threads: 2)

  private func networks() throws -> (SRGAN, Fixture) {
    let fixture = try Fixture("srgan-small.safetensors")
    var configuration = SRGANConfiguration()
    configuration.generator.imageSize = 32
    (configuration.generator.channels, configuration.generator.blocks) = (8, 2)
    (configuration.base, configuration.dense) = (4, 16)
    let networks = SRGAN(configuration, isTrained: true)
    for (arena, name) in [(networks.generator.arena, "generator"), (networks.discriminator.arena, "discriminator")] {
      try fixture.load(arena, weights: "weight.\(name).", statistics: "stat_before.\(name).")
    }
    return (networks, fixture)
  }

  private func batch(_ fixture: Fixture) throws -> RefinementBatch {
    // Of the interpolated map the generator sees the samples alone.
    let fine = try fixture.maps("input.fine", engine, batch: 4)
    return RefinementBatch(condition: fine, target: fine, positions: Array(0..<4))
  }

  private func expectLoss(
    _ tensor: Tensor, _ fixture: Fixture, _ name: String, location: SourceLocation = #_sourceLocation
  ) throws {
    let mean = tensor.values().reduce(0, +) / 4
    #expect(abs(mean / (try fixture.values("loss.\(name)")[0]) - 1) < 1e-4, "\(name)", sourceLocation: location)
  }

  /// As the reference counts them: parameters, and multiply-accumulates of a map of 128 x 128.
  @Test func counts() {
    let generator = Generator.outline(GeneratorConfiguration()).total
    let discriminator = Discriminator.outline(SRGANConfiguration()).total
    #expect(generator.parameters == 1_526_612 && discriminator.parameters == 5_212_417)
    #expect(abs(Double(generator.multiplyAccumulates) / 1e9 - 2.091) < 5e-4)
    #expect(abs(Double(discriminator.multiplyAccumulates) / 1e9 - 1.520) < 5e-4)
    var small = SRGANConfiguration()
    (small.generator, small.base) = (.small, 16)
    #expect(Generator.outline(small.generator).total.parameters == 236_972)
    #expect(Discriminator.outline(small).total.parameters == 426_817)
  }

  /// With running statistics, which stay as they are: maps, loss, gradients, and both ways to other magnifications.
  @Test func evaluationAgreesWithPyTorch() throws {
    let (networks, fixture) = try networks(), batch = try batch(fixture)
    let objective = GeneratorObjective(network: networks.generator)
    let tape = Tape(engine: engine, training: networks.generator.arena)
    let fake = objective.generate(batch, tape)
    #expect(Fixture.relative(fake.value.values(), try fixture.values("output.fake_eval")) < 1e-4)
    let loss = tape.meanSquaredError(fake, target: batch.target)
    try expectLoss(loss.value, fixture, "pixel_eval")
    tape.backward(from: loss, seed: 0.25)
    #expect(try fixture.greatestError(networks.generator.arena, "grad_eval.generator.") { $0.gradient } < 1e-4)
    let silent = Tape(engine: engine, isRecording: false)
    let logits = networks.discriminator(silent.constant(batch.target), silent).value.values()
    #expect(Fixture.relative(logits, try fixture.values("output.logit_real_eval")) < 1e-4)
    for magnification in [2, 8, 16] {
      let coarse = GeneratorObjective.decimated(batch.condition, by: magnification, engine)
      let upsampler = try Upsampler(rows: 32, columns: 32, magnification: magnification, method: .bilinear)
      let condition = engine.tensor(batch.condition.shape)
      for n in 0..<4 {
        upsampler.upsample(
          UnsafeBufferPointer(start: coarse.sample(n), count: upsampler.grid.samples),
          into: UnsafeMutableBufferPointer(start: condition.sample(n), count: upsampler.grid.pixels))
      }
      for way in SamplingRequest.ZeroShot.allCases {
        var request = SamplingRequest()
        request.zeroShot = way
        let map = objective.refine(condition, magnification: magnification, request, silent).value.values()
        #expect(
          Fixture.relative(map, try fixture.values("output.x\(magnification)_\(way.rawValue)")) < 1e-4,
          "x\(magnification) \(way)")
      }
    }
  }

  /// SRGAN-MSE: the loss's gradients and the running statistics after a pass.
  @Test func generatorAgreesWithPyTorch() throws {
    let (networks, fixture) = try networks(), arena = networks.generator.arena
    let tape = Tape(engine: engine, training: arena)
    let objective = GeneratorObjective(network: networks.generator)
    let losses = objective.evaluate(0, try batch(fixture), step: 0, tape).losses
    try expectLoss(losses.value, fixture, "generator_pixel")
    tape.backward(from: losses, seed: 0.25)
    #expect(try fixture.greatestError(arena, "grad_mse.generator.") { $0.gradient } < 1e-4)
    networks.generator.statistics.updateRunningStatistics()
    #expect(
      try fixture.greatestError(arena, "stat_after.generator.") { $0.kind.isStatistic ? $0.value : nil } < 1e-4)
  }

  /// A step of each player: losses, terms, every gradient of the one whose turn it is, none of the other's; running
  /// statistics pass by pass.
  @Test func playersAgreeWithPyTorch() throws {
    let (networks, fixture) = try networks(), batch = try batch(fixture)
    let objective = AdversarialObjective(networks, vgg: nil)
    let (generator, discriminator) = (networks.generator.arena, networks.discriminator.arena)
    var tape = Tape(engine: engine, training: generator)
    let first = objective.evaluate(0, batch, step: 7, tape)
    for (name, tensor) in zip(["pixel", "edge", "adversarial", "total"], first.terms + [first.losses.value]) {
      try expectLoss(tensor, fixture, "generator_\(name)")
    }
    tape.backward(from: first.losses, seed: 0.25)
    #expect(try fixture.greatestError(generator, "grad.generator.") { $0.gradient } < 1e-4)
    #expect(discriminator.parameters.allSatisfy { $0.gradient?.values().allSatisfy { $0 == 0 } ?? true })

    generator.clearGradients()
    tape = Tape(engine: engine, training: discriminator)
    let second = objective.evaluate(1, batch, step: 7, tape)
    for (name, tensor) in zip(["_real", "_fake", ""], second.terms + [second.losses.value]) {
      try expectLoss(tensor, fixture, "discriminator\(name)")
    }
    tape.backward(from: second.losses, seed: 0.25)
    #expect(try fixture.greatestError(discriminator, "grad.discriminator.") { $0.gradient } < 1e-4)
    #expect(generator.parameters.allSatisfy { $0.gradient?.values().allSatisfy { $0 == 0 } ?? true })
  }

  /// The discriminator's running statistics after its passes in PyTorch's order: true maps, made maps, made maps again.
  @Test func discriminatorStatisticsAgreeWithPyTorch() throws {
    let (networks, fixture) = try networks(), batch = try batch(fixture)
    let tape = Tape(engine: engine, isRecording: false)
    tape.batchStatistics = networks.generator.statistics
    let made = try fixture.maps("output.fake", engine, batch: 4)
    for (maps, name) in [(batch.target, "real"), (made, "fake"), (made, "generator")] {
      _ = networks.discriminator(tape.constant(maps), tape)
      networks.generator.statistics.updateRunningStatistics()
      let error = try fixture.greatestError(networks.discriminator.arena, "stat_after_\(name).discriminator.") {
        $0.kind.isStatistic ? $0.value : nil
      }
      #expect(error < 1e-4, "\(name)")
    }
  }
}
