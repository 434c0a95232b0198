import ArgumentParser
import Compression
import Essentials
import MessagePassing
import Records
import Runs
import Tensors

/// `ckm prune`: a smaller model out of a trained one.
struct PruneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune", abstract: "Take the layers away that a trained run can best do without.",
    discussion: """
      Every prunable layer is taken away alone, over a fixed sample of draws, the work shared out \
      over the ranks; rank 0 finds the set that costs least. What is interrupted goes on when the same command is given \
      again. The result is a run like any other (prune.md says what went); ckm distill restores its quality.
      """)

  @Option(help: "The run to prune.")
  var model: String

  @Option(help: "The data set that it was trained on; several as they were given to ckm train.")
  var data: [String]

  @Option(help: "The least share of the parameters that goes, between 0 and 1.")
  var ratio: Double?

  @Option(help: "The most parameters that stay.")
  var targetParameters: Int?

  @Option(name: .shortAndLong, help: "The student's run directory.")
  var out: String

  @Option(help: "Draws of training samples over which a layer is judged.")
  var samples = 64

  @Option(help: "Draws that a rank has in the network at a time.")
  var batch = 4

  @Option(help: "Keys the draws. Default: the run's seed.")
  var seed: UInt64?

  @Option(help: "The averaged weights (ema) or the last step's own (model).")
  var weights = WeightsChoice.ema

  @Flag(inversion: .prefixedNo, help: "Use the activations before a removed layer again: the same values, sooner.")
  var reuse = true

  @OptionGroup var compute: ComputeOptions

  func validate() throws {
    guard (ratio == nil) != (targetParameters == nil) else {
      throw ValidationError("Give either --ratio or --target-parameters.")
    }
    guard ratio.map({ $0 > 0 && $0 < 1 }) ?? true else {
      throw ValidationError("--ratio must be more than 0 and less than 1.")
    }
    guard targetParameters.map({ $0 > 0 }) ?? true else {
      throw ValidationError("--target-parameters must be at least 1.")
    }
    guard (1...1_000_000).contains(samples) else { throw ValidationError("--samples must be 1 to 1000000.") }
    guard (1...4096).contains(batch) else { throw ValidationError("--batch must be 1 to 4096.") }
  }

  func run() throws {
    let communicator = try Communicator.world()
    let family = try ChannelKnowledgeMaps.families.family(ofRunAt: model, communicator: communicator)
    guard let prunable = family as? any PrunableFamily.Type else {
      throw Fault("such models cannot be pruned", at: model, found: "the family \(family.name)")
    }
    try prune(prunable, communicator)
  }

  private func prune<Family: PrunableFamily>(_ family: Family.Type, _ communicator: Communicator) throws {
    let console = Console(isEnabled: communicator.isRoot)
    let threads = try compute.makeThreads(communicator, console)
    let trained = try TrainedRun<Family>.load(
      run: model, weights: weights, communicator: communicator, console: console)
    let goal: PruningRequest.Goal = targetParameters.map { .targetParameters($0) } ?? .ratio(ratio ?? 0)
    var request = PruningRequest(data: data, output: out, goal: goal)
    request.settings.samples = samples
    request.settings.batch = batch
    request.settings.seed = seed
    request.settings.reusesActivations = reuse
    let signals = try communicator.agree("watch signals") { try SignalFlag() }
    let report = try Pruner.run(
      request, trained, communicator: communicator, engine: Engine(threads), console: console,
      isStopped: { signals.isRaised }, progress: .automatic(isEnabled: communicator.isRoot))
    guard let report else {
      console.note("stopped by a signal; the same command goes on with what \(out)/scan has noted")
      throw ExitCode(75)
    }
    if communicator.isRoot { print(report.markdown) }
  }
}
