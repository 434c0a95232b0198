import Foundation
import NeuralNetworks
import Records
import Runs
import Tensors
import Training

/// A model, its optimiser and a batch of random maps: what a training step needs.
final class StepRig {
  let engine: Engine
  let trial: StepTrial
  private let optimisers: [Optimiser]
  private let batch: Int, microbatch: Int
  private var step = 0
  var profile: OperationProfile?

  /// - Parameters:
  ///   - subject: the model.
  ///   - settings: batch, threads, seed.
  ///   - convolution: how convolutions may be computed.
  ///   - isTrained: whether `train` will be called.
  init(
    _ subject: BenchmarkSubject, _ settings: BenchmarkSettings, convolution: ConvolutionChoice = .automatic,
    isTrained: Bool
  ) throws {
    engine = Engine(threads: settings.threads, convolution: convolution)
    trial = try subject.makeTrial(settings.batch, isTrained, settings.seed, engine)
    optimisers = isTrained ? trial.arenas.map { Optimiser($0, rule: Optimiser.Rule()) } : []
    batch = settings.batch
    microbatch = settings.microbatch == 0 ? settings.batch : settings.microbatch
  }

  /// For each player forward, backward, the exchange between the ranks where there is one, and Adam.
  ///
  /// - Parameter exchanges: one for each player, or none.
  func train(_ exchanges: [GradientExchange] = []) throws {
    for (player, arena) in trial.arenas.enumerated() {
      profile?.restart()
      arena.clearGradients()
      profile?.lap("clear gradients", "", work: .init(passes: 1, over: arena.count))
      if exchanges.isEmpty {
        addGradients(of: player) { _ in }
      } else {
        try exchanges[player].exchange { addGradients(of: player, $0) }
      }
      profile?.restart()
      try optimisers[player].step(learningRate: 5e-5, threads: engine.threads)
      profile?.lap("Adam", "", work: .init(passes: 7, over: arena.count))
    }
    step += 1
  }

  /// Forward and backward; `watch` gets the tape of the last backward.
  private func addGradients(of player: Int, _ watch: (Tape) -> Void) {
    for first in stride(from: 0, to: batch, by: microbatch) {
      let maps = first..<min(batch, first + microbatch)
      let tape = Tape(engine: engine, training: trial.arenas[player])
      tape.profile = profile
      if maps.upperBound == batch { watch(tape) }
      let losses = trial.losses(player, maps, step, tape)
      tape.backward(from: losses, seed: 1 / Float(batch))
    }
  }

  /// A forward pass without a tape, as the samplers run it.
  func forward(_ prepared: PreparedWeights? = nil) {
    let tape = Tape(engine: engine, prepared: prepared)
    tape.profile = profile
    profile?.restart()
    _ = trial.forward(0..<batch, tape)
  }
}

/// The time and memory of a training step (forward, backward, Adam) of a model on random maps.
public enum TrainStepBenchmark {
  /// Runs one step, then times `settings.steps` more.
  ///
  /// - Parameters:
  ///   - subject: the model.
  ///   - settings: batch, threads, steps.
  ///   - convolution: how convolutions may be computed.
  ///   - profiled: whether to add a table by kind of operation.
  public static func run(
    _ subject: BenchmarkSubject, _ settings: BenchmarkSettings,
    convolution: ConvolutionChoice, profiled: Bool
  ) throws -> BenchmarkReport {
    let rig = try StepRig(subject, settings, convolution: convolution, isTrained: true)
    try rig.train()
    if profiled { rig.profile = OperationProfile() }
    let before = processorSeconds()
    let times = try (0..<settings.steps).map { _ in try seconds { try rig.train() } }
    let processor = (processorSeconds() - before) / Double(settings.steps)
    let middle = median(times), peak = peakBytes()
    let operations = 6 * subject.multiplyAccumulates * settings.batch
    var table = MarkdownTable(["training step", "median", "least", "most", "CPU", "peak memory", "GFLOP/s-eq."])
    table.add([
      "\(subject.name), batch \(settings.batch), \(settings.threads) threads", Units.duration(middle),
      Units.duration(times.min() ?? .nan), Units.duration(times.max() ?? .nan),
      Units.duration(processor), Units.bytes(peak),
      Units.number(Double(operations) / middle / 1e9),
    ])
    let json = JSONValue.members([
      "benchmark": .text("train-step"), "preset": .text(subject.name), "batch": .integer(settings.batch),
      "threads": .integer(settings.threads), "convolution": .text(convolution.rawValue),
      "seconds_per_step": .real(middle), "processor_seconds_per_step": .real(processor),
      "seconds": .array(times.map { .real($0) }),
      "peak_bytes": .integer(peak), "operations": .integer(operations),
    ])
    let tables = [table] + (rig.profile.map { [profileTable($0, steps: settings.steps, Limits(rig.engine))] } ?? [])
    return BenchmarkReport(
      title: "Training step: forward, backward, Adam; GFLOP/s-eq. counts the operations of the definition",
      tables: tables, json: json)
  }
}

/// What the machine gives at most.
struct Limits {
  /// Register blocks in a cache [operations/s], copies through memory [bytes/s].
  let operations: Double, bytes: Double

  init(_ engine: Engine) {
    operations = ProductBenchmark.peak(engine)
    bytes = ProductBenchmark.copy(engine, rounds: 3)
  }

  /// The time that some work takes at least [s].
  func seconds(_ work: OperationProfile.Work) -> Double { work.operations / operations + work.bytes / bytes }
}

/// The table of a profile, per step. `of limit` is the time that the operation's multiplications take at the peak, or
/// its passes at the rate of a copy, by the time that it took.
func profileTable(
  _ profile: OperationProfile, steps: Int, _ limits: Limits, title: String = "operation"
) -> MarkdownTable {
  var table = MarkdownTable(
    [title, "part", "calls", "ms", "share", "CPU ms", "of limit"],
    alignments: [.left, .left, .right, .right, .right, .right, .right])
  let total = profile.sorted.reduce(0) { $0 + $1.seconds }
  for entry in profile.sorted {
    let least = limits.seconds(entry.work)
    table.add([
      entry.operation, entry.direction, "\(entry.count / steps)",
      Units.number(entry.seconds / Double(steps) * 1e3), String(format: "%.1f %%", 100 * entry.seconds / total),
      Units.number(entry.processorSeconds / Double(steps) * 1e3),
      least > 0 ? String(format: "%.0f %%", 100 * least / entry.seconds) : "",
    ])
  }
  let least = profile.sorted.reduce(0) { $0 + limits.seconds($1.work) }
  table.add([
    "all", "", "", Units.number(total / Double(steps) * 1e3), "100 %",
    Units.number(profile.sorted.reduce(0) { $0 + $1.processorSeconds } / Double(steps) * 1e3),
    String(format: "%.0f %%", 100 * least / total),
  ])
  return table
}
