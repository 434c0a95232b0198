import Essentials
import Foundation
import NeuralNetworks
import Tensors
import Testing
import TestSupport

@testable import Evaluation

/// ST-LPIPS with a narrow network of random weights, against its definition in double precision (NumPy: padded windows and sums
/// over them, `reflect` padding of two places, maxima of 3×3, vectors over their length plus 1e-10).
@Suite struct PerceptualDistanceTests {
  private static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/st-lpips-small.safetensors").path

  @Test(arguments: [1, 3]) func agreesWithItsDefinition(threads: Int) throws {
    let fixture = try SafetensorsFile(Self.path)
    let distance = try PerceptualDistance(path: Self.path, engine: Engine(threads: threads))
    let (a, b) = try (fixture.floats("input.a"), fixture.floats("input.b"))
    func features(_ grey: [Float]) throws -> PerceptualDistance.Features {
      try distance.features(grey, rows: 40, columns: 37, at: "here")
    }
    let expected = Double(try fixture.floats("output.distance")[0]), own = try features(a)
    #expect(abs(distance.distance(own, try features(b)) / expected - 1) < 1e-4)
    #expect(distance.distance(own, own) == 0 && distance.title == "ST-LPIPS")
    let small = fault {
      _ = try distance.features([Float](repeating: 0, count: 900), rows: 30, columns: 30, at: "map 3")
    }
    #expect(small?.place == "map 3" && small?.found == "30x30")
  }

  /// A missing tensor, one of another shape, and no such file.
  @Test func whatIsRefused() throws {
    let folder = Scratch(), fixture = try SafetensorsFile(Self.path)
    func file(_ name: String, _ change: (String, [Int]) -> [Int]?) throws -> String {
      let tensors = try fixture.entries.compactMap { entry -> SafetensorsTensor? in
        guard let shape = change(entry.name, entry.shape) else { return nil }
        let values = try fixture.floats(entry.name)
        return SafetensorsTensor(entry.name, shape: shape) { buffer in
          for i in buffer.indices { buffer[i] = values[i] }
        }
      }
      try SafetensorsWriter.write(tensors, metadata: [], to: folder.file(name))
      return folder.file(name)
    }
    func refusal(_ path: String) -> Fault? {
      fault { _ = try PerceptualDistance(path: path, engine: Engine(threads: 1)) }
    }
    let missing = try file("missing.safetensors") { $0 == "lin3.model.1.weight" ? nil : $1 }
    #expect(refusal(missing)?.expected?.contains("lin3.model.1.weight") == true)
    let turned = try file("turned.safetensors") { $0 == "net.slice2.5.weight" ? [$1[1], $1[0], $1[2], $1[3]] : $1 }
    #expect(refusal(turned)?.place.contains("net.slice2.5.weight") == true)
    #expect(refusal(folder.file("nothing.safetensors")) != nil)
  }
}
