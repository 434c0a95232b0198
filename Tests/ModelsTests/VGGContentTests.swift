import Computing
import NeuralNetworks
import Runs
import Tensors
import TestSupport
import Testing

@testable import Models

@Suite struct VGGContentTests {
  private let engine = Engine(threads: 2)
  private let scratch = Scratch()

  /// torchvision's names, as it numbers convolutions, rectifiers and poolings.
  @Test func names() {
    let names = VGGContent().groups.joined().map(\.name)
    #expect(names.count == 16 && names[2] == "features.5" && names[15] == "features.34")
  }

  /// Of small widths: weights from a file; the error is 0 where maps agree, and its gradient is that of differences.
  @Test func gradientAndFile() throws {
    let content = VGGContent([(4, 2), (6, 1)])
    try Initialisation.kaiming.apply(to: content.arena, seed: 1)
    let path = scratch.file("vgg.safetensors")
    try ModelFile.write(content.arena, content.arena.weights, to: path)
    let read = VGGContent([(4, 2), (6, 1)])
    try ModelFile.read(path, read.arena, into: read.arena.weights, allowsOthers: true)
    let stream = RandomStream(seed: 2, purpose: .test), shape = [2, 8, 8, 1]
    let x = stream.gaussian(128), truth = engine.tensor(shape, stream.gaussian(128, sample: 1))
    let direction = stream.gaussian(128, sample: 2)
    func error(_ values: [Float], _ truth: Tensor, gradient: UnsafeMutablePointer<[Float]>? = nil) -> Double {
      let tape = Tape(engine: engine, isRecording: true)
      let map = tape.input(engine.tensor(shape, values)), error = read.error(map, tape.constant(truth), tape)
      tape.backward(from: error)
      gradient?.pointee = map.gradient!.values()
      return error.value.values().reduce(0) { $0 + Double($1) }
    }
    #expect(error(x, engine.tensor(shape, x)) == 0)
    var gradient: [Float] = []
    _ = error(x, truth, gradient: &gradient)
    let step: Float = 1e-3
    let above = error(zip(x, direction).map { $0 + step * $1 }, truth)
    let below = error(zip(x, direction).map { $0 - step * $1 }, truth)
    let slope = zip(gradient, direction).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    let size = gradient.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    #expect(size > 0 && abs((above - below) / 2e-3 - slope) < 0.02 * size)
  }
}
