import Essentials
import Foundation
import Models
import NeuralNetworks
import Runs
import Testing
import TestSupport

@Suite struct ModelFileTests {
  private let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/cgdm-unet-small.safetensors").path
  private let scratch = FileManager.default.temporaryDirectory
    .appendingPathComponent("model-\(UUID().uuidString).safetensors").path

  /// The structure that PyTorch wrote the fixture from.
  private var structure: CGDMConfiguration {
    var configuration = CGDMConfiguration()
    configuration.imageSize = 32
    configuration.baseChannels = 8
    configuration.multipliers = [1, 2, 4]
    configuration.blocks = 1
    configuration.groups = 4
    configuration.attentionResolutions = [16]
    return configuration
  }

  /// Every weight of the fixture, read into the kernels' layout and written back, has PyTorch's bytes.
  @Test func weightsGoThroughUnchanged() throws {
    defer { try? FileManager.default.removeItem(atPath: scratch) }
    let model = CGDM(structure)
    try ModelFile.read(fixture, model.arena, into: model.arena.weights, prefix: "weight.", allowsOthers: true)
    try ModelFile.write(model.arena, [("weight.", model.arena.weights)], to: scratch)
    let theirs = try SafetensorsFile(fixture), ours = try SafetensorsFile(scratch)
    let names = theirs.entries.map(\.name).filter { $0.hasPrefix("weight.") }
    #expect(Set(names) == Set(ours.entries.map(\.name)) && names.count == model.parameters.count)
    for name in names {
      #expect(try ours.entry(name).shape == theirs.entry(name).shape)
      #expect(try ours.bytes(name) == theirs.bytes(name), "\(name)")
    }
  }

  /// Weights of another network are refused by file and tensor.
  @Test func anotherNetworkIsRefused() throws {
    defer { try? FileManager.default.removeItem(atPath: scratch) }
    var configuration = structure
    let model = CGDM(configuration)
    try ModelFile.write(model.arena, model.arena.weights, to: scratch)
    configuration.baseChannels = 16
    let wider = CGDM(configuration)
    let shape = #expect(throws: Fault.self) {
      try ModelFile.read(scratch, wider.arena, into: wider.arena.weights)
    }
    #expect(shape?.description.contains(scratch) == true && shape?.found != nil)
    configuration = structure
    configuration.omitted = ["mid.0.attn"]
    let smaller = CGDM(configuration)
    let stranger = #expect(throws: Fault.self) {
      try ModelFile.read(scratch, smaller.arena, into: smaller.arena.weights)
    }
    #expect(stranger?.place.contains("mid.0.attn") == true)
  }

  /// Warm-up, half a cosine, and the ramp of the average.
  @Test func scheduleOfTheLearningRate() {
    var section = TrainingSection()
    section.steps = 110
    section.warmUp = 10
    section.learningRate = 1
    section.finalLearningRate = 0.2
    section.decay = .cosine
    #expect(abs(section.rate(at: 0) - 0.1) < 1e-12 && abs(section.rate(at: 9) - 1) < 1e-12)
    for step in stride(from: 10, through: 110, by: 5) {
      let expected = 0.2 + 0.8 * (1 + cos(Double.pi * Double(step - 10) / 100)) / 2
      #expect(abs(section.rate(at: step) - expected) < 1e-9)
    }
    // Clipping that adjusts to the rate, alone and beside the other.
    #expect(section.clipNorm(at: 9) == 1)
    section.clipStep = 0.05
    #expect(abs(section.clipNorm(at: 0) - 0.5) < 1e-12 && abs(section.clipNorm(at: 9) - 0.05) < 1e-12)
    section.clipNorm = 0
    section.learningRate = 0.01
    #expect(abs(section.clipNorm(at: 9) - 5) < 1e-9)
    section.averageStart = 5
    section.averageDecay = 0.9
    #expect(section.averageDecay(after: 4) == nil)
    #expect(section.averageDecay(after: 5) == 0.1 && section.averageDecay(after: 1000) == 0.9)
  }
}
