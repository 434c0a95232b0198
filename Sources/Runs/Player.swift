import Essentials
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
  /// At a step, from 0: gradients of a greater norm are scaled down to this; 0 for none.
  public var clipNorm: (_ step: Int) -> Double = { _ in 0 }
  /// Writes statistics that passes have seen since the last step; called before each step, while nobody reads the weights.
  public var updateStatistics: () -> Void = {}
  /// Whether rank 0 keeps an average of the weights, which use of the run then takes.
  public var hasAverage = true
  /// Parts of its network that may start from files of their own.
  public var parts: [WeightPart] = []
  /// What the last word but one of a tensor's name may be called in older files, by what it is called here.
  public var synonyms: [String: String] = [:]
  /// It is stepped at every so many-th step, the so many-th first; one player at least at every step.
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
    clipNorm = training.clipNorm(at:)
  }

  /// What the only network of a run is called.
  public static let only = "model"

  /// PyTorch-named weights.
  public var weightsFile: String { "\(name).safetensors" }
  /// Their exponential moving average: what use of the run takes.
  public var averageFile: String { prefix + "ema.safetensors" }
  /// The weights that use of the run takes, unless it asks for the last step's own.
  public var usedFile: String { hasAverage ? averageFile : weightsFile }
  /// The optimiser's moments, `first.` and `second.` before each name.
  public var optimiserFile: String { prefix + "optimizer.safetensors" }
  /// What older files call a tensor.
  func oldName(_ name: String) -> String {
    for (new, old) in synonyms {
      for end in [".weight", ".bias"] where name.hasSuffix(".\(new)\(end)") {
        return name.dropLast(new.count + end.count) + old + end
      }
    }
    return name
  }
  /// Where there is one player alone nothing needs its name.
  private var prefix: String { name == Self.only ? "" : name + "." }

  /// Whether it is stepped at a step, from 0.
  public func isDue(at step: Int) -> Bool { (step + 1) % every == 0 }

  /// How often it has been stepped when so many steps of the run are done.
  public func stepCount(after steps: Int) -> Int { steps / every }
}

/// A part of a network whose public weights stand in a file of their own: those whose names here begin with the part's and a dot.
public struct WeightPart: Sendable {
  /// What it is called: "encoder".
  public let name: String
  /// How names of tensors begin that such files have beside it.
  public let ignored: [String]

  /// - Parameters:
  ///   - name: what it is called.
  ///   - ignored: how names of tensors begin that such files have beside it.
  public init(_ name: String, ignoring ignored: [String] = []) { (self.name, self.ignored) = (name, ignored) }
}

extension [Player] {
  /// Throws unless these can be trained together, as a family has named them.
  ///
  /// - Parameter names: what the family calls its players.
  public func validate(as names: [String]) throws {
    func require(_ isRight: Bool, _ what: String, _ expected: String, _ found: Any) throws {
      guard !isRight else { return }
      throw Fault(what, at: "players", expected: expected, found: "\(found)")
    }
    try require(
      map(\.name) == names && !isEmpty, "the players are others than the family names", "\(names)", map(\.name))
    let isPlain = names.allSatisfy { !$0.isEmpty && $0.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" } }
    let files = flatMap { [$0.weightsFile, $0.averageFile, $0.optimiserFile] }
    try require(
      isPlain && Set(files).count == files.count, "players cannot have these names",
      "letters, digits and \"-\", each its own", names)
    try require(
      allSatisfy { $0.every >= 1 } && contains { $0.every == 1 }, "no player is stepped at every step",
      "one with every = 1, none below", map(\.every))
  }
}
