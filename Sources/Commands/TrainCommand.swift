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
      A run begins with a preset, changed by --config and --set; one that goes on has its own configuration. SIGUSR1 to mpirun (or SIGTERM to a rank) saves and \
      stops within a step on all ranks, exit code 75; --resume latest goes on with any number of ranks, bit for bit with \
      the same number.
      """)

  @OptionGroup var source: ConfigurationOptions

  @OptionGroup var training: TrainingOptions

  @Option(
    help: ArgumentHelp(
      "Start from these weights (safetensors with PyTorch's names). Repeatable where there are several networks, or parts of "
        + "one that have files of their own: encoder=FILE.",
      valueName: "[network=]file"))
  var initialWeights: [String] = []

  func run() throws {
    let communicator = try Communicator.world()
    let run = try training.runToResume(communicator)
    let choice = try communicator.agree("read the configuration") { try source.choose(resuming: run) }
    try train(choice.family, preset: choice.preset, resuming: run, communicator)
  }

  private func train<Family: ModelFamily>(
    _ family: Family.Type, preset: String?, resuming run: RunToResume?, _ communicator: Communicator
  ) throws {
    let console = Console(isEnabled: communicator.isRoot)
    let configuration = try Family.resolved(
      communicator.agree("read the configuration") {
        try run?.require(family: family.name, at: training.out)
        return try source.load(family, preset: preset, resuming: run)
      }, communicator: communicator, console: console)
    var (request, engine) = try training.prepare(configuration.training, resuming: run, communicator, console)
    for text in initialWeights {
      let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
      let isNamed = parts.count == 2 && (Family.playerNames + Family.partNames).contains(parts[0])
      request.initialWeights[isNamed ? parts[0] : Family.playerNames[0]] = isNamed ? parts[1] : text
    }
    try training.run(
      Trainer(request, configuration, communicator: communicator, engine: engine, console: console), console)
  }
}
