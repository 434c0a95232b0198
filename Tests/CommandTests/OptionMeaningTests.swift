import ArgumentParser
import Foundation
import Models
import Testing

@testable import Commands

/// One option name, one meaning, over all commands and subcommands, as the argument parser itself lists them; and each option
/// gets to its command.
@Suite struct OptionMeaningTests {
  struct Node: Decodable {
    struct Argument: Decodable {
      struct Name: Decodable {
        var kind: String
        var name: String
      }
      var kind: String
      var names: [Name]?
      var abstract: String?
      var allValues: [String]?
    }
    var commandName: String
    var arguments: [Argument]?
    var subcommands: [Node]?
  }
  private struct Dump: Decodable { var command: Node }

  /// An option of a command, "inspect data".
  private struct Use {
    var command: String
    var name: String
    var help: String
    var isFlag: Bool
    var values: [String]
  }

  private let uses: [Use]

  init() throws {
    ChannelKnowledgeMaps.register(Families.all)
    let outcome = try Command.run(["--experimental-dump-help"])
    uses = Self.uses(of: try JSONDecoder().decode(Dump.self, from: Data(outcome.output.utf8)).command, within: "")
  }

  private static func uses(of node: Node, within path: String) -> [Use] {
    (node.arguments ?? []).flatMap { argument in
      (argument.names ?? []).filter { $0.kind == "long" && $0.name != "help" && $0.name != "version" }.map {
        Use(
          command: path, name: $0.name, help: argument.abstract ?? "", isFlag: argument.kind == "flag",
          values: argument.allValues ?? [])
      }
    }
      + (node.subcommands ?? []).filter { $0.commandName != "help" }.flatMap {
        uses(of: $0, within: path.isEmpty ? $0.commandName : "\(path) \($0.commandName)")
      }
  }

  /// Names whose help differs between commands, and the words that stand for what they mean in all of them. Who finds no such
  /// word for two options needs two names.
  private static let notions: [String: [String]] = [
    "batch": ["at a time", "in a batch"],  // Of the loop that the command is.
    "count": ["How many", "to plan"],
    "data": ["data set", "maps"],
    "environment": ["number of"],  // Any, or the one.
    "environments": ["nvironments"],  // How many, or which each map is of.
    "frequency": ["requency in Hz"],
    "json": ["JSON"],
    "layers": ["What each map holds"],
    "magnification": ["Fine pixels from one"],
    "maps": ["data set (HDF5)", "layer"],  // Which of a file's arrays holds the maps.
    "maximum": ["ow many of the first"],  // Maps, or cities.
    "method": ["Interpolation instead", "were made"],  // How maps are made of others, or were made.
    "model": ["run"],
    "out": ["rite", "directory"],
    "overwrite": ["Replace"],
    "parameters": ["standard"],  // Whose numbers: the standard's, or those behind QuaDRiGa's maps.
    "png-range": ["values of black and white", "values of grey levels"],
    "preset": ["configuration to start from", "The model."],
    "samples": ["Draws of"],
    // The papers' word for LOS and NLOS, and the standard's for the kind of surroundings.
    "scenario": ["whether places see the base station", "Whether places see the base station", "What is simulated"],
    "seed": ["Keys", "keys the random"],
    "set": ["key"],
    "size": ["Places on a side"],
    "spacing": ["in metres"],
    "station-height": ["eight of the base station in metres", "Height in metres of stations"],
    "split": ["as the run was split"],
    "stations": ["stations", "Stations"],
    "steps": ["Network evaluations", "that are timed"],  // How often the network, or the step that is timed, is run.
    "threads": ["Threads of"],
    "trial": ["Try"],
    "user-height": ["in metres"],
  ]

  @Test func oneNameOneMeaning() {
    #expect(uses.count > 150)
    for (name, all) in Dictionary(grouping: uses, by: \.name).sorted(by: { $0.key < $1.key }) {
      guard Set(all.map(\.help)).count > 1 else { continue }
      guard let words = Self.notions[name] else {
        Issue.record("--\(name) means different things: \(all.map { "\($0.command): \($0.help)" })")
        continue
      }
      for use in all {
        #expect(words.contains { use.help.contains($0) }, "--\(name) of \(use.command): \(use.help)")
      }
      #expect(Set(all.map(\.isFlag)).count == 1, "--\(name) takes a value here and none there")
    }
  }

  /// A notion that nothing needs any more goes.
  @Test func noNotionIsLeftOver() {
    for name in Self.notions.keys {
      #expect(Set(uses.filter { $0.name == name }.map(\.help)).count > 1, "\(name)")
    }
  }

  private static let standard = [
    "--scenario mixed --count 4 --out x", "--scenario mixed --out x", "--scenario mixed --stations s --out x",
  ]

  /// Command lines that are right as they stand; one option more has to be right too in one of each command's.
  private static let bases: [String: [String]] = [
    "simulate uma": standard, "simulate umi": standard, "simulate rma": standard, "simulate urban": ["--out x"],
    "import": ["a.h5 --out x", "a --layout radiomapseer --out x"],
    "train": ["--data a --out x", "--resume latest --out x"],
    "prune": ["--model r --data a --ratio 0.3 --out x", "--model r --data a --out x"],
    "distill": ["--teacher t --student s --data a --out x"],
    "reconstruct": [
      "--model r --data a --out x", "--model r --coarse c --out x", "--method kriging --data a --out x",
      "--data a --out x",
      "--model r --out x",
    ],
    "infer": [
      "--model r --data a --targets 2 --out x", "--method distance --data a --targets 2 --out x",
      "--model r --data a --at 1,2 --out x", "--data a --targets 2 --out x", "--model r --data a --out x",
    ],
    "deploy": [
      "--model r --data a --region 1,2,3,4 --out x", "--with distance --data a --region 1,2,3,4 --out x",
      "--data a --region 1,2,3,4 --out x", "--data a --sources 3 --trial --out x",
      "--data a --region 1,2,3,4 --with simulator --out x", "--model r --data a --sources 3 --out x",
      "--model r --data a --out x",
    ],
    "evaluate": ["--data a --reconstruction b --out x"],
    "protocol": ["--data a=b --out x"],
    "plan-measurements": ["--data a --out x", "--coarse a --out x", "--out x", "--data a --trial --out x"],
    "calibrate": ["a.h5"],
    "export": ["a.h5 --out x.png"],
    "bench tiles": ["--model r --data a --window 16 --sizes 16"],
    "inspect model": [""], "inspect complexity": [""], "inspect run": ["r --out x"], "config": [""],
    "inspect data": ["a.h5", "a.h5 --pathloss uma", "a.h5 --pathloss uma --scenario nlos"],
  ]

  /// Values for options that do not list theirs: numbers, pairs, sizes, names.
  private static let samples = [
    "7", "0.7", "2.5", "-147,-47", "2,3", "4x2", "a=b", "training.steps=7", "uma", "nlos", "small", "coherent_power",
    "corners",
    "xyn", "y", "1,2,3,4",
    "x.h5",
  ]

  private func parsed(_ arguments: [String]) -> String? {
    guard let command = try? ChannelKnowledgeMaps.parseAsRoot(arguments) else { return nil }
    var text = ""
    dump(command, to: &text)
    return text
  }

  /// Each option's value changes the command that comes out: it is neither unknown nor hidden by another of its name.
  @Test func everyOptionIsReached() {
    var plains: [[String]: String?] = [:]
    let negations = Set(uses.filter(\.isFlag).map { "\($0.command) \($0.name)" })
    for use in uses where !use.command.isEmpty {
      // A flag that is on unless it is negated changes nothing.
      if negations.contains("\(use.command) no-\(use.name)") { continue }
      let bases = (Self.bases[use.command] ?? [""]).map { base in
        use.command.split(separator: " ").map(String.init) + base.split(separator: " ").map(String.init)
      }
      let values = use.isFlag ? [[]] : (use.values + Self.samples).map { [$0] }
      // What a base has already is given in its place.
      let isReached = bases.contains { base in
        var before = base
        if let place = before.firstIndex(of: "--" + use.name), !use.isFlag {
          before.removeSubrange(place...(place + 1))
        }
        let plain = plains[base] ?? parsed(base)
        plains[base] = plain
        return values.contains { value in
          guard let with = parsed(before + ["--" + use.name] + value) else { return false }
          return with != plain
        }
      }
      #expect(isReached, "ckm \(use.command) --\(use.name): \(use.help)")
    }
  }

  /// An option's value of a wrong kind is an error that names the option.
  @Test(arguments: [
    ("reconstruct --model r --coarse c --out x --spacing log-snr", "--spacing"),
    ("reconstruct --model r --data a --out x --sampler-spacing 2", "--sampler-spacing"),
    ("protocol --data a=b --out x --spacing trailing", "--spacing"),
    ("protocol --data a=b --out x --sampler-spacing 0.5", "--sampler-spacing"),
    ("simulate uma --scenario mixed --count 4 --out x --spacing quadratic", "--spacing"),
    ("plan-measurements --coarse c --out x --spacing log-snr", "--spacing"),
  ]) func wrongKindOfValue(line: String, option: String) throws {
    let error = #expect(throws: (any Error).self) {
      try ChannelKnowledgeMaps.parseAsRoot(line.split(separator: " ").map(String.init))
    }
    let message = ChannelKnowledgeMaps.message(for: try #require(error))
    #expect(message.contains("\(option) "), "\(message)")
  }
}
