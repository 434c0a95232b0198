import NeuralNetworks
import Tensors
import Testing

/// What tests of networks against PyTorch's numbers share.
extension Fixture {
  /// Norm of the difference over the norm.
  static func relative(_ a: [Float], _ b: [Float]) -> Double {
    let difference = zip(a, b).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
    let norm = b.reduce(0.0) { $0 + Double($1) * Double($1) }
    return a.count == b.count ? (difference / norm).squareRoot() : .infinity
  }

  /// Maps of one channel, which lie alike in both layouts.
  func maps(_ name: String, _ engine: Engine, batch: Int) throws -> Tensor {
    let values = try values(name), side = Int(Double(values.count / batch).squareRoot())
    return engine.tensor([batch, side, side, 1], values)
  }

  /// Loads all parameters of an arena; statistics under a prefix of their own.
  func load(_ arena: ParameterArena, weights: String = "weight.", statistics: String = "") throws {
    for (index, parameter) in arena.parameters.enumerated() {
      let values = try values((parameter.kind.isStatistic ? statistics : weights) + parameter.name)
      DiskLayout.read(values, parameter, to: arena.weights.base + arena.ranges[index].lowerBound)
    }
  }

  /// The greatest relative difference of gradients, weights or statistics from the fixture's under a prefix.
  func greatestError(_ arena: ParameterArena, _ prefix: String, of value: (Parameter) -> Tensor?) throws -> Double {
    var worst: Double?
    for parameter in arena.parameters {
      guard let tensor = value(parameter) else { continue }
      var disk = [Float](repeating: 0, count: parameter.count)
      DiskLayout.write(tensor.base, parameter, to: &disk)
      let error = Self.relative(disk, try values(prefix + parameter.name))
      if error.isNaN || error > worst ?? -1 { worst = error }
    }
    return try #require(worst)
  }
}
