import Conditioning
import Configuration
import Essentials

extension ConfigurationTag {
  /// A run that goes on may have another value: it determines nothing of what is learnt, or only how far and how fast.
  public static let resumption = ConfigurationTag("resumption")
  /// How a run learns, not what.
  public static let learning = ConfigurationTag("learning")
}

/// Everything that determines a run of a family of models, apart from the data: `config.resolved.yaml`.
///
/// The family's own sections stand among those that every run has.
public struct RunConfiguration<Family: ModelFamily>: ConfigurationSection, Equatable {
  /// Keys all random numbers of the run.
  public var seed: UInt64 = 1
  /// What the family adds.
  public var own = Family.Section()
  /// The optimiser and its steps.
  public var training = TrainingSection()
  /// Which maps train, which test.
  public var split = SplitSection()
  /// Losses on maps that are not trained on.
  public var validation = ValidationSection()
  /// What is saved, and when.
  public var checkpoints = CheckpointsSection()

  /// Every section's own defaults.
  public init() {}

  /// The top level of the file.
  public static var fields: [ConfigurationField<Self>] {
    [
      .constant("family", Family.name, "what kind of model is trained"),
      .integer("seed", \.seed, in: 0...UInt64.max, "keys all random numbers"),
    ] + Family.Section.fields.map { $0.lifted(through: \.own) } + [
      .section("training", \.training, "optimiser, batch, schedule, average").tagged(.learning),
      .section("split", \.split, "which maps train, which test"),
      .section("validation", \.validation, "losses on maps that are not trained on").tagged(.resumption),
      .section("checkpoints", \.checkpoints, "what is saved, and when").tagged(.resumption),
    ]
  }

  /// The family's keys that have moved.
  public static var renamed: [String: String] { Family.Section.renamed }

  /// What the family's sections have to agree on.
  public func validate(_ places: ConfigurationPlaces) throws { try own.validate(places) }

  /// A preset, changed by a file, changed by overrides.
  ///
  /// - Parameters:
  ///   - preset: the name of one of the family's presets; nil for the one that the file names, or else the first.
  ///   - file: a YAML file, whose top level may name a preset and a family; nil for none.
  ///   - overrides: texts "section.key=value".
  /// - Throws: `Fault` naming file, line, column and key.
  public static func load(preset: String? = nil, file: String? = nil, overrides: [String] = []) throws -> Self {
    let named = try file.flatMap { try Configuration.heading(["preset"], ofFile: $0)["preset"] }
    return try Configuration.load(
      preset: Family.preset(preset ?? named).configuration, file: file, overrides: overrides, heading: ["preset"])
  }

  /// The configuration that a run was begun with.
  ///
  /// - Parameters:
  ///   - yaml: the text of its `config.resolved.yaml`.
  ///   - name: the file, for messages.
  /// - Throws: `Fault` naming file, line, column and key.
  public static func read(run yaml: String, named name: String) throws -> Self {
    try Configuration.read(yaml: yaml, named: name, preset: Self())
  }
}

/// Which maps train and which test.
public struct SplitSection: ConfigurationSection, Equatable {
  /// What is drawn as a whole.
  public enum Unit: String, CaseIterable, Sendable {
    /// Environments where the data set has several, else maps.
    case automatic
    /// Single maps.
    case map
    /// All maps of an environment: no test map's surroundings are learnt.
    case environment
  }
  /// What is drawn as a whole.
  public var unit = Unit.automatic
  /// The share of the units that tests; nil: one in six, or `testCount`.
  public var testShare: Double?
  /// How many units test; nil: by share.
  public var testCount: Int?

  /// One in six.
  public init() {}

  /// The keys of the section `split`.
  public static var fields: [ConfigurationField<Self>] {
    [
      .choice("unit", \.unit, "what is drawn as a whole; automatic: environments where there are several"),
      .number("test_share", \.testShare, in: 0...0.95, "share of the units that tests; null: one in six"),
      .integer("test_count", \.testCount, in: 0...100_000_000, "how many units test; null: by share"),
    ]
  }

  /// The rule for the data's split.
  public var rule: SplitRule {
    var rule = SplitRule()
    rule.byEnvironment = unit == .automatic ? nil : unit == .environment
    rule.size = testCount.map { .count($0) } ?? testShare.map { .share($0) } ?? .oneInSix
    return rule
  }

  /// One of the two sizes at most.
  public func validate(_ places: ConfigurationPlaces) throws {
    guard testShare == nil || testCount == nil else {
      throw Fault(
        "the size of the test set is given twice", at: places["test_count"],
        expected: "test_share or test_count", found: "both")
    }
  }
}

/// Losses on maps that are not trained on.
public struct ValidationSection: ConfigurationSection, Equatable {
  /// Steps between validations; 0 for none.
  public var every = 1000
  /// How many held-out maps, at most.
  public var maps = 32

  /// The defaults.
  public init() {}

  /// The keys of the section `validation`.
  public static var fields: [ConfigurationField<Self>] {
    [
      .integer("every", \.every, in: 0...Int.max, "steps between validations; 0: none"),
      .integer("maps", \.maps, in: 1...1_000_000, "held-out maps, at most"),
    ]
  }
}

/// What is saved, and when.
public struct CheckpointsSection: ConfigurationSection, Equatable {
  /// Steps between checkpoints; the last step is always saved.
  public var every = 1000
  /// How many of the latest are kept.
  public var keepLast = 3
  /// Every so many steps one is kept for ever; 0 for none.
  public var keepEvery = 0

  /// The defaults.
  public init() {}

  /// The keys of the section `checkpoints`.
  public static var fields: [ConfigurationField<Self>] {
    [
      .integer("every", \.every, in: 1...Int.max, "steps between checkpoints"),
      .integer("keep_last", \.keepLast, in: 1...1_000_000, "how many of the latest are kept"),
      .integer("keep_every", \.keepEvery, in: 0...Int.max, "steps of which multiples are kept for ever; 0: none"),
    ]
  }
}
