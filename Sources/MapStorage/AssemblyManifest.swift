import Essentials
import Foundation
import Records

/// What the parts in a directory are parts of: `FILE.partial/manifest.json`.
struct AssemblyManifest: Codable, Equatable {
  /// The directory's own format.
  private static let format = 2
  static let name = "manifest.json"
  private static let largest = 8 << 20

  private var format = Self.format
  let count: Int
  let description: MapSetDescription

  init(count: Int, description: MapSetDescription) {
    self.count = count
    self.description = description
  }

  /// Of a directory; nil where there is none.
  static func read(in directory: String) throws -> AssemblyManifest? {
    let path = "\(directory)/\(name)"
    guard access(path, F_OK) == 0 else { return nil }
    let bytes = try Files.read(path, limit: largest, what: "cannot read what an interrupted run left")
    do {
      return try JSONDecoder().decode(AssemblyManifest.self, from: Data(bytes))
    } catch {
      throw Fault(
        "what an interrupted run left cannot be read", at: path, expected: "JSON that this version of ckm wrote",
        found: "\(error)".prefix { $0 != "\n" }.prefix(200).description, hint: startOver)
    }
  }

  func write(in directory: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try Files.write(
      try encoder.encode(self), to: "\(directory)/\(Self.name)", what: "cannot write the manifest")
  }

  private static let startOver = "`restart` throws it away; or give another name"

  /// Throws unless the parts in a directory are parts of this data set.
  func require(_ left: AssemblyManifest, in directory: String) throws {
    guard self != left else { return }
    let differences = zip(facts, left.facts).filter { $0 != $1 }
    let configuration = zip(configurationLines, left.configurationLines).first { $0 != $1 }
    // All facts alike: lines were added to or taken from the configuration.
    let pairs = differences + (configuration.map { [$0] } ?? [])
    throw Fault(
      "an interrupted run has left parts of another data set", at: directory,
      expected: pairs.isEmpty ? "the same configuration" : pairs.prefix(4).map(\.0).joined(separator: ", "),
      found: pairs.isEmpty ? "another one" : pairs.prefix(4).map(\.1).joined(separator: ", "),
      hint: "to go on with it give what it was given; \(Self.startOver)")
  }

  private var facts: [String] {
    [
      "format \(format)", "count \(count)", "seed \(description.seed)",
      "\(description.rows) x \(description.columns) places", "spacing \(description.area.spacing) m",
      "users at \(description.area.userHeight) m",
      "layers \((["\(description.longName)"] + description.layers.map(\.name)).joined(separator: ", "))",
      "software version \(description.softwareVersion)",
    ]
  }

  /// Without the help behind the keys.
  private var configurationLines: [String] {
    description.configuration.split(separator: "\n").map { line in
      let text = line.range(of: "  #").map { line[..<$0.lowerBound] } ?? line
      return text.trimmingCharacters(in: .whitespaces)
    }
  }
}
