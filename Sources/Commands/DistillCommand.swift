import ArgumentParser
import Configuration
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
      distillation.* for the weights of the losses. --data is what the teacher was trained on. Signals, checkpoints and \
      --resume are as for ckm train.
      """)

  @Option(help: "The run to learn from; its averaged weights are used and stay as they are.")
  var teacher: String

  @Option(help: "The pruned run to start from.")
  var student: String

  @OptionGroup var changes: ConfigurationChanges

  @OptionGroup var training: TrainingOptions

  func run() throws {
    let communicator = try Communicator.world()
    let family = try ChannelKnowledgeMaps.families.family(ofRunAt: teacher, communicator: communicator)
    guard let distillable = family as? any DistillableFamily.Type else {
      throw Fault("such models do not teach others", at: teacher, found: "the family \(family.name)")
    }
    try distill(distillable, communicator)
  }

  private func distill<Family: DistillableFamily>(_ family: Family.Type, _ communicator: Communicator) throws {
    let console = Console(isEnabled: communicator.isRoot)
    let taught = try TrainedRun<Family>.load(run: teacher, communicator: communicator, console: console)
    let other = try ChannelKnowledgeMaps.families.family(ofRunAt: student, communicator: communicator)
    guard other == family else {
      throw Fault(
        "the student is of another family than its teacher", at: student, expected: family.name, found: other.name)
    }
    let student = try TrainedRun<Family>.load(run: student, communicator: communicator, console: console)
    let run = try training.runToResume(communicator)
    let configuration = try communicator.agree("read the configuration") {
      try run?.require(family: family.name, at: training.out)
      return try Family.distillation(
        begun(by: student, run), by: taught, at: "\(student.path) after \(taught.path)")
    }
    var (request, engine) = try training.prepare(configuration.training, resuming: run, communicator, console)
    for player in Family.players(student.model, configuration) {
      request.initialWeights[player.name] = "\(student.path)/\(player.usedFile)"
    }
    try training.run(
      Trainer(request, configuration, communicator: communicator, engine: engine, console: console) {
        try Family.makeTask($0, $1, $2, teacher: taught)
      }, console)
  }

  /// The student's configuration with its changes; of a run that is to go on its own, which must be of the same network.
  private func begun<Family: DistillableFamily>(
    by student: TrainedRun<Family>, _ run: RunToResume?
  ) throws -> RunConfiguration<Family> {
    guard let run else {
      return try Configuration.load(preset: student.configuration, file: changes.config, overrides: changes.set)
    }
    let own = try run.configuration(of: Family.self, changes)
    func parameters(_ configuration: RunConfiguration<Family>) throws -> Int {
      try Family.outlines(configuration).reduce(0) { $0 + $1.total.parameters }
    }
    let (expected, found) = (try parameters(own), try parameters(student.configuration))
    guard expected == found else {
      throw Fault(
        "the run was begun with another student", at: student.path, expected: "\(expected) parameters",
        found: "\(found)", hint: "resume with the same student, or begin a new run in another directory")
    }
    return own
  }
}
