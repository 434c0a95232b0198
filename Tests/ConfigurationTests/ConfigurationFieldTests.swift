import Testing
import TestSupport

@testable import Configuration

extension ConfigurationTag {
  fileprivate static let trial = ConfigurationTag("trial")
}

/// The parts of a configuration that families of models need: keys of an inner section at the top level, names that can
/// have one value, keys that have moved, tags, and what stands at the head of a file.
@Suite struct ConfigurationFieldTests {
  private struct Numbers: ConfigurationSection, Equatable {
    var count = 3
    var scale = 1.0
    static var fields: [ConfigurationField<Self>] {
      [
        .integer("count", \.count, in: 0...9, "how many").tagged(.trial),
        .number("scale", \.scale, in: 0...9, "how large"),
      ]
    }
  }

  private struct Own: ConfigurationSection, Equatable {
    var numbers = Numbers()
    var label = "a"
    static var fields: [ConfigurationField<Self>] {
      [.section("numbers", \.numbers, "numbers"), .text("label", \.label, "a name")]
    }
  }

  private struct Whole: ConfigurationSection, Equatable {
    var seed = 1
    var own = Own()
    var rest = Numbers()
    static var fields: [ConfigurationField<Self>] {
      [.constant("kind", "trial", "what it is"), .integer("seed", \.seed, in: 0...9, "seed")]
        + Own.fields.map { $0.lifted(through: \.own) } + [.section("rest", \.rest, "the rest").tagged(.trial)]
    }
    static var renamed: [String: String] { ["rest.size": "numbers.scale", "old": "label"] }
  }

  @Test func keysOfAnInnerSectionStandAtTheTop() throws {
    let whole = try Configuration.load(preset: Whole(), overrides: ["numbers.count=5", "label=b", "rest.scale=2"])
    #expect(whole.own.numbers.count == 5 && whole.own.label == "b" && whole.rest.scale == 2)
    let text = Configuration.yaml(whole)
    #expect(text.hasPrefix("kind: trial") && text.contains("\nnumbers:\n"))
    #expect(try Configuration.read(yaml: text, named: "text", preset: Whole()) == whole)
    let unknown = fault { try Configuration.load(preset: Whole(), overrides: ["numbers.cont=5"]) }
    #expect(unknown?.hint == "did you mean numbers.count?")
  }

  @Test func aConstantHasOneValue() throws {
    #expect(try Configuration.read(yaml: "kind: trial\nseed: 2", named: "a.yaml", preset: Whole()).seed == 2)
    let other = fault { try Configuration.read(yaml: "kind: other", named: "a.yaml", preset: Whole()) }
    #expect(other?.expected == "trial" && other?.found == "other" && other?.place == "a.yaml:1:7 kind")
  }

  @Test func movedKeysAreReadUnderTheirOldNames() throws {
    let old = try Configuration.read(yaml: "old: c\nrest:\n  size: 4\n  count: 2", named: "a", preset: Whole())
    #expect(old.own.label == "c" && old.own.numbers.scale == 4 && old.rest.count == 2 && old.rest.scale == 1)
    // A section that held nothing but what has moved.
    #expect(try Configuration.read(yaml: "rest: {size: 4}", named: "a", preset: Whole()).own.numbers.scale == 4)
    #expect(try Configuration.load(preset: Whole(), overrides: ["rest.size=7"]).own.numbers.scale == 7)
    let twice = fault {
      try Configuration.read(yaml: "rest:\n  size: 4\nnumbers:\n  scale: 5", named: "a", preset: Whole())
    }
    #expect(twice?.expected == "numbers.scale alone" && twice?.found == "rest.size as well")
    // What stands in the way of a moved key is told as what it is.
    let blocked = fault {
      try Configuration.read(yaml: "rest: {size: 4}\nnumbers: 3", named: "a", preset: Whole())
    }
    #expect(blocked?.expected == "a section with keys" && blocked?.place == "a:2:10 numbers")
    let wrong = fault { try Configuration.load(preset: Whole(), overrides: ["rest.size=x"]) }
    #expect(wrong?.place == "--set numbers.scale")
  }

  @Test func differencesTellWhatTheirKeysMayChangeFor() throws {
    let first = Whole()
    let second = try Configuration.load(
      preset: first, overrides: ["seed=2", "numbers.count=4", "numbers.scale=4", "rest.scale=3"])
    let tags = Configuration.differences(first, second).map { "\($0.key) \($0.tags.contains(.trial))" }
    #expect(tags == ["seed false", "numbers.count true", "numbers.scale false", "rest.scale true"])
  }

  @Test func theHeadOfAFileIsReadBeforeTheRest() throws {
    let scratch = Scratch()
    let file = scratch.write("preset: small\nseed: 4\nlabel: x\n", to: "a.yaml")
    #expect(try Configuration.heading(["preset", "kind"], ofFile: file) == ["preset": "small"])
    #expect(try Configuration.load(preset: Whole(), file: file, heading: ["preset"]).seed == 4)
    #expect(fault { try Configuration.load(preset: Whole(), file: file) }?.what == "unknown key")
    let list = scratch.write("preset: [1, 2]\n", to: "b.yaml")
    #expect(fault { try Configuration.heading(["preset"], ofFile: list) }?.place == "\(list):1:9 preset")
    #expect(try Configuration.heading(["preset"], of: "", named: "empty") == [:])
  }
}
