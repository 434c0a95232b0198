import Computing
import Conditioning
import Diffusion
import Foundation
import NeuralNetworks
import Runs
import Tensors
import Testing
import TestSupport

@testable import Models

extension Fixture {
  /// Values of PyTorch's layout `[n, channels, places]` as `[n, places, channels]`.
  func channelsLast(_ name: String, batch: Int, channels: Int) throws -> [Float] {
    let values = try values(name)
    return CGDMTests.channelsLast(values, batch, channels, values.count / batch / channels)
  }

  /// Pairs of numbers: places (row, column) of stations, scene by scene.
  func places(_ name: String, scenes: Int) throws -> [[SIMD2<Double>]] {
    let values = try values(name).map(Double.init), each = values.count / 2 / scenes
    return (0..<scenes).map { scene in
      (0..<each).map { SIMD2(values[2 * (scene * each + $0)], values[2 * (scene * each + $0) + 1]) }
    }
  }
}

/// The autoencoder and BS-1-to-N's networks against PyTorch, and what their mathematics promises.
@Suite struct LatentDiffusionTests {
  private let engine = Engine(threads: 2)

  // MARK: - Autoencoder

  @Test func autoencoderCounts() {
    func count(_ change: (inout AutoencoderConfiguration) -> Void) -> Int {
      var configuration = AutoencoderConfiguration()
      change(&configuration)
      return LatentAutoencoder.outline(configuration).total.parameters
    }
    func paper(_ channels: Int) -> Int {
      count {
        ($0.imageSize, $0.channels, $0.layers, $0.groups, $0.attention) = (256, channels, 2, 32, true)
        $0.widths = [128, 256, 512, 512]
      }
    }
    #expect(paper(3) == 83_653_863 && paper(1) == 83_649_253)
    var small = AutoencoderConfiguration()
    small.attention = true
    #expect(
      LatentAutoencoder.outline(small).total.parameters
        == LatentAutoencoder(small, isTrained: false).arena.parameterCount)
  }

  @Test func autoencoderAgreesWithPyTorch() throws {
    let fixture = try Fixture("bs1ton-vae-small.safetensors")
    var configuration = AutoencoderConfiguration()
    (configuration.imageSize, configuration.widths, configuration.groups) = (32, [8, 8, 16], 4)
    (configuration.attention, configuration.divergence) = (true, 1)
    let network = LatentAutoencoder(configuration, isTrained: true)
    try fixture.load(network.arena)
    let maps = try fixture.maps("input.x", engine, batch: 2)
    let noise = engine.tensor([2, 8, 8, 4], try fixture.channelsLast("input.noise", batch: 2, channels: 4))
    let tape = Tape(engine: engine, isRecording: true)
    let loss = AutoencoderLoss(network: network, seed: 1, engine: engine).losses(maps, noise: noise, tape)
    func mean(_ tensor: Tensor) -> Float { tensor.values().reduce(0, +) / 2 }
    #expect(abs(mean(loss.losses.value) / (try fixture.values("output.loss")[0]) - 1) < 1e-4)
    #expect(abs(mean(loss.terms[0]) / (try fixture.values("output.l1")[0]) - 1) < 1e-4)
    #expect(abs(mean(loss.terms[1]) / 1024 / (try fixture.values("output.kl")[0]) - 1) < 1e-4)
    tape.backward(from: loss.losses, seed: 0.5)
    // The bias of keys is the same for all of them: softmax does not see it.
    #expect(
      try fixture.greatestError(network.arena, "grad.") { $0.name.hasSuffix("to_k.bias") ? nil : $0.gradient } < 1e-4)
    for parameter in network.arena.parameters where parameter.name.hasSuffix("to_k.bias") {
      #expect(parameter.gradient?.values().allSatisfy { abs($0) < 1e-6 } == true)
    }
    let silent = Tape(engine: engine, isRecording: false)
    let latent = network.mean(maps, silent)
    #expect(
      Fixture.relative(latent.value.values(), try fixture.channelsLast("output.mean", batch: 2, channels: 4)) < 1e-4)
    let drawn = engine.tensor([2, 8, 8, 4], try fixture.channelsLast("output.z", batch: 2, channels: 4))
    #expect(
      Fixture.relative(
        network.decode(silent.constant(drawn), silent).value.values(), try fixture.values("output.y")) < 1e-4)
  }

  // MARK: - Encoder of sources

  private static func section(
    _ widths: [Int], heads: Int, _ encoder: [Int], _ depths: [Int], groups: Int = 16
  ) -> StationSection {
    var section = StationSection()
    (section.model.widths, section.model.heads, section.model.groups) = (widths, heads, groups)
    (section.encoder.widths, section.encoder.depths) = (encoder, depths)
    return section
  }

  @Test func counts() {
    func count(_ section: StationSection) -> (encoder: Int, unet: Int) {
      let networks = StationNetworks(section, isTrained: nil), size = section.model.imageSize
      let unet = networks.unet.costs(size / section.latent.factor, tokens: 49).flatMap(\.layers)
      return (networks.encoder.costs(size).total.parameters, unet.total.parameters)
    }
    let paper = count(StationFamily.presets.first { $0.name == "bs-1-to-n-paper" }!.configuration.own)
    #expect(paper.unet == 859_520_964 && paper.encoder == 27_866_496)
    let autoencoder = LatentAutoencoder.outline(AutoencoderConfiguration()).total.parameters
    for (section, total) in [
      (Self.section([32, 64, 96], heads: 4, [24, 48, 96], [1, 1, 3]), 3_701_929),
      (Self.section([48, 96, 144], heads: 3, [32, 64, 128], [2, 2, 4]), 7_514_105),
      (Self.section([64, 128, 192], heads: 4, [40, 80, 160], [2, 2, 6]), 13_082_081),
    ] {
      let found = count(section)
      #expect(autoencoder + found.encoder + found.unet == total)
      #expect(StationNetworks(section, isTrained: false).arena.parameterCount == found.encoder + found.unet)
    }
  }

  @Test func encoderAgreesWithPyTorch() throws {
    let fixture = try Fixture("bs1ton-encoder-small.safetensors")
    var configuration = SourceEncoderConfiguration()
    (configuration.widths, configuration.depths, configuration.side) = ([8, 16, 24], [1, 1, 2], 32)
    let encoder = SourceEncoder(configuration), arena = ParameterArena(encoder.layers.parameters, isTrained: true)
    try fixture.load(arena)
    let input = encoder.input(try fixture.maps("input.x", engine, batch: 2), engine)
    #expect(Fixture.relative(input.values(), try fixture.values("output.resized")) < 1e-5)
    let tape = Tape(engine: engine, isRecording: true), tokens = encoder(tape.constant(input), tape)
    #expect(Fixture.relative(tokens.value.values(), try fixture.values("output.tokens")) < 1e-4)
    let goal = engine.tensor([2, 16, 24], try fixture.values("input.goal"))
    let loss = tape.meanSquaredError(tokens, target: goal)
    #expect(abs(loss.value.values().reduce(0, +) / 2 / (try fixture.values("output.loss")[0]) - 1) < 1e-4)
    tape.backward(from: loss, seed: 0.5)
    #expect(try fixture.greatestError(arena, "grad.") { $0.gradient } < 1e-4)
  }

  // MARK: - U-Net across stations

  private static func fixtureModel(_ code: StationCode) -> (StationUNet, ParameterArena) {
    var configuration = StationUNetConfiguration()
    (configuration.widths, configuration.attention, configuration.heads) = ([8, 16, 16], [1, 1, 0], 2)
    (configuration.groups, configuration.code) = (4, code)
    let unet = StationUNet(configuration, latent: 4, context: 16)
    return (unet, ParameterArena(unet.layers.parameters, isTrained: true))
  }

  /// Loss, answer, and every gradient: of weights, of noisy latents and of tokens.
  @Test(arguments: [
    ("", StationCode.polar, 2, 2, false), ("case2.", .polar, 1, 1, true), ("case3.", .cartesian, 2, 3, false),
  ]) func unetAgreesWithPyTorch(
    prefix: String, code: StationCode, scenes: Int, targets: Int, isVelocity: Bool
  ) throws {
    let fixture = try Fixture("bs1ton-unet-small.safetensors"), (unet, arena) = Self.fixtureModel(code)
    try fixture.load(arena)
    let count = scenes * targets, shape = [count, 8, 8, 4]
    func maps(_ name: String) throws -> Tensor {
      engine.tensor(shape, try fixture.channelsLast(prefix + name, batch: count, channels: 4))
    }
    var section = StationSection()
    section.diffusion.prediction = isVelocity ? .velocity : .epsilon
    let networks = StationNetworks(section, isTrained: nil)
    let objective = LatentObjective(
      networks: networks, autoencoder: LatentAutoencoder(AutoencoderConfiguration(), isTrained: nil),
      schedule: try section.diffusion.makeSchedule(), parametrisation: section.diffusion.prediction, terminalShare: 0,
      withoutSources: 0, seed: 1, engine: engine, scale: 1)
    let times = try fixture.values(prefix + "input.t").map { Int($0) + 1 }
    let batch = objective.batch(try maps("input.latents"), noise: try maps("input.noise"), timesteps: times)
    #expect(Fixture.relative(batch.noisy.values(), try maps("output.noisy").values()) < 1e-5)

    let tape = Tape(engine: engine, isRecording: true)
    let sources = try fixture.places(prefix + "input.sources", scenes: scenes)
    let given = try fixture.values(prefix + "input.tokens")
    let tokens = tape.input(engine.tensor([scenes, given.count / scenes / 16, 16], given))
    let noisy = tape.input(batch.noisy)
    let seen = prefix == "case3." ? tape.scale(tokens, samplesBy: [1, 0]) : tokens
    let around = StationSurroundings(
      tokens: seen, targets: try fixture.places(prefix + "input.targets", scenes: scenes), sources: sources, rows: 64,
      columns: 64)
    let answer = unet(noisy, times: times.map { Float($0 - 1) }, around, tape)
    #expect(Fixture.relative(answer.value.values(), try maps("output.y").values()) < 1e-4)
    let loss = tape.meanSquaredError(answer, target: batch.target)
    let mean = loss.value.values().reduce(0, +) / Float(count)
    #expect(abs(mean / (try fixture.values(prefix + "output.loss")[0]) - 1) < 1e-4)
    tape.backward(from: loss, seed: 1 / Float(count))
    #expect(try fixture.greatestError(arena, prefix + "grad.") { $0.gradient } < 1e-4)
    #expect(Fixture.relative(noisy.gradient!.values(), try maps("grad_value.noisy").values()) < 1e-4)
    #expect(
      Fixture.relative(tokens.gradient!.values(), try fixture.values(prefix + "grad_value.tokens")) < 1e-4)
  }

  /// Angles, what they turn, and what queries and keys then agree on.
  @Test(arguments: [StationCode.polar, .cartesian]) func stationCode(_ code: StationCode) throws {
    let fixture = try Fixture("bs1ton-unet-small.safetensors")
    let places = try fixture.places("bsle.position", scenes: 1)[0]
    let angles = places.map { code.angles($0, rows: 256, columns: 256) }
    #expect(
      Fixture.relative(
        angles.flatMap { [Float($0.x), Float($0.y)] }, try fixture.values("bsle.\(code.rawValue).angles")) < 1e-6)
    let tape = Tape(engine: engine, isRecording: false), count = places.count
    func turned(_ name: String) throws -> [Float] {
      let one = try fixture.values("bsle.\(name)")
      let all = tape.constant(engine.tensor([1, count, 16], (0..<count).flatMap { _ in one }))
      let turns = places.map { code.pairAngles($0, width: 16, rows: 256, columns: 256) }
      return tape.rotate(all, angles: [turns], heads: 1).value.values()
    }
    let q = try turned("q"), k = try turned("k")
    #expect(Fixture.relative(q, try fixture.values("bsle.\(code.rawValue).q")) < 1e-6)
    #expect(Fixture.relative(k, try fixture.values("bsle.\(code.rawValue).k")) < 1e-6)
    let products = (0..<count * count).map { pair in
      (0..<16).reduce(Float(0)) { $0 + q[pair / count * 16 + $1] * k[pair % count * 16 + $1] }
    }
    #expect(Fixture.relative(products, try fixture.values("bsle.\(code.rawValue).product")) < 1e-5)
    // Two stations as far apart as two others along columns and rows agree alike where the code is cartesian.
    guard code == .cartesian else { return }
    func agreement(_ a: SIMD2<Double>, _ b: SIMD2<Double>) -> Double {
      zip(
        code.pairAngles(a, width: 16, rows: 256, columns: 256), code.pairAngles(b, width: 16, rows: 256, columns: 256)
      ).reduce(0) { $0 + cos($1.0 - $1.1) }
    }
    #expect(abs(agreement(SIMD2(10, 20), SIMD2(40, 90)) - agreement(SIMD2(100, 50), SIMD2(130, 120))) < 1e-9)
  }

  /// Stable Diffusion's steps: predictions and states of five, as noise, as velocity and guided.
  @Test(arguments: ["noise", "v", "guided"]) func samplerAgreesWithPyTorch(_ kind: String) throws {
    let fixture = try Fixture("bs1ton-unet-small.safetensors"), (unet, arena) = Self.fixtureModel(.polar)
    try fixture.load(arena)
    let schedule = try StationSection().diffusion.makeSchedule()
    let bars = try fixture.values("ddim.alpha_bar")
    #expect(bars.indices.allSatisfy { abs(schedule.alphaBar[$0 + 1] - Double(bars[$0])) < 1e-7 })
    let sampler = try LinearSampler.ddim(
      schedule, steps: 5, spacing: .leading, parametrisation: kind == "v" ? .velocity : .epsilon, clamp: .none)
    #expect(sampler.timesteps.map { Float($0 - 1) } == (try fixture.values("ddim.times")))
    let fifty = try LinearSampler.ddim(schedule, steps: 50, spacing: .leading, clamp: .none)
    #expect(fifty.timesteps.map { Float($0 - 1) } == (try fixture.values("ddim.times50")))
    let tape = Tape(engine: engine, isRecording: false)
    let tokens = tape.constant(engine.tensor([1, 18, 16], Array(try fixture.values("input.tokens").prefix(288))))
    func around(_ factor: Float) throws -> StationSurroundings {
      StationSurroundings(
        tokens: tape.scale(tokens, samplesBy: [factor]),
        targets: [try fixture.places("input.targets", scenes: 2)[0]],
        sources: [try fixture.places("input.sources", scenes: 2)[0]], rows: 64, columns: 64)
    }
    var state = try fixture.channelsLast("ddim.start", batch: 2, channels: 4)
    let predictions = try fixture.channelsLast("ddim.\(kind).prediction", batch: 10, channels: 4)
    let states = try fixture.channelsLast("ddim.\(kind).x", batch: 10, channels: 4)
    for (index, timestep) in sampler.timesteps.enumerated() {
      func ask(_ factor: Float) throws -> [Float] {
        unet(
          tape.constant(engine.tensor([2, 8, 8, 4], state)), times: [Float(timestep - 1)], try around(factor), tape
        ).value.values()
      }
      var answer = try ask(1)
      if kind == "guided" { answer = zip(answer, try ask(0)).map { $1 + 2 * ($0 - $1) } }
      let part = index * 512..<(index + 1) * 512
      #expect(Fixture.relative(answer, Array(predictions[part])) < 1e-4)
      answer.withUnsafeBufferPointer { answer in
        state.withUnsafeMutableBufferPointer { state in
          sampler.step(index, estimate: answer, state: state, memory: nil, noise: nil)
        }
      }
      #expect(Fixture.relative(state, Array(states[part])) < 1e-4)
    }
  }

  // MARK: - Symmetries

  /// A scene of some stations, and the network's answer about it.
  private func answer(
    sources: [Int], targets: [Int], shift: SIMD2<Double> = .zero, threads: Int = 2,
    _ change: (inout StationSection) -> Void = { _ in }
  ) throws -> [[Float]] {
    var configuration = StationFamily.presets.first { $0.name == "bs-1-to-n-tiny" }!.configuration
    change(&configuration.own)
    let engine = Engine(threads: threads), networks = StationNetworks(configuration.own, isTrained: false)
    try Initialisation.kaiming.apply(to: networks.arena, seed: 9)
    let stream = RandomStream(seed: 3, purpose: .test), size = configuration.own.model.imageSize
    func view(_ number: Int) -> StationView {
      let place = stream.uniform(2, sample: number, step: 1).map { Double($0) * Double(size - 1) }
      return StationView(
        grey: stream.uniform(size * size, sample: number), position: SIMD2(place[0], place[1]) + shift)
    }
    let scene = StationScene(
      rows: size, columns: size, sources: sources.map(view), targets: targets.map { view(100 + $0) })
    let tape = Tape(engine: engine, isRecording: false), side = size / configuration.own.latent.factor
    let noisy = engine.tensor(
      [targets.count, side, side, 4], targets.flatMap { stream.gaussian(side * side * 4, sample: $0, step: 2) })
    let around = StationSurroundings(
      tokens: networks.tokens([scene], tape), targets: [scene.targets.map(\.position)],
      sources: [scene.sources.map(\.position)], rows: size, columns: size)
    let values = networks.unet(tape.constant(noisy), times: [300], around, tape).value.values()
    return targets.indices.map { Array(values[$0 * side * side * 4..<($0 + 1) * side * side * 4]) }
  }

  private func distance(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).map { abs($0 - $1) }.max() ?? .infinity }

  @Test(arguments: [StationCode.polar, .cartesian, .none], [false, true]) func orders(
    code: StationCode, seesPlaces: Bool
  ) throws {
    func own(_ sources: [Int], _ targets: [Int], seesTargets: Bool = true) throws -> [[Float]] {
      try answer(sources: sources, targets: targets) {
        ($0.model.code, $0.model.seesPlaces, $0.model.seesTargets) = (code, seesPlaces, seesTargets)
      }
    }
    let maps = try own([0, 1, 2], [0, 1])
    for (a, b) in zip(maps, try own([2, 0, 1], [0, 1])) { #expect(distance(a, b) < 1e-5) }
    for (a, b) in zip(maps, try own([0, 1, 2], [1, 0]).reversed()) { #expect(distance(a, b) < 1e-5) }
    #expect(distance(maps[0], try own([0, 1], [0, 1])[0]) > 1e-3)
    // One target more is seen where targets see each other, and nowhere else.
    #expect(distance(maps[0], try own([0, 1, 2], [0, 1, 2])[0]) > 1e-4)
    let apart = try own([0, 1, 2], [0, 1], seesTargets: false)
    for (a, b) in zip(apart, try own([0, 1, 2], [0, 1, 2], seesTargets: false)) { #expect(distance(a, b) < 1e-5) }
  }

  /// All stations moved alike: the cartesian code tells no difference, the polar one does.
  @Test func onlyDifferencesReachTheNetwork() throws {
    func own(_ code: StationCode, _ shift: SIMD2<Double>) throws -> [Float] {
      try answer(sources: [0, 1, 2], targets: [0, 1], shift: shift) { $0.model.code = code }[0]
    }
    #expect(distance(try own(.cartesian, .zero), try own(.cartesian, SIMD2(2, -3))) < 1e-5)
    #expect(distance(try own(.polar, .zero), try own(.polar, SIMD2(2, -3))) > 1e-4)
  }

  @Test func anyThreadsGiveTheSameBits() throws {
    let maps = try (1...3).map { try answer(sources: [0, 1, 2], targets: [0, 1], threads: $0) { _ in } }
    #expect(maps[0] == maps[1] && maps[1] == maps[2])
  }

  // MARK: - Public weights

  /// Files of the parts alone, with what such files have beside them, and old names of the autoencoder's attention.
  @Test func publicWeights() throws {
    let folder = Scratch(), section = StationFamily.presets.first { $0.name == "bs-1-to-n-tiny" }!.configuration
    let networks = StationNetworks(section.own, isTrained: false), player = StationFamily.players(networks, section)[0]
    func file(_ name: String, _ arena: ParameterArena, _ rename: (String) -> String?) throws -> String {
      try SafetensorsWriter.write(
        arena.parameters.enumerated().compactMap { index, parameter in
          rename(parameter.name).map { name in
            SafetensorsTensor(name, shape: DiskLayout.shape(parameter)) { buffer in
              DiskLayout.write(arena.weights.base + arena.ranges[index].lowerBound, parameter, to: buffer.baseAddress!)
            }
          }
        }, metadata: [], to: folder.file(name))
      return folder.file(name)
    }
    let other = StationNetworks(section.own, isTrained: false)
    try Initialisation.kaiming.apply(to: other.arena, seed: 3)
    let unet = try file("unet.safetensors", other.arena) { $0.hasPrefix("unet.") ? String($0.dropFirst(5)) : nil }
    let encoder = try file("encoder.safetensors", other.arena) {
      $0 == "unet.conv_out.bias" ? "head.fc.bias" : $0.hasPrefix("encoder.") ? String($0.dropFirst(8)) : nil
    }
    for (part, path) in zip(player.parts, [encoder, unet]) { try ModelFile.read(path, player, part: part) }
    func values(_ arena: ParameterArena) -> [Float] { (0..<arena.count).map { arena.weights.base[$0] } }
    #expect(values(networks.arena) == values(other.arena))
    #expect(fault { try ModelFile.read(encoder, player, part: player.parts[1]) }?.place.hasPrefix(encoder) == true)

    var configuration = RunConfiguration<AutoencoderFamily>()
    configuration.own.model.attention = true
    let (new, old) = (AutoencoderFamily.makeModel(configuration, isTrained: false), "mid_block.attentions.0.")
    try Initialisation.kaiming.apply(to: new.arena, seed: 4)
    let path = try file("vae.safetensors", new.arena) { name in
      [("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")].reduce(name) {
        $0.replacingOccurrences(of: old + $1.0, with: old + $1.1)
      }
    }
    let read = AutoencoderFamily.makeModel(configuration, isTrained: false)
    try ModelFile.read(path, AutoencoderFamily.players(read, configuration)[0])
    #expect(values(read.arena) == values(new.arena))
  }
}
