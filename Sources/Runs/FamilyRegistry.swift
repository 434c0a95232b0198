import Configuration
import Essentials
import MessagePassing
import Records

/// The families of models that a program knows.
public struct FamilyRegistry: Sendable {
  /// In the order in which they were registered. Files that name no family are of the first: those that were written
  /// before there were several.
  public let families: [any ModelFamily.Type]

  /// - Parameter families: at least one; names and names of presets are all different.
  public init(_ families: [any ModelFamily.Type]) {
    precondition(!families.isEmpty, "one family at least")
    self.families = families
    for title in families.map({ $0.title }) {
      precondition(!title.isEmpty && title.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" }, title)
    }
    for names in [families.map { $0.name }, families.flatMap { Self.presetNames($0) }] {
      precondition(Set(names).count == names.count, "a name is given twice among \(names)")
    }
  }

  /// Names and purposes of all presets, by family.
  public var presets: [(name: String, summary: String)] { families.flatMap { Self.presets($0) } }

  /// The family of this name.
  public func family(named name: String, at place: String) throws -> any ModelFamily.Type {
    guard let family = families.first(where: { $0.name == name }) else {
      let known = families.map { $0.name }
      throw Fault(
        "there is no such family of models", at: place, expected: known.joined(separator: ", "), found: name,
        hint: Names.nearest(to: name, among: known).map { "did you mean \($0)?" })
    }
    return family
  }

  /// The family and the preset that a configuration starts from: those that are asked for, or else named at the top of
  /// its file, or else the first.
  ///
  /// - Parameters:
  ///   - preset: the preset that is asked for; nil for none.
  ///   - file: a YAML file; nil for none.
  ///   - run: the family of the run that is to go on; nil for none.
  /// - Throws: `Fault` for names that are not known, or do not agree.
  public func choose(
    preset: String?, file: String?, resuming run: (any ModelFamily.Type)? = nil
  ) throws -> (family: any ModelFamily.Type, preset: String?) {
    let heading = try file.map { try Configuration.heading(["preset", "family"], ofFile: $0) } ?? [:]
    let place = file ?? "preset"
    if let named = heading["preset"], let preset, named != preset {
      throw Fault(
        "the file changes another preset", at: "\(place): preset", expected: preset, found: named,
        hint: "leave one of the two out")
    }
    let chosen = preset ?? heading["preset"]
    let family = try heading["family"].map { try self.family(named: $0, at: "\(place): family") }
    guard let chosen else { return (family ?? run ?? families[0], nil) }
    guard let owner = families.first(where: { Self.presetNames($0).contains(chosen) }) else {
      let known = presets.map(\.name)
      throw Fault(
        "there is no such preset", at: heading["preset"] == chosen ? "\(place): preset" : "preset",
        expected: known.joined(separator: ", "), found: chosen,
        hint: Names.nearest(to: chosen, among: known).map { "did you mean \($0)?" })
    }
    guard family == nil || family == owner else {
      throw Fault(
        "the preset is of another family", at: "\(place): family", expected: owner.name, found: heading["family"])
    }
    return (owner, chosen)
  }

  /// The family of a run's configuration.
  ///
  /// - Parameters:
  ///   - yaml: the text of `config.resolved.yaml`.
  ///   - name: the file, for messages.
  public func family(ofRun yaml: String, named name: String) throws -> any ModelFamily.Type {
    try Configuration.heading(["family"], of: yaml, named: name)["family"]
      .map { try family(named: $0, at: "\(name): family") } ?? families[0]
  }

  /// Collective. Loads the newest whole checkpoint of a run of whatever family.
  ///
  /// - Parameters: as for `TrainedRun.load`.
  /// - Throws: `Fault` on all ranks.
  public func load(
    run path: String, weights: WeightsChoice = .ema, communicator: Communicator, console: Console
  ) throws -> any TrainedModel {
    func load<Family: ModelFamily>(_ family: Family.Type) throws -> any TrainedModel {
      try TrainedRun<Family>.load(run: path, weights: weights, communicator: communicator, console: console)
    }
    return try load(try family(ofRunAt: path, communicator: communicator))
  }

  /// Collective. The family of the run in a directory.
  public func family(ofRunAt path: String, communicator: Communicator) throws -> any ModelFamily.Type {
    let name: String = try communicator.onRoot("open the run") {
      let directory = try RunDirectory.open(at: path)
      return try family(ofRun: directory.configuration(), named: directory.configurationPath).name
    }
    return try family(named: name, at: path)
  }

  private static func presets<Family: ModelFamily>(_ family: Family.Type) -> [(name: String, summary: String)] {
    family.presets.map { (name: $0.name, summary: $0.summary) }
  }

  private static func presetNames<Family: ModelFamily>(_ family: Family.Type) -> [String] {
    family.presets.map(\.name)
  }
}
