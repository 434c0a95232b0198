import ArgumentParser
import Configuration
import Runs

extension RunConfiguration.Preset: ExpressibleByArgument {}

/// What changes a configuration: a file, then key by key.
struct ConfigurationChanges: ParsableArguments {
  @Option(help: ArgumentHelp("YAML file with the keys to change (see ckm config).", valueName: "file"))
  var config: String?

  @Option(help: ArgumentHelp("One key to change; may be given several times.", valueName: "section.key=value"))
  var set: [String] = []
}

/// Where a run's configuration comes from: a preset, and what changes it.
struct ConfigurationOptions: ParsableArguments {
  @Option(help: "The configuration to start from.")
  var preset = RunConfiguration.Preset.small

  @OptionGroup var changes: ConfigurationChanges

  /// The resolved configuration.
  ///
  /// - Throws: `Fault` naming file, line, column and key.
  func load() throws -> RunConfiguration {
    try Configuration.load(preset: preset.configuration, file: changes.config, overrides: changes.set)
  }
}
