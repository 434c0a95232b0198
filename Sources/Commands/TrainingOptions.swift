import ArgumentParser
import Essentials
import MessagePassing
import Records
import Runs
import Tensors
import Training

extension TrainingRequest.Resume: ExpressibleByArgument {}

/// What all commands that train have in common.
struct TrainingOptions: ParsableArguments {
  @Option(
    help: "A data set: what ckm simulate and ckm import write. May be given again: several are trained on as one.")
  var data: [String]

  @Option(name: .shortAndLong, help: "The run's directory.")
  var out: String

  @Option(help: "latest: go on with the newest whole checkpoint, or start where there is none.")
  var resume = TrainingRequest.Resume.never

  @Flag(help: "Check everything, say what would be done, and stop.")
  var dryRun = false

  @OptionGroup var compute: ComputeOptions

  /// Collective. What is asked for, and this rank's threads and buffers.
  func prepare(
    _ training: TrainingSection, _ communicator: Communicator, _ console: Console
  ) throws -> (TrainingRequest, Engine) {
    let threads = try compute.makeThreads(communicator, console)
    var request = TrainingRequest(data: data, output: out)
    request.resume = resume
    request.hasSpareCore = try RankCores(communicator).count > threads.count
    return (request, Engine(threads, convolution: training.convolution))
  }

  /// Collective. Throws where the run that is to go on is of another family.
  func requireFamily(_ name: String, _ communicator: Communicator) throws {
    try communicator.onRoot("look at the run") {
      guard resume == .latest, RunDirectory.exists(at: out) else { return }
      let run = try RunDirectory.open(at: out)
      let found = try ChannelKnowledgeMaps.families.family(ofRun: run.configuration(), named: run.configurationPath)
        .name
      guard found != name else { return }
      throw Fault(
        "the run is of another family of models", at: out, expected: name, found: found,
        hint: "resume with a preset of \(found), or begin a new run in another directory")
    }
  }

  /// Collective. Trains, or says what would be done; a run that was stopped ends with exit code 75.
  func run<Family: ModelFamily>(_ trainer: Trainer<Family>, _ console: Console) throws {
    try trainer.summary.forEach(console.note)
    guard !dryRun else { return }
    switch try trainer.run() {
    case .finished: return
    case .stopped: throw ExitCode(75)
    }
  }
}
