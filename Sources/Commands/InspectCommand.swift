import ArgumentParser

/// `ckm inspect`: what models, runs and data sets are.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Show what a model, a run or a data set is.",
    subcommands: [InspectModel.self, InspectComplexity.self, InspectData.self, InspectRun.self])
}
