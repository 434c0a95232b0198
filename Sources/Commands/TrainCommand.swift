import ArgumentParser
import MessagePassing
import Records
import Runs
import Training

/// `ckm train`: a run directory with checkpoints out of a data set.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train a model on a data set, data-parallel over the ranks.",
    discussion: """
      A run begins with a preset, changed by --config and --set. SIGUSR1 to mpirun (or SIGTERM to a rank) saves and \
      stops within a step on all ranks, exit code 75; --resume latest goes on with any number of ranks, bit for bit with \
      the same number.
      """)

  @OptionGroup var source: ConfigurationOptions

  @OptionGroup var training: TrainingOptions

  @Option(help: ArgumentHelp("Start from these weights (safetensors with PyTorch's names).", valueName: "file"))
  var initialWeights: String?

  func run() throws {
    let communicator = try Communicator.world()
    let choice = try communicator.agree("read the configuration") { try source.choose() }
    try train(choice.family, preset: choice.preset, communicator)
  }

  private func train<Family: ModelFamily>(
    _ family: Family.Type, preset: String?, _ communicator: Communicator
  ) throws {
    let console = Console(isEnabled: communicator.isRoot)
    let configuration = try communicator.agree("read the configuration") { try source.load(family, preset: preset) }
    var (request, engine) = try training.prepare(configuration.training, communicator, console)
    request.initialWeights = initialWeights
    try training.run(
      Trainer(request, configuration, communicator: communicator, engine: engine, console: console), console)
  }
}
