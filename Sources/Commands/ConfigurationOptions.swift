import ArgumentParser
import Configuration
import MessagePassing
import Runs

/// What changes a configuration: a file, then key by key.
struct ConfigurationChanges: ParsableArguments {
  @Option(help: ArgumentHelp("YAML file with the keys to change (see ckm config).", valueName: "file"))
  var config: String?

  @Option(help: ArgumentHelp("One key to change; may be given several times.", valueName: "section.key=value"))
  var set: [String] = []
}

/// Where a run's configuration comes from: a preset, and what changes it.
struct ConfigurationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The configuration to start from: \(Self.presets). Default: what the file names at its top, or "
        + "\(ChannelKnowledgeMaps.families.presets[0].name)."))
  var preset: String?

  @OptionGroup var changes: ConfigurationChanges

  func validate() throws {
    let known = ChannelKnowledgeMaps.families.presets.map(\.name)
    guard preset.map(known.contains) ?? true else {
      throw ValidationError("--preset: expected one of \(known.joined(separator: ", ")), found \(preset ?? "")")
    }
  }

  private static var presets: String { ChannelKnowledgeMaps.families.presets.map(\.name).joined(separator: ", ") }

  /// Whether neither option nor file says what to start from.
  ///
  /// - Throws: `Fault` when the file cannot be read.
  var namesNoPreset: Bool {
    get throws {
      guard preset == nil, let file = changes.config else { return preset == nil }
      return try Configuration.heading(["preset"], ofFile: file)["preset"] == nil
    }
  }

  /// Collective. The configuration of a run that goes on, changed by file and keys.
  ///
  /// - Throws: `Fault` on all ranks, naming file, line, column and key.
  func changed<Family: ModelFamily>(
    _ family: Family.Type, run: String, _ communicator: Communicator
  ) throws -> RunConfiguration<Family> {
    let text = try communicator.onRoot("read the run's configuration") {
      try RunDirectory.open(at: run).configuration()
    }
    return try communicator.agree("read the configuration") {
      let own = try Configuration.read(
        yaml: text, named: "\(run)/config.resolved.yaml", preset: RunConfiguration<Family>())
      return try Configuration.load(preset: own, file: changes.config, overrides: changes.set)
    }
  }

  /// The family that is asked for, and the preset's name.
  ///
  /// - Throws: `Fault` for names that are not known, or do not agree.
  func choose() throws -> (family: any ModelFamily.Type, preset: String?) {
    try ChannelKnowledgeMaps.families.choose(preset: preset, file: changes.config)
  }

  /// The resolved configuration of a family.
  ///
  /// - Throws: `Fault` naming file, line, column and key.
  func load<Family: ModelFamily>(_ family: Family.Type, preset: String?) throws -> RunConfiguration<Family> {
    try RunConfiguration<Family>.load(preset: preset, file: changes.config, overrides: changes.set)
  }
}
