import ArgumentParser
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

  /// The family that is asked for, and the preset's name.
  ///
  /// - Parameter run: the run that is to go on; nil for none.
  /// - Throws: `Fault` for names that are not known, or do not agree.
  func choose(resuming run: RunToResume? = nil) throws -> (family: any ModelFamily.Type, preset: String?) {
    let families = ChannelKnowledgeMaps.families
    return try families.choose(
      preset: preset, file: changes.config, resuming: run.map { try families.family(named: $0.family, at: $0.path) })
  }

  /// The resolved configuration of a family: of a run that is to go on its own, unless a preset is named.
  ///
  /// - Throws: `Fault` naming file, line, column and key.
  func load<Family: ModelFamily>(
    _ family: Family.Type, preset: String?, resuming run: RunToResume? = nil
  ) throws -> RunConfiguration<Family> {
    if preset == nil, let run { return try run.configuration(of: family, changes) }
    return try RunConfiguration<Family>.load(preset: preset, file: changes.config, overrides: changes.set)
  }
}
