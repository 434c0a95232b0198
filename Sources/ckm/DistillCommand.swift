import ArgumentParser
import Checkpoints
import Essentials
import MessagePassing
import RunRecords
import Tensors
import Training

/// `ckm distill`: a pruned run learns from the run that it was made of.
struct DistillCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "distill", abstract: "Train a pruned run on its task and on what its teacher answers.",
    discussion: """
      The configuration is the student's, changed by --config and --set: training.steps, training.learning_rate, and \
      distillation.* for the weights of the losses. Signals, checkpoints and --resume are as for ckm train.
      """)

  @Option(help: "The run to learn from; its averaged weights are used and stay as they are.")
  var teacher: String

  @Option(help: "The pruned run to start from.")
  var student: String

  @Option(help: "The data set that the teacher was trained on; several as they were given to ckm train.")
  var data: [String]

  @Option(name: .shortAndLong, help: "The run's directory.")
  var out: String

  @Option(help: ArgumentHelp("YAML file with the keys to change (see ckm config).", valueName: "file"))
  var config: String?

  @Option(help: ArgumentHelp("One key to change; may be given several times.", valueName: "section.key=value"))
  var set: [String] = []

  @Option(help: "latest: go on with the newest whole checkpoint, or start where there is none.")
  var resume = TrainingRequest.Resume.never

  @Flag(help: "Check everything, say what would be done, and stop.")
  var dryRun = false

  @OptionGroup var compute: ComputeOptions

  func run() throws {
    let communicator = try Communicator.world()
    let console = Console(isEnabled: communicator.isRoot)
    let threads = try compute.makeThreads(communicator, console)
    let teacher = try TrainedModel.load(run: teacher, communicator: communicator, console: console)
    let student = try TrainedModel.load(run: student, communicator: communicator, console: console)
    let configuration = try communicator.agree("read the configuration") {
      try Distillation.configuration(student: student, teacher: teacher, file: config, overrides: set)
    }
    var request = TrainingRequest(configuration: configuration, data: data, output: out)
    request.resume = resume
    request.hasSpareCore = try CoreShare(communicator).count > threads.count
    let trainer = try Distillation.trainer(
      request, student: student, teacher: teacher, communicator: communicator, engine: Engine(threads),
      console: console)
    try trainer.end(dryRun: dryRun, console)
  }
}
