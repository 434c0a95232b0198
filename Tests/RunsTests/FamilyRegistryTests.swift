import Conditioning
import Configuration
import Models
import Runs
import Testing
import TestSupport

/// Which family and preset a configuration starts from, and what it is when it has been read.
@Suite struct FamilyRegistryTests {
  private let registry = FamilyRegistry(Families.all)
  private let scratch = Scratch()

  private func choice(preset: String? = nil, _ text: String? = nil) throws -> String {
    let file = text.map { scratch.write($0, to: "a.yaml") }
    let found = try registry.choose(preset: preset, file: file)
    return "\(found.family.name) \(found.preset ?? "-")"
  }

  @Test func presetsAreChosenByNameOrByTheFile() throws {
    #expect(try choice() == "cgdm -")
    #expect(try choice(preset: "paper") == "cgdm paper")
    #expect(try choice("preset: residual\nseed: 2") == "cgdm residual")
    #expect(try choice(preset: "residual", "preset: residual") == "cgdm residual")
    #expect(try choice("family: cgdm\nseed: 2") == "cgdm -")
    let two = fault { try choice(preset: "tiny", "preset: residual") }
    #expect(two?.expected == "tiny" && two?.found == "residual")
    let unknown = fault { try choice("preset: residul") }
    #expect(unknown?.hint == "did you mean residual?" && unknown?.place.hasSuffix("a.yaml: preset") == true)
    #expect(fault { try choice("family: cgmd") }?.hint == "did you mean cgdm?")
  }

  /// Every preset of every family is valid, and what is written of it reads as the same.
  @Test func presetsAreWhole() throws {
    func check<Family: ModelFamily>(_ family: Family.Type) throws {
      for preset in Family.presets {
        let loaded = try RunConfiguration<Family>.load(preset: preset.name)
        #expect(loaded == preset.configuration, "\(preset.name)")
        let text = Configuration.yaml(loaded)
        #expect(text.hasPrefix("family: \(Family.name)"))
        #expect(try Configuration.read(yaml: text, named: preset.name, preset: RunConfiguration<Family>()) == loaded)
        #expect(try Family.outlines(loaded).count == Family.playerNames.count)
      }
      #expect(fault { try RunConfiguration<Family>.load(preset: "none") }?.place == "preset")
    }
    for family in registry.families { try check(family) }
  }

  /// Configurations of runs that were made before there were families: no name of one, keys in their old sections.
  @Test func olderRunsAreOfTheFirstFamily() throws {
    let text = "seed: 3\ntraining:\n  magnifications: [2, 4]\n  symmetries: true\n  terminal_share: 0.5\n  steps: 9\n"
    #expect(try registry.family(ofRun: text, named: "old").name == "cgdm")
    let run = try Configuration.read(yaml: text, named: "old", preset: RunConfiguration<CGDMFamily>())
    #expect(run.own.data.magnifications == [2, 4] && run.own.data.symmetries && run.training.steps == 9)
    #expect(run.own.diffusion.terminalShare == 0.5)
    #expect(fault { try registry.family(ofRun: "family: gone", named: "run") }?.place == "run: family")
  }

  @Test func filesArePlayersOwn() {
    let arena = CGDM(.tiny).arena
    func names(_ name: String) -> [String] {
      let player = Player(name, arena, TrainingSection()) { _ in }
      return [player.weightsFile, player.averageFile, player.optimiserFile]
    }
    #expect(names(Player.only) == ["model.safetensors", "ema.safetensors", "optimizer.safetensors"])
    let own = ["generator.safetensors", "generator.ema.safetensors", "generator.optimizer.safetensors"]
    #expect(names("generator") == own)
  }

  @Test func splitsAreConfigured() throws {
    func rule(_ overrides: String...) throws -> SplitSection {
      try RunConfiguration<CGDMFamily>.load(overrides: overrides).split
    }
    #expect(try rule().rule == SplitRule())
    let cities = try rule("split.unit=environment", "split.test_count=71").rule
    #expect(cities.byEnvironment == true && cities.size == .count(71))
    #expect(try rule("split.unit=map", "split.test_share=0.2").rule.size == .share(0.2))
    let both = fault { try rule("split.test_count=71", "split.test_share=0.2") }
    #expect(both?.place == "--set split.test_count")
  }

  /// Players that cannot be trained together are refused before the first step.
  @Test func playersAreChecked() throws {
    let arena = CGDM(.tiny).arena
    func players(_ names: [String], every: [Int]) -> [Player] {
      zip(names, every).map { name, every in
        var player = Player(name, arena, TrainingSection()) { _ in }
        player.every = every
        return player
      }
    }
    try players(["a", "b"], every: [1, 3]).validate(as: ["a", "b"])
    #expect(fault { try players(["a", "b"], every: [1, 1]).validate(as: ["b", "a"]) } != nil)
    #expect(fault { try players(["a", "a"], every: [1, 1]).validate(as: ["a", "a"]) } != nil)
    #expect(fault { try players(["a/b"], every: [1]).validate(as: ["a/b"]) } != nil)
    #expect(fault { try players(["a", "b"], every: [2, 2]).validate(as: ["a", "b"]) }?.found == "[2, 2]")
    #expect(fault { try players(["a", "b"], every: [1, 0]).validate(as: ["a", "b"]) } != nil)
    #expect(fault { try [Player]().validate(as: []) } != nil)
    let third = players(["a"], every: [3])[0]
    #expect(
      (0..<9).filter(third.isDue) == [2, 5, 8] && (0...9).map(third.stepCount) == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3])
  }
}
