import Computing
import Essentials
import Foundation
import NeuralNetworks
import Records

extension ModelFamily {
  /// The networks, once they have been counted and there is memory for them.
  ///
  /// - Parameters:
  ///   - configuration: the run's.
  ///   - isTrained: whether gradients and the optimiser's moments come beside the weights.
  /// - Throws: `Fault` where the weights need more memory than there is, before any is taken; what the family throws.
  public static func makeFittingModel(_ configuration: RunConfiguration<Self>, isTrained: Bool) throws -> Model {
    let parameters = try parameterCount(configuration)
    // Weights; and gradients and two moments.
    let bytes = Counting.product([parameters, isTrained ? 4 : 1, MemoryLayout<Float>.stride])
    let available = SystemMemory.availableBytes()
    guard available == 0 || bytes <= available else {
      throw Fault(
        "the networks do not fit into memory", at: "the section `model`",
        expected: "at most \(Units.bytes(available)), what is free",
        found: "\(Units.bytes(bytes)) for \(Units.count(parameters)) parameters"
          + (isTrained ? " with gradients and moments" : ""),
        hint: "make the network smaller, or take a machine with more memory")
    }
    return try makeModel(configuration, isTrained: isTrained)
  }

  /// Of all networks together, without a weight being made.
  private static func parameterCount(_ configuration: RunConfiguration<Self>) throws -> Int {
    try outlines(configuration).flatMap(\.layers).total.parameters
  }

  /// Throws where a checkpoint is too small for the networks that its run's configuration describes.
  static func requireWeights(in saved: SavedStep, for configuration: RunConfiguration<Self>) throws {
    let parameters = try parameterCount(configuration)
    let sizes = try saved.fileNames.map { name in
      var status = stat()
      guard stat("\(saved.path)/\(name)", &status) == 0 else {
        throw Files.systemFault("cannot read the checkpoint", at: "\(saved.path)/\(name)")
      }
      return Int(status.st_size)
    }
    let needed = Counting.product([parameters, MemoryLayout<Float>.stride]), held = Counting.sum(sizes)
    guard needed <= held else {
      throw Fault(
        "the weights belong to another network", at: saved.path,
        expected: "\(Units.bytes(needed)) at least, for the run's configuration", found: Units.bytes(held),
        hint: "config.resolved.yaml and the checkpoints are of two runs")
    }
  }
}
