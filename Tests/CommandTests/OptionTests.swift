import ArgumentParser
import Essentials
import Foundation
import Models
import Testing
import TestSupport

@testable import Commands

/// The options of all commands: as a whole, and as they are written down.
@Suite struct OptionTests {
  private struct Dump: Decodable {
    struct Node: Decodable {
      struct Argument: Decodable {
        struct Name: Decodable {
          var kind: String
          var name: String
        }
        var names: [Name]?
      }
      var commandName: String
      var arguments: [Argument]?
      var subcommands: [Node]?
    }
    var command: Node
  }

  init() { ChannelKnowledgeMaps.register(Families.all) }

  private static func repeats(_ names: [String]) -> [String] {
    names.enumerated().filter { names[..<$0].contains($1) }.map(\.element)
  }

  @Test func nothingIsListedTwice() throws {
    let outcome = try Command.run(["--experimental-dump-help"])
    let root = try JSONDecoder().decode(Dump.self, from: Data(outcome.output.utf8)).command
    var commands = [root], seen = 0
    while let command = commands.popLast() {
      seen += 1
      let below = command.subcommands ?? []
      #expect(Self.repeats(below.map(\.commandName)) == [], "subcommands of \(command.commandName)")
      let names = (command.arguments ?? []).flatMap { ($0.names ?? []).map { "\($0.kind) \($0.name)" } }
      #expect(Self.repeats(names) == [], "options of \(command.commandName)")
      commands += below
    }
    #expect(seen > 20)
  }

  /// The command lines in a text: those of code blocks, and those within a line that have an option.
  private static func commandLines(of text: String) -> [String] {
    text.split(separator: "\n").flatMap { line in
      if line.hasPrefix("    ") { return [String(line)] }
      let parts = line.split(separator: "`", omittingEmptySubsequences: false)
      return parts.indices.filter { $0 % 2 == 1 && parts[$0].contains(" --") }.map { String(parts[$0]) }
    }.compactMap(arguments)
  }

  /// What stands behind `ckm`; nil for lines of anything else.
  private static func arguments(_ line: String) -> String? {
    let words = line.split(separator: " ").map(String.init)
    let rest = words.first == "$" ? words[1...] : words[...]
    let command = rest.prefix { $0 != ">" }
    switch rest.first {
    case "ckm": return command.dropFirst().joined(separator: " ")
    case "mpirun":
      return command.firstIndex(of: "ckm").map { command[($0 + 1)...].joined(separator: " ") }
    case "sbatch": return (["train"] + command.dropFirst(2)).joined(separator: " ")
    default: return nil
    }
  }

  /// `--help` wins over everything, also over options that there are not. So the parser itself is asked, which takes each
  /// option's name and value and runs what commands check of them.
  @Test func everyCommandLineOfTheReadmeParses() throws {
    let text = try String(contentsOfFile: "\(Command.repository)/README.md", encoding: .utf8)
    let lines = Self.commandLines(of: text)
    #expect(lines.count > 15 && lines.contains { $0.hasPrefix("train") && $0.contains("--dry-run") })
    for line in lines {
      let arguments = line.split(separator: " ").map(String.init)
      #expect(throws: Never.self, "ckm \(line)") { try ChannelKnowledgeMaps.parseAsRoot(arguments) }
      #expect(throws: (any Error).self) { try ChannelKnowledgeMaps.parseAsRoot(arguments + ["--colour"]) }
    }
  }

  /// Metres, and the sampler's timesteps: each of its own name, together in one command.
  @Test func spacingsOfMapsAndOfTimesteps() throws {
    let spacings = ["--spacing", "2", "--sampler-spacing", "quadratic", "--out", "x"]
    let reconstruct = try #require(
      try ChannelKnowledgeMaps.parseAsRoot(["reconstruct", "--model", "r", "--coarse", "c.npy"] + spacings)
        as? ReconstructCommand)
    #expect(reconstruct.alone.place.spacing == 2 && reconstruct.sampling.spacing == .quadratic)
    let protocolCommand = try #require(
      try ChannelKnowledgeMaps.parseAsRoot(["protocol", "--data", "a=a.h5"] + spacings) as? ProtocolCommand)
    #expect(protocolCommand.place.spacing == 2 && protocolCommand.sampling.spacing == .quadratic)
  }

  @Test func faultsNameOptions() {
    let fault = OptionNames.told(
      Fault(
        "no such number of draws", at: "`draws`", expected: "`draws` 2 or `sampler.steps=3`", found: "`ratio`",
        hint: "see `ls maps`"))
    #expect(
      fault
        == Fault(
          "no such number of draws", at: "--samples", expected: "--samples 2 or --set sampler.steps=3",
          found: "--ratio", hint: "see `ls maps`"))
    #expect(OptionNames.told(Fault("a", at: "odd ` one")).place == "odd ` one")
  }

  /// Each parameter of a library that a fault is at has the name of an option.
  @Test func placesOfFaultsAreOptions() throws {
    let names = try HouseTests.files("Sources", [".swift"]).flatMap { file in
      try HouseTests.text(file).matches(of: /at: "(`[a-z_]+`)/).map { String($0.1) }
    }
    #expect(Set(names).count > 15)
    for name in Set(names) { #expect(OptionNames.told(name).hasPrefix("--"), "\(name)") }
  }
}
