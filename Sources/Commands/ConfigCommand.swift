import ArgumentParser
import Configuration
import Runs

/// `ckm config`: a configuration as YAML with help, to be changed and given to `ckm train --config`.
struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Print a configuration as YAML, with help for every key.",
    discussion: """
      ckm config --preset tiny > my.yaml; any key that a file leaves out keeps the preset's value. A file can name the \
      preset that it changes in its first line: preset: tiny.
      """)

  @OptionGroup var source: ConfigurationOptions

  func run() throws {
    try Launch.onRoot("print the configuration") {
      let choice = try source.choose()
      print(try yaml(choice.family, preset: choice.preset), terminator: "")
    }
  }

  private func yaml<Family: ModelFamily>(_ family: Family.Type, preset: String?) throws -> String {
    Configuration.yaml(try source.load(family, preset: preset))
  }
}
