import NeuralNetworks
import Runs
import Tensors

/// A model of whatever family, as benchmarks see it.
public struct BenchmarkSubject {
  /// What reports call it.
  public let name: String
  /// Multiply-accumulates of one map, in all networks.
  let multiplyAccumulates: Int
  /// All convolutions of its networks, in the order of computation.
  let convolutions: [ConvolutionShape]
  /// The first player's weights and gradients.
  let makeArena: () throws -> ParameterArena
  /// Steps on random maps.
  let makeTrial: (_ batch: Int, _ isTrained: Bool, _ seed: UInt64, _ engine: Engine) throws -> StepTrial

  /// - Parameters:
  ///   - configuration: the model's.
  ///   - name: what reports call it.
  /// - Throws: `Fault` when the structure is impossible.
  public init<Family: ModelFamily>(_ configuration: RunConfiguration<Family>, name: String) throws {
    self.name = name
    let outlines = try Family.outlines(configuration)
    multiplyAccumulates = outlines.flatMap(\.layers).total.multiplyAccumulates
    convolutions = outlines.flatMap(\.layers).compactMap(\.convolution)
    makeArena = {
      let model = try Family.makeFittingModel(configuration, isTrained: true)
      return Family.players(model, configuration)[0].arena
    }
    makeTrial = { batch, isTrained, seed, engine in
      try Family.makeTrial(configuration, batch: batch, isTrained: isTrained, seed: seed, engine: engine)
    }
  }
}
