import ArgumentParser
import Evaluation
import Runs

/// `ckm inspect run`: what a run is, what it has saved, and how far it is.
struct InspectRun: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Show a run's configuration, checkpoints and last metrics.",
    discussion: "Reads only; a run that is being trained may be inspected. Every checkpoint is verified.")

  @Argument(help: "The run's directory, as ckm train --out wrote it.")
  var directory: String

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Write the loss curves as SVG to this file.", valueName: "file.svg"))
  var out: String?

  @Option(
    help: ArgumentHelp(
      "Draw the validation losses of this run and of others instead, in one plot. Repeatable.", valueName: "directory"))
  var beside: [String] = []

  func validate() throws {
    guard beside.isEmpty || out != nil else { throw ValidationError("--beside needs --out, a file for the plot.") }
  }

  func run() throws {
    try Launch.onRoot("inspect the run") {
      let run = try RunDirectory.open(at: directory)
      try show(
        ChannelKnowledgeMaps.families.family(ofRun: run.configuration(), named: run.configurationPath))
    }
  }

  private func show<Family: ModelFamily>(_ family: Family.Type) throws {
    let report = try RunReport<Family>(directory)
    print(report.text, terminator: "")
    if let out {
      let plot = try beside.isEmpty ? report.lossCurves() : RunReport<Family>.validationCurves([directory] + beside)
      try plot.write(to: out)
      print("\nloss curves: \(out)")
    }
  }
}
