import Configuration
import Essentials
import MessagePassing
import NeuralNetworks
import Records
import Tensors

/// A kind of model: its configuration, its networks, how they learn and how they are used.
///
/// Everything above (the training loop, run directories, reconstruction, evaluation, the commands) works with any family
/// and names none. A family adds a folder under `Models` and its line where families are registered.
public protocol ModelFamily: Sendable {
  /// The sections that its configuration adds to those of every run.
  associatedtype Section: ConfigurationSection & Equatable
  /// Its networks.
  associatedtype Model
  /// How they learn.
  associatedtype Task: TrainingTask

  /// As in `family:`.
  static var name: String { get }
  /// As in tables, and in names of files: letters, digits and "-".
  static var title: String { get }
  /// What its players are called, in the order in which a step turns to them; the first is what a run is for.
  static var playerNames: [String] { get }
  /// Parts of its networks that may start from files of their own.
  static var partNames: [String] { get }
  /// Named starting points, the usual one first; no other family may have the same names.
  static var presets: [FamilyPreset<Self>] { get }

  /// The networks, all weights 0.
  ///
  /// - Parameters:
  ///   - configuration: a valid one.
  ///   - isTrained: whether gradients are needed.
  static func makeModel(_ configuration: RunConfiguration<Self>, isTrained: Bool) throws -> Model

  /// What learns, in the order of their names.
  static func players(_ model: Model, _ configuration: RunConfiguration<Self>) -> [Player]

  /// What the networks are made of and what they cost, in the players' order; nothing is allocated for it.
  static func outlines(_ configuration: RunConfiguration<Self>) throws -> [NetworkOutline]

  /// Collective. The configuration with what only other runs can say, such as the check sum of one that it builds on;
  /// unchanged in families that build on none. Called before a run is begun or goes on.
  ///
  /// - Parameters:
  ///   - configuration: as the user gave it.
  ///   - communicator: the ranks.
  ///   - console: where rank 0 writes notes.
  /// - Throws: `Fault` on all ranks when another run is missing, or has changed since.
  static func resolved(
    _ configuration: RunConfiguration<Self>, communicator: Communicator, console: Console
  ) throws -> RunConfiguration<Self>

  /// Collective. What the networks learn from some data.
  static func makeTask(
    _ model: Model, _ configuration: RunConfiguration<Self>, _ context: TaskContext
  ) throws -> Task

  /// Collective. What infers maps with a trained run.
  ///
  /// - Parameters:
  ///   - run: the run.
  ///   - geometry: what is observed, and where.
  ///   - request: how.
  ///   - communicator: the ranks.
  ///   - engine: this rank's threads and buffers.
  /// - Throws: `Fault` on all ranks where what is asked for does not fit the run.
  static func makeEstimator(
    _ run: TrainedRun<Self>, _ geometry: ObservationGeometry, _ request: SamplingRequest, communicator: Communicator,
    engine: Engine
  ) throws -> any Estimator

  /// All players' steps on random numbers, to be timed.
  ///
  /// - Parameters:
  ///   - configuration: a valid one.
  ///   - batch: maps.
  ///   - isTrained: whether gradients will be asked for.
  ///   - seed: keys weights and maps.
  ///   - engine: this rank's threads and buffers.
  static func makeTrial(
    _ configuration: RunConfiguration<Self>, batch: Int, isTrained: Bool, seed: UInt64, engine: Engine
  ) throws -> StepTrial
}

/// A named starting point of a family.
public struct FamilyPreset<Family: ModelFamily>: Sendable {
  /// As it is given to commands and named in files.
  public let name: String
  /// What it is for, in a few words.
  public let summary: String
  /// Its values.
  public let configuration: RunConfiguration<Family>

  /// - Parameters:
  ///   - name: as it is given to commands and named in files.
  ///   - summary: what it is for, in a few words.
  ///   - change: sets the values that are not the sections' own.
  public init(_ name: String, _ summary: String, _ change: (inout RunConfiguration<Family>) -> Void) {
    self.name = name
    self.summary = summary
    var configuration = RunConfiguration<Family>()
    change(&configuration)
    self.configuration = configuration
  }
}

extension ModelFamily {
  /// None.
  public static var partNames: [String] { [] }

  /// As it is given.
  public static func resolved(
    _ configuration: RunConfiguration<Self>, communicator: Communicator, console: Console
  ) throws -> RunConfiguration<Self> { configuration }

  /// One of the presets; nil: the usual one.
  ///
  /// - Throws: `Fault` that lists them.
  public static func preset(_ name: String?) throws -> FamilyPreset<Self> {
    guard let name else { return presets[0] }
    guard let preset = presets.first(where: { $0.name == name }) else {
      throw Fault(
        "there is no such preset of the family \(self.name)", at: "preset",
        expected: presets.map(\.name).joined(separator: ", "), found: name)
    }
    return preset
  }
}

/// A family whose trained networks can teach smaller ones (`ckm distill`).
public protocol DistillableFamily: ModelFamily {
  /// The configuration of a distillation: checks that a student fits its teacher, and writes down which it is.
  ///
  /// - Parameters:
  ///   - configuration: the student's, as it was changed for the distillation.
  ///   - teacher: the run that it learns from.
  ///   - place: the student and its teacher, for messages.
  static func distillation(
    _ configuration: RunConfiguration<Self>, by teacher: TrainedRun<Self>, at place: String
  ) throws -> RunConfiguration<Self>

  /// Collective. What a student learns from the data and from its teacher.
  static func makeTask(
    _ model: Model, _ configuration: RunConfiguration<Self>, _ context: TaskContext, teacher: TrainedRun<Self>
  ) throws -> Task
}

/// A family whose paper has a study of what its networks cost (`ckm inspect complexity`).
public protocol StudiedFamily: ModelFamily {
  /// The networks of the study, counted as the paper does.
  static var complexityStudy: MarkdownTable { get }
}

/// Steps on random numbers, which benchmarks time: all that they need to know of a family.
public struct StepTrial {
  /// What is stepped, in the players' order.
  public var arenas: [ParameterArena]
  /// A forward pass for some maps of the batch, as use of the model runs it.
  public var forward: (_ maps: Range<Int>, _ tape: Tape) -> Variable
  /// A player's losses of some maps of the batch at a step, as training records them, `[maps, 1]`.
  public var losses: (_ player: Int, _ maps: Range<Int>, _ step: Int, _ tape: Tape) -> Variable

  /// - Parameters:
  ///   - arenas: what is stepped, in the players' order.
  ///   - forward: a forward pass for some maps of the batch.
  ///   - losses: a player's losses of some maps of the batch at a step.
  public init(
    arenas: [ParameterArena], forward: @escaping (Range<Int>, Tape) -> Variable,
    losses: @escaping (Int, Range<Int>, Int, Tape) -> Variable
  ) {
    self.arenas = arenas
    self.forward = forward
    self.losses = losses
  }
}
