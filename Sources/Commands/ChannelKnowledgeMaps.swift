import ArgumentParser
import Essentials
import Foundation
import Runs
import Synchronization

/// The command `ckm`: channel knowledge maps from simulation to report.
public struct ChannelKnowledgeMaps: ParsableCommand {
  /// The root of all commands.
  public static let configuration = CommandConfiguration(
    commandName: "ckm",
    abstract: "Simulate, train, compress, reconstruct and evaluate channel fingerprints.",
    discussion: """
      Commands that work on maps run on one process or, under mpirun or srun, on many. Exit codes: 0 success, \
      1 an error, 64 wrong use, 75 a run that was asked to stop, and has saved.
      """,
    version: Software.version,
    subcommands: [
      SimulateCommand.self, ImportCommand.self, ExportCommand.self, TrainCommand.self, PruneCommand.self,
      DistillCommand.self,
      ReconstructCommand.self, InferCommand.self, EvaluateCommand.self, ProtocolCommand.self,
      PlanMeasurementsCommand.self,
      CalibrateCommand.self, DeployCommand.self,
      InspectCommand.self, ConfigCommand.self, BenchCommand.self,
    ])

  /// For the argument parser, which fills commands itself.
  public init() {}

  /// The families of models that this program knows.
  static var families: FamilyRegistry {
    guard let registry = known.withLock({ $0 }) else { preconditionFailure("no family of models is registered") }
    return registry
  }
  private static let known = Mutex<FamilyRegistry?>(nil)

  /// Makes families of models known; commands can be parsed from then on.
  ///
  /// - Parameter families: files that name none are of the first.
  public static func register(_ families: [any ModelFamily.Type]) {
    known.withLock { $0 = FamilyRegistry(families) }
  }

  /// Runs the command that the process's arguments name, and ends the process where that fails.
  ///
  /// - Parameter families: the families of models that the program knows; files that name none are of the first.
  public static func start(families: [any ModelFamily.Type]) {
    register(families)
    // A limit on file sizes is to be an error that is told, like a full disk, and not a sudden end.
    signal(SIGXFSZ, SIG_IGN)
    do {
      var command = try parseAsRoot()
      try command.run()
      try Ending.requireTold()
    } catch {
      Ending.end(after: error)
    }
  }
}
