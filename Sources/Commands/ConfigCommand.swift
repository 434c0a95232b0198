import ArgumentParser
import Configuration

/// `ckm config`: a configuration as YAML with help, to be changed and given to `ckm train --config`.
struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Print a configuration as YAML, with help for every key.",
    discussion: "ckm config --preset tiny > my.yaml; any key that a file leaves out keeps the preset's value.")

  @OptionGroup var source: ConfigurationOptions

  func run() throws {
    try Launch.onRoot("print the configuration") {
      print(Configuration.yaml(try source.load()), terminator: "")
    }
  }
}
