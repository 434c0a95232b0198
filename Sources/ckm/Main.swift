import ArgumentParser

/// The command `ckm`: channel knowledge maps from simulation to report.
@main
struct ChannelKnowledgeMaps: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ckm", abstract: "Simulate, train, reconstruct and evaluate channel fingerprints.",
    subcommands: [BenchCommand.self])
}
