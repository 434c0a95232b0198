import ArgumentParser
import Checkpoints
import Essentials
import MessagePassing
import RunRecords
import Tensors
import Training

extension TrainingRequest.Resume: ExpressibleByArgument {}

/// `ckm train`: a run directory with checkpoints out of a data set.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train CGDM on a data set, data-parallel over the ranks.",
    discussion: """
      A run begins with a preset, changed by --config and --set. SIGUSR1 to mpirun (or SIGTERM to a rank) saves and \
      stops within a step on all ranks, exit code 75; --resume latest goes on, bit for bit, with any number of ranks.
      """)

  @OptionGroup var source: ConfigurationOptions

  @Option(
    help: "A data set: what ckm simulate and ckm import write. May be given again: several are trained on as one.")
  var data: [String]

  @Option(name: .shortAndLong, help: "The run's directory.")
  var out: String

  @Option(help: "latest: go on with the newest whole checkpoint, or start where there is none.")
  var resume = TrainingRequest.Resume.never

  @Option(help: ArgumentHelp("Start from these weights (safetensors with PyTorch's names).", valueName: "file"))
  var initialWeights: String?

  @Flag(help: "Check everything, say what would be done, and stop.")
  var dryRun = false

  @OptionGroup var compute: ComputeOptions

  func run() throws {
    let communicator = try Communicator.world()
    let console = Console(isEnabled: communicator.isRoot)
    let configuration = try communicator.agree("read the configuration") { try source.load() }
    let threads = try compute.makeThreads(communicator, console)
    var request = TrainingRequest(configuration: configuration, data: data, output: out)
    request.resume = resume
    request.initialWeights = initialWeights
    request.hasSpareCore = try CoreShare(communicator).count > threads.count
    let engine = Engine(threads, convolution: configuration.training.convolution)
    let trainer = try Trainer(request, communicator: communicator, engine: engine, console: console)
    try trainer.end(dryRun: dryRun, console)
  }
}

extension Trainer {
  /// Says what is about to be done and, unless that was all, does it; a run that was stopped ends with exit code 75.
  func end(dryRun: Bool, _ console: Console) throws {
    summary.forEach(console.note)
    guard !dryRun else { return }
    switch try run() {
    case .finished: return
    case .stopped: throw ExitCode(75)
    }
  }
}
