import ArgumentParser
import Essentials
import MessagePassing
import Records
import Runs
import Training

/// `ckm distill`: a pruned run learns from the run that it was made of.
struct DistillCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "distill", abstract: "Train a pruned run on its task and on what its teacher answers.",
    discussion: """
      The configuration is the student's, changed by --config and --set: training.steps, training.learning_rate, and \
      distillation.* for the weights of the losses. --data is what the teacher was trained on. Signals, checkpoints and --resume are as for ckm train.
      """)

  @Option(help: "The run to learn from; its averaged weights are used and stay as they are.")
  var teacher: String

  @Option(help: "The pruned run to start from.")
  var student: String

  @OptionGroup var changes: ConfigurationChanges

  @OptionGroup var training: TrainingOptions

  func run() throws {
    let communicator = try Communicator.world()
    let console = Console(isEnabled: communicator.isRoot)
    let teacher = try TrainedModel.load(run: teacher, communicator: communicator, console: console)
    let student = try TrainedModel.load(run: student, communicator: communicator, console: console)
    let configuration = try communicator.agree("read the configuration") {
      try Distillation.configuration(
        student: student, teacher: teacher, file: changes.config, overrides: changes.set)
    }
    try training.train(configuration, communicator, console) { request, engine in
      try Distillation.trainer(
        request, student: student, teacher: teacher, communicator: communicator, engine: engine,
        console: console)
    }
  }
}
