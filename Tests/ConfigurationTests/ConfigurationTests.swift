import Essentials
import Foundation
import Testing
import TestSupport

@testable import Configuration

private enum Schedule: String, CaseIterable { case linear, cosine }

private struct TrainingSection: ConfigurationSection, Equatable {
  var batch = 12
  var learningRate = 1e-4
  var warmUp: Int?
  var clip: Float = 1
  var isDeterministic = true
  var multipliers = [1, 2, 4]
  var schedule = Schedule.linear

  static var fields: [ConfigurationField<Self>] {
    [
      .integer("batch", \.batch, in: 1...65536, "global batch, samples"),
      .number("learning_rate", \.learningRate, in: 0...1, "step size of the optimiser"),
      .integer("warm_up", \.warmUp, in: 0...1_000_000, "steps until the full learning rate"),
      .number("clip", \.clip, in: 0...100, "largest norm of the gradient"),
      .flag("deterministic", \.isDeterministic, "same bits each time"),
      .integers(
        "multipliers", \.multipliers, in: 1...64, count: 1...8, "channels of each level, over the base"),
      .choice("schedule", \.schedule, "noise schedule"),
    ]
  }

  func validate(_ places: ConfigurationPlaces) throws {
    if let warmUp, warmUp > 1000, batch == 1 {
      throw Fault("warm-up is too long for batch 1", at: places["warm_up"])
    }
  }
}

private struct WholeConfiguration: ConfigurationSection, Equatable {
  var seed: UInt64 = 1
  var title = "a run"
  var note: String?
  var training = TrainingSection()

  static var fields: [ConfigurationField<Self>] {
    [
      .integer("seed", \.seed, in: UInt64.min...UInt64.max, "what all randomness starts from"),
      .text("title", \.title, "a name for people"),
      .text("note", \.note, "remarks"),
      .section("training", \.training, "how the model is trained"),
    ]
  }
}

@Suite struct ConfigurationTests {
  private func read(_ yaml: String) throws -> WholeConfiguration {
    try Configuration.read(yaml: yaml, named: "my.yaml")
  }

  @Test func fileAndOverridesChangeSingleKeysOfAPreset() throws {
    let scratch = Scratch()
    let file = scratch.write("seed: 7\ntraining:\n  batch: 8\n  schedule: cosine\n", to: "my.yaml")
    var preset = WholeConfiguration()
    preset.training.clip = 3
    let got = try Configuration.load(
      preset: preset, file: file,
      overrides: [
        "training.batch=16", "training.multipliers=1,2", "note=x=y", "training.warm_up=5",
        "training.warm_up=null",
      ])
    #expect(got.seed == 7)
    #expect(got.training.batch == 16)
    #expect(got.training.multipliers == [1, 2])
    #expect(got.training.schedule == .cosine)
    #expect(got.training.clip == 3)
    #expect(got.training.warmUp == nil)
    #expect(got.note == "x=y")
    #expect(
      try Configuration.load(preset: preset, overrides: ["training.multipliers=[3, 5]"]).training.multipliers
        == [3, 5])
    #expect(try read("") == WholeConfiguration())
    #expect(try read("# nothing\n") == WholeConfiguration())
  }

  @Test func unknownKeysAreNamedWithPositionAndNearest() throws {
    let message = try #require(fault { try read("seed: 1\ntraining:\n  batsh: 4\n") })
    #expect(message.place == "my.yaml:3:3 training.batsh")
    #expect(message.hint == "did you mean training.batch?")
    #expect(message.expected?.contains("learning_rate") == true)
    #expect(fault { try read("flavour: 1") }?.hint == nil)
    let override = fault {
      try Configuration.load(preset: WholeConfiguration(), overrides: ["trainig.batch=3"])
    }
    #expect(override?.place == "--set trainig")
    #expect(override?.hint == "did you mean training?")
  }

  @Test(arguments: [
    ("training:\n  batch: many", "my.yaml:2:10 training.batch", "a whole number from 1 to 65536", "many"),
    ("training:\n  batch: 0", "my.yaml:2:10 training.batch", "a whole number from 1 to 65536", "0"),
    (
      "training:\n  batch: \"8\"", "my.yaml:2:10 training.batch", "a whole number from 1 to 65536",
      "the text \"8\""
    ),
    (
      "training:\n  batch: 99999999999999999999", "my.yaml:2:10 training.batch",
      "a whole number from 1 to 65536", "99999999999999999999"
    ),
    ("training:\n  batch:", "my.yaml:2:9 training.batch", "a whole number from 1 to 65536", "nothing"),
    ("training:\n  batch: [1]", "my.yaml:2:10 training.batch", "a whole number from 1 to 65536", "a list"),
    ("training: 5", "my.yaml:1:11 training", "a section with keys", "5"),
    (
      "training: {learning_rate: .nan}", "my.yaml:1:27 training.learning_rate", "a number from 0.0 to 1.0",
      ".nan"
    ),
    (
      "training: {learning_rate: nan}", "my.yaml:1:27 training.learning_rate", "a number from 0.0 to 1.0",
      "nan"
    ),
    (
      "training: {learning_rate: 1e999}", "my.yaml:1:27 training.learning_rate", "a number from 0.0 to 1.0",
      "1e999"
    ),
    ("training: {deterministic: yes}", "my.yaml:1:27 training.deterministic", "true or false", "yes"),
    ("training: {schedule: cosin}", "my.yaml:1:22 training.schedule", "one of linear, cosine", "cosin"),
    (
      "training: {warm_up: soon}", "my.yaml:1:21 training.warm_up",
      "a whole number from 0 to 1000000, or null", "soon"
    ),
    ("training: {multipliers: []}", "my.yaml:1:25 training.multipliers", "1 to 8 elements", "0"),
    (
      "training: {multipliers: [1, x]}", "my.yaml:1:29 training.multipliers", "a whole number from 1 to 64",
      "x"
    ),
    ("title: {a: 1}", "my.yaml:1:8 title", "text", "a section with keys"),
    ("- 1\n- 2", "my.yaml:1:1", "a section with keys", "a list"),
  ])
  func wrongValuesAreNamed(yaml: String, place: String, expected: String, found: String) throws {
    let message = try #require(fault { try read(yaml) })
    #expect(message.place == place)
    #expect(message.expected == expected)
    #expect(message.found == found)
  }

  @Test func mistypedChoicesGetAHint() {
    #expect(fault { try read("training: {schedule: cosin}") }?.hint == "did you mean cosine?")
  }

  @Test(arguments: [
    "seed: 1\nseed: 2", "seed: &a 1\nnote: x", "seed: *a", "note: !!binary abc", "seed: [1", "a: b: c",
    "seed: \"open", "\u{1}", "? [a]\n: 1", "seed: 1\n---\nseed: 2", "note: |\n  *a\n\t&b", "<<: {seed: 1}",
    "{[[[[[[[[[[[[[[[[[[[[]]]]", String(repeating: "- ", count: 5000), String(repeating: "[", count: 100_000),
    String(repeating: "{a: ", count: 50_000), String(repeating: "- \n", count: 100),
  ])
  func malformedYAMLIsAFault(yaml: String) {
    let message = fault { try read(yaml) }
    #expect(message != nil)
    #expect(message?.place.hasPrefix("my.yaml") == true)
  }

  /// What a guard that reads the text in its own way lets pass.
  @Test(arguments: [
    "note: |\n  it's\nseed: &a 1\ntitle: *a", "# comment\rseed: &a 1", "# comment\u{85}seed: &a 1", "seed: !!int 1",
    "? &a [1]\n: 2", "a: \"\\\"\"\nseed: &a 1",
  ])
  func anchorsAndTagsAreFoundWhereverTheyHide(yaml: String) {
    let message = fault { try read(yaml) }
    #expect(message?.hint == "write the value out; put text that begins so in quotes")
  }

  /// Ten to the ninth values, as a key.
  @Test func aliasesThatMultiplyAreRefusedAtOnce() {
    let levels = (1...9).map { level in
      "a\(level): &a\(level) [" + repeatElement(level == 1 ? "x" : "*a\(level - 1)", count: 10).joined(separator: ", ")
        + "]"
    }
    #expect(fault { try read(levels.joined(separator: "\n") + "\n? *a9\n: 1") }?.place == "my.yaml:1:5")
  }

  @Test func tooManyValuesAreAFault() {
    let list = "title: [" + repeatElement("1", count: 200_000).joined(separator: ",") + "]"
    #expect(fault { try read(list) }?.expected == "at most 100000 values")
  }

  @Test func deepBlockNestingIsAFault() {
    let text = (0..<600).map { String(repeating: " ", count: $0) + "training:" }.joined(separator: "\n")
    #expect(fault { try read(text) } != nil)
  }

  @Test func harmlessTextPassesTheGuard() throws {
    #expect(try read("title: A & B * C!  # & * ! [[[[\nnote: '& [[[[[ * it''s'\n").note == "& [[[[[ * it's")
    #expect(try read("title: \"* \\\" &\"").title == "* \" &")
  }

  @Test func randomDamageNeverCrashes() throws {
    let whole = Array(Configuration.yaml(WholeConfiguration()).utf8)
    var state: UInt64 = 9
    func draw(_ limit: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % limit
    }
    let alphabet = Array("[]{}:,-?&*!|>'\"#%@` \n\tabc019~\\.\u{e9}\u{0}".utf8)
    for _ in 0..<2000 {
      var bytes = whole
      for _ in 0...draw(4) { bytes[draw(bytes.count)] = alphabet[draw(alphabet.count)] }
      guard let text = String(validating: bytes, as: UTF8.self) else { continue }
      do { _ = try read(text) } catch { #expect(error is Fault) }
    }
  }

  @Test func everyValueSurvivesWritingAndReading() throws {
    var value = WholeConfiguration()
    value.seed = .max
    value.training.learningRate = 0.1 + 0.2
    value.training.clip = 0.1
    value.training.warmUp = 3
    for text in [
      "", "null", "true", "12", "a b", "x: y # z", "\"q\"\\", "tab\t\nline",
      "é\u{2028}\u{FEFF}\u{1}\u{1F600}", "- a", "&a", "...", "~",
    ] {
      value.title = text
      value.note = text
      let yaml = Configuration.yaml(value)
      #expect(try Configuration.read(yaml: yaml, named: "x") == value, "\(yaml)")
    }
  }

  @Test func writtenFormShowsHelpAndRanges() {
    let yaml = Configuration.yaml(WholeConfiguration())
    #expect(
      yaml == """
        seed: 1         # what all randomness starts from
        title: "a run"  # a name for people
        note: null      # remarks (or null)

        # how the model is trained
        training:
          batch: 12               # global batch, samples (1 to 65536)
          learning_rate: 0.0001   # step size of the optimiser (0.0 to 1.0)
          warm_up: null           # steps until the full learning rate (0 to 1000000, or null)
          clip: 1.0               # largest norm of the gradient (0.0 to 100.0)
          deterministic: true     # same bits each time (true | false)
          multipliers: [1, 2, 4]  # channels of each level, over the base (list, each 1 to 64)
          schedule: linear        # noise schedule (linear | cosine)

        """)
  }

  @Test func hashAndDifferencesFollowTheValues() {
    let first = WholeConfiguration()
    var second = first
    #expect(Configuration.hash(first) == Configuration.hash(second))
    #expect(Configuration.differences(first, second).isEmpty)
    second.training.batch = 8
    second.note = "x"
    #expect(Configuration.hash(first) != Configuration.hash(second))
    #expect(
      Configuration.differences(first, second) == [
        ConfigurationDifference(key: "note", first: "null", second: "x", tags: []),
        ConfigurationDifference(key: "training.batch", first: "12", second: "8", tags: []),
      ])
    #expect(
      Configuration.canonical(TrainingSection()).hasPrefix("batch=12\nlearning_rate=0.0001\nwarm_up=null\n"))
  }

  @Test func contradictionsNameThePlaceOfTheKey() {
    let yaml = "training:\n  warm_up: 5000\n"
    let message = fault {
      try Configuration.load(
        preset: try Configuration.read(yaml: yaml, named: "p") as WholeConfiguration,
        overrides: ["training.batch=1", "training.warm_up=2000"])
    }
    #expect(message?.place == "--set training.warm_up")
    #expect(
      fault { try read("training:\n  warm_up: 5000\n  batch: 1") }?.place == "my.yaml:2:12 training.warm_up")
  }

  @Test func overridesWithoutAValueAreFaults() {
    #expect(
      fault { try Configuration.load(preset: WholeConfiguration(), overrides: ["seed"]) }?.expected
        == "KEY=VALUE")
    #expect(fault { try Configuration.load(preset: WholeConfiguration(), overrides: ["=3"]) } != nil)
    #expect(
      fault { try Configuration.load(preset: WholeConfiguration(), overrides: ["seed="]) }?.found == "nothing"
    )
    #expect(
      fault { try Configuration.load(preset: WholeConfiguration(), overrides: ["training.batch=abc"]) }?.place
        == "--set training.batch")
  }

  @Test func hugeFilesAreRefusedUnread() throws {
    let scratch = Scratch()
    let file = scratch.write(String(repeating: "#", count: 300_000), to: "huge.yaml")
    #expect(fault { try Configuration.load(preset: WholeConfiguration(), file: file) }?.place == file)
  }

  @Test func distanceCountsEdits() {
    #expect(Names.distance("batch", "batch") == 0)
    #expect(Names.distance("bacth", "batch") == 1)
    #expect(Names.distance("", "abc") == 3)
    #expect(Names.distance("kitten", "sitting") == 3)
  }
}
