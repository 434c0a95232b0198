import NeuralNetworks

/// What learns as one in a run: a network's weights, and how they are stepped. A run of one network has one player, an
/// adversarial one has a generator and a discriminator.
public struct Player {
  /// What its files are called by: "model", "generator".
  public let name: String
  /// Weights and, where trained, gradients.
  public let arena: ParameterArena
  /// Sets the weights that a run starts with, by the run's seed.
  public var initialise: (_ seed: UInt64) throws -> Void
  /// What turns gradients into steps.
  public var rule = Optimiser.Rule()
  /// The learning rate of a step, from 0.
  public var rate: (_ step: Int) -> Double = { _ in 0 }
  /// Gradients of a greater norm are scaled down to it; 0 for none.
  public var clipNorm = 0.0
  /// Whether rank 0 keeps an average of the weights, which is then what the run is for.
  public var hasAverage = true
  /// It is stepped at every so many-th step.
  public var every = 1

  /// A player whose numbers are those of the section `training`.
  ///
  /// - Parameters:
  ///   - name: what its files are called by.
  ///   - arena: weights and, where trained, gradients.
  ///   - training: the run's section.
  ///   - initialise: sets the weights that a run starts with, by the run's seed.
  public init(
    _ name: String, _ arena: ParameterArena, _ training: TrainingSection,
    initialise: @escaping (_ seed: UInt64) throws -> Void
  ) {
    self.name = name
    self.arena = arena
    self.initialise = initialise
    rule = training.rule
    rate = training.rate(at:)
    clipNorm = training.clipNorm
  }

  /// What the only network of a run is called.
  public static let only = "model"

  /// PyTorch-named weights.
  public var weightsFile: String { "\(name).safetensors" }
  /// Their exponential moving average: what use of the run takes.
  public var averageFile: String { prefix + "ema.safetensors" }
  /// The optimiser's moments, `first.` and `second.` before each name.
  public var optimiserFile: String { prefix + "optimizer.safetensors" }
  /// Where there is one player alone nothing needs its name.
  private var prefix: String { name == Self.only ? "" : name + "." }
}
