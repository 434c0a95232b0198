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
    help: """
      A data set: what ckm simulate and ckm import write. May be given again: several are trained on as one. With \
      --resume latest it may be left out: then the run's own.
      """)
  var data: [String] = []

  @Option(name: .shortAndLong, help: "The run's directory.")
  var out: String

  @Option(
    help: """
      latest: go on with the newest whole checkpoint, or start where there is none. What names no preset changes single \
      keys of the run's own configuration.
      """)
  var resume = TrainingRequest.Resume.never

  @Flag(help: "Check everything, say what would be done, and stop.")
  var dryRun = false

  @OptionGroup var compute: ComputeOptions

  func validate() throws {
    guard !data.isEmpty || resume == .latest else {
      throw ValidationError("--data is missing; only --resume latest goes on with a run's own.")
    }
  }

  /// Collective. What is asked for, and this rank's threads and buffers.
  ///
  /// - Parameter run: the run that is to go on; nil where one begins.
  func prepare(
    _ training: TrainingSection, resuming run: RunToResume?, _ communicator: Communicator, _ console: Console
  ) throws -> (TrainingRequest, Engine) {
    let threads = try compute.makeThreads(communicator, console)
    var request = TrainingRequest(data: data, output: out)
    if data.isEmpty {
      request.data = try communicator.agree("find the run's data") { try RunToResume.data(of: run, at: out) }
      console.note("no --data: it is the run's own, as its checkpoint names it")
    }
    request.resume = resume
    request.hasSpareCore = try RankCores(communicator).count > threads.count
    return (request, Engine(threads, convolution: training.convolution))
  }

  /// Collective. The run that is to go on; nil where one begins.
  func runToResume(_ communicator: Communicator) throws -> RunToResume? {
    try communicator.onRoot("look at the run") {
      guard resume == .latest, RunDirectory.exists(at: out) else { return nil }
      return try RunToResume(at: out)
    }
  }

  /// Collective. Trains, or says what would be done; a run that was stopped ends with exit code 75.
  func run<Family: ModelFamily>(_ trainer: Trainer<Family>, _ console: Console) throws {
    try trainer.summary.forEach(console.note)
    guard !dryRun else {
      let step = try trainer.rehearse()
      console.note(
        "dry run: nothing is in the way; \(step == 0 ? "it would begin" : "it would go on after step \(step)")")
      return
    }
    switch try trainer.run() {
    case .finished: return
    case .stopped: throw ExitCode(75)
    }
  }
}
