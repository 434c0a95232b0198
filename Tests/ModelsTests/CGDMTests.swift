import Computing
import Foundation
import Models
import NeuralNetworks
import Tensors
import Testing
import TestSupport

@Suite struct CGDMTests {
  /// Held by the paper: 221,268,611 parameters, 60,032 of them group-norm ones, 54.578 G multiply-accumulates.
  @Test func paperCounts() {
    let total = CGDM.outline(.paper).total
    #expect(total.parameters == 221_268_611)
    #expect(total.parameters - total.normParameters == 221_208_579)
    #expect(abs(Double(total.multiplyAccumulates) / 1e9 - 54.578) < 5e-4)
    #expect(abs(Double(total.multiplyAccumulates + total.upsampledValues) / 1e9 - 54.582) < 5e-4)
  }

  /// Corners of the paper's Fig. 6: (c1, blocks, multipliers, parameters in M, multiply-accumulates in G).
  @Test(arguments: [
    (8, 2, [1, 2, 4], 0.22, 0.522), (128, 2, [1, 2, 4, 8, 16, 32], 3534.58, 261.71),
    (64, 1, [1, 2, 4], 9.71, 23.341), (64, 4, [1, 2, 4, 8], 88.36, 68.926),
  ])
  func complexityGrid(c1: Int, blocks: Int, multipliers: [Int], millions: Double, giga: Double) {
    var configuration = CGDMConfiguration.paper
    configuration.baseChannels = c1
    configuration.blocks = blocks
    configuration.multipliers = multipliers
    let total = CGDM.outline(configuration).total
    let parameters = total.parameters - total.normParameters
    let operations = total.multiplyAccumulates + total.upsampledValues
    #expect(abs(Double(parameters) / 1e6 - millions) < 0.0051)
    #expect(abs(Double(operations) / 1e9 / giga - 1) < 5e-4)
  }

  /// Every key at its documented maximum: a network that nobody can build is counted all the same.
  @Test func absurdStructures() {
    var absurd = CGDMConfiguration()
    (absurd.imageSize, absurd.channels, absurd.conditionChannels) = (4096, 16, 64)
    (absurd.baseChannels, absurd.multipliers) = (1024, [Int](repeating: 256, count: 10))
    (absurd.blocks, absurd.groups) = (16, 1024)
    absurd.attentionResolutions = (0..<10).map { 4096 >> $0 }
    let outline = CGDM.outline(absurd)
    #expect(outline.total.multiplyAccumulates == .max && outline.total.parameters > 1 << 47)
    #expect(outline.summary.contains("over 9e9 G multiply-accumulates"))
    #expect(outline.prunableTable.rows.count == outline.prunable.count + 1)
  }

  /// What a layer says of itself is what the network holds: names, parameters and their order.
  @Test func outlineMatchesParameters() {
    var configuration = CGDMConfiguration.tiny
    configuration.attentionResolutions = [32]
    configuration.omitted = ["ups.3.res_block"]
    let outline = CGDM.outline(configuration), model = CGDM(configuration)
    var modules: [String] = []
    for parameter in model.parameters {
      let module = parameter.name.split(separator: ".").dropLast().joined(separator: ".")
      if modules.last != module { modules.append(module) }
    }
    #expect(outline.layers.map(\.name) == modules)
    #expect(outline.total.parameters == model.arena.parameterCount)
    #expect(outline.prunable.flatMap(\.layers).allSatisfy { modules.contains($0.name) })
  }

  static func fixtureModel() throws -> (CGDM, Fixture) {
    let fixture = try Fixture("cgdm-unet-small.safetensors")
    var configuration = CGDMConfiguration()
    configuration.imageSize = 32
    configuration.baseChannels = 8
    configuration.multipliers = [1, 2, 4]
    configuration.blocks = 1
    configuration.groups = 4
    configuration.dropout = 0
    configuration.attentionResolutions = [16]
    let model = CGDM(configuration, isTrained: true)
    for (index, parameter) in model.arena.parameters.enumerated() {
      let values = try fixture.values("weight." + parameter.name)
      DiskLayout.read(
        values, parameter, to: model.arena.weights.base + model.arena.ranges[index].lowerBound)
    }
    return (model, fixture)
  }

  /// NCHW to NHWC.
  static func channelsLast(_ values: [Float], _ n: Int, _ c: Int, _ pixels: Int) -> [Float] {
    (0..<values.count).map { i in
      let (sample, pixel, channel) = (i / (c * pixels), i / c % pixels, i % c)
      return values[(sample * c + channel) * pixels + pixel]
    }
  }

  /// Output, loss and every gradient of the PyTorch fixture within 1e-4 relative.
  @Test func agreesWithPyTorch() throws {
    let (model, fixture) = try Self.fixtureModel()
    #expect(model.parameters.count == fixture.names.count { $0.hasPrefix("weight.") })
    let engine = Engine(threads: 2), tape = Tape(engine: engine, isRecording: true)
    let x = Self.channelsLast(try fixture.values("input.x"), 2, 2, 1024)
    let y = model(
      tape.constant(engine.tensor([2, 32, 32, 2], x)), timesteps: try fixture.values("input.t"), tape)
    #expect(relative(y.value.values(), try fixture.values("output.y")) < 1e-4)
    let noise = engine.tensor([2, 32, 32, 1], try fixture.values("input.noise"))
    let loss = tape.meanSquaredError(y, target: noise)
    let mean = loss.value.values().reduce(0, +) / 2
    #expect(abs(mean / (try fixture.values("output.loss")[0]) - 1) < 1e-4)
    model.arena.clearGradients()
    tape.backward(from: loss, seed: 0.5)
    for parameter in model.parameters {
      var disk = [Float](repeating: 0, count: parameter.count)
      DiskLayout.write(parameter.gradient!.base, parameter, to: &disk)
      let error = relative(disk, try fixture.values("grad." + parameter.name))
      #expect(error < 1e-4, "\(parameter.name)")
    }
  }

  /// A pruned body leaves its skip; structure, costs and computation follow the configuration.
  @Test func omittedLayers() throws {
    var configuration = CGDMConfiguration.tiny
    configuration.imageSize = 32
    let layers = CGDM.outline(configuration).prunable
    let whole = CGDM.outline(configuration).total.parameters
    configuration.omitted = ["downs.1.res_block", "mid.0.attn", "ups.0.res_block"]
    let gone = layers.filter { configuration.omitted.contains($0.name) }.reduce(0) { $0 + $1.parameters }
    let model = CGDM(configuration, isTrained: true)
    #expect(gone > 0 && model.arena.parameterCount == whole - gone)
    try Initialisation.kaiming.apply(to: model.arena, seed: 1)
    let engine = Engine(threads: 1), tape = Tape(engine: engine, isRecording: true)
    let x = engine.tensor([1, 32, 32, 2], RandomStream(seed: 1, purpose: .test).gaussian(2048))
    let y = model(tape.constant(x), timesteps: [10], tape)
    #expect(y.value.shape == [1, 32, 32, 1])
    tape.backward(from: tape.sum(y))
    #expect(model.arena.parameters.allSatisfy { $0.gradient!.values().contains { $0 != 0 } })
  }

  /// Without recording, the same bits.
  @Test func samplingEqualsTraining() throws {
    let model = CGDM(.tiny)
    try Initialisation.orthogonal.apply(to: model.arena, seed: 3)
    let engine = Engine(threads: 2)
    let x = engine.tensor([1, 64, 64, 2], RandomStream(seed: 2, purpose: .test).gaussian(8192))
    let outputs = [true, false].map { recording in
      let tape = Tape(engine: engine, isRecording: recording)
      return model(tape.constant(x), timesteps: [500], tape).value.values()
    }
    #expect(outputs[0] == outputs[1])
  }

  private func relative(_ a: [Float], _ b: [Float]) -> Double {
    let difference = zip(a, b).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
    let norm = b.reduce(0.0) { $0 + Double($1) * Double($1) }
    return (difference / norm).squareRoot()
  }
}

/// Reference values that PyTorch wrote, read without the project's own reader.
struct Fixture {
  private let data: Data
  private let entries: [String: (start: Int, end: Int)]
  var names: [String] { Array(entries.keys) }

  init(_ name: String) throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    data = try Data(contentsOf: folder.appendingPathComponent("Fixtures/" + name))
    let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = try JSONSerialization.jsonObject(with: data[8..<8 + length]) as? [String: Any] ?? [:]
    entries = header.compactMapValues { value in
      guard let range = (value as? [String: Any])?["data_offsets"] as? [Int] else { return nil }
      return (8 + length + range[0], 8 + length + range[1])
    }
  }

  func values(_ name: String) throws -> [Float] {
    let range = try #require(entries[name])
    return data[range.start..<range.end].withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
  }
}
