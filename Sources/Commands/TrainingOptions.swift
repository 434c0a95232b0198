import ArgumentParser
import Essentials
import Foundation
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
      A data set: what ckm simulate and ckm import write. May be given again: several are trained on as one. Default with \
      --resume latest: the run's.
      """)
  var data: [String] = []

  @Option(name: .shortAndLong, help: "The run's directory.")
  var out: String

  @Option(help: "latest: go on with the newest whole checkpoint, or start where there is none.")
  var resume = TrainingRequest.Resume.never

  @Flag(help: "Check everything that a start checks, say what would be done, and stop; nothing is written.")
  var dryRun = false

  @OptionGroup var compute: ComputeOptions

  func validate() throws {
    guard !data.isEmpty || resume == .latest else { throw ValidationError("Missing expected argument '--data <data>'") }
  }

  /// Whether there is a run that is to go on. On one rank: ask it on the root.
  var goesOn: Bool { resume == .latest && RunDirectory.exists(at: out) }

  /// Collective. The data sets that were given, or else those of the run that goes on.
  private func chosenData(_ communicator: Communicator, _ console: Console) throws -> [String] {
    guard data.isEmpty else { return data }
    return try communicator.onRoot("find the run's data") {
      let saved = goesOn ? try RunDirectory.open(at: out).latestVerified().saved : nil
      guard let recorded = try saved.map({ try TrainingState($0).data }) else {
        throw Fault(
          "no data set is given", at: out, expected: "--data, or a run that has saved and knows its own",
          found: "neither")
      }
      let paths =
        FileManager.default.fileExists(atPath: recorded)
        ? [recorded] : recorded.split(separator: ",").map(String.init)
      if let missing = paths.first(where: { !FileManager.default.fileExists(atPath: $0) }) {
        throw Fault(
          "the run's data set is not there any more", at: missing, expected: "what the run was begun with",
          hint: "give the data set with --data")
      }
      console.note("data: \(recorded), as the run has it")
      return paths
    }
  }

  /// Collective. What is asked for, and this rank's threads and buffers.
  func prepare(
    _ training: TrainingSection, _ communicator: Communicator, _ console: Console
  ) throws -> (TrainingRequest, Engine) {
    let threads = try compute.makeThreads(communicator, console)
    var request = TrainingRequest(data: try chosenData(communicator, console), output: out)
    request.resume = resume
    request.hasSpareCore = try RankCores(communicator).count > threads.count
    return (request, Engine(threads, convolution: training.convolution))
  }

  /// Collective. Throws where the run that is to go on is of another family.
  func requireFamily(_ name: String, _ communicator: Communicator) throws {
    try communicator.onRoot("look at the run") {
      guard goesOn else { return }
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
    guard !dryRun else { return console.note(try trainer.rehearse()) }
    switch try trainer.run() {
    case .finished: return
    case .stopped: throw ExitCode(75)
    }
  }
}
