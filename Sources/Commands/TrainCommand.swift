import ArgumentParser
import Essentials
import MessagePassing
import Records
import Training

/// `ckm train`: a run directory with checkpoints out of a data set.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train CGDM on a data set, data-parallel over the ranks.",
    discussion: """
      A run begins with a preset, changed by --config and --set. SIGUSR1 to mpirun (or SIGTERM to a rank) saves and \
      stops within a step on all ranks, exit code 75; --resume latest goes on, bit for bit, with any number of ranks.
      """)

  @OptionGroup var source: ConfigurationOptions

  @OptionGroup var training: TrainingOptions

  @Option(help: ArgumentHelp("Start from these weights (safetensors with PyTorch's names).", valueName: "file"))
  var initialWeights: String?

  func run() throws {
    let communicator = try Communicator.world()
    let console = Console(isEnabled: communicator.isRoot)
    let configuration = try communicator.agree("read the configuration") { try source.load() }
    try training.train(configuration, communicator, console) { request, engine in
      var request = request
      request.initialWeights = initialWeights
      return try Trainer(request, communicator: communicator, engine: engine, console: console)
    }
  }
}
