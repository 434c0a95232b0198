import FingerprintModels
import Foundation
import NeuralNetworks
import RunRecords
import Tensors

/// A model, its optimiser and a batch of random maps: what a training step needs.
final class StepRig {
  let engine: Engine
  let model: CGDM
  private let optimiser: AdamOptimiser?
  private let batch: Int
  private let condition: Tensor, noisy: Tensor, noise: Tensor
  private var step = 0
  var profile: OperationProfile?

  /// - Parameters:
  ///   - configuration: the model.
  ///   - settings: batch, threads, seed.
  ///   - convolution: how convolutions may be computed.
  ///   - isTrained: whether `train` will be called.
  init(
    _ configuration: CGDMConfiguration, _ settings: BenchmarkSettings,
    convolution: ConvolutionChoice = .automatic, isTrained: Bool
  ) throws {
    engine = Engine(threads: settings.threads, convolution: convolution)
    model = CGDM(configuration, isTrained: isTrained)
    try Initialisation.kaiming.apply(to: model.arena, seed: settings.seed)
    optimiser = isTrained ? AdamOptimiser(model.arena, rule: AdamOptimiser.Rule()) : nil
    batch = settings.batch
    let size = configuration.imageSize, channels = configuration.channels
    let stream = RandomStream(seed: settings.seed, purpose: .test)
    let maps = (0..<3).map { [engine] kind in
      engine.tensor(
        [settings.batch, size, size, channels],
        stream.gaussian(settings.batch * size * size * channels, sample: kind))
    }
    (condition, noisy, noise) = (maps[0], maps[1], maps[2])
  }

  private var timesteps: [Float] { (0..<batch).map { Float(1 + 997 * ($0 + 1) % 1000) } }

  /// Forward, backward and Adam; returns the loss. `reduce` stands between the latter two.
  @discardableResult
  func train(_ prepare: (Tape) throws -> Void = { _ in }, reduce: () throws -> Void = {}) throws -> Double {
    profile?.restart()
    model.arena.clearGradients()
    profile?.lap("clear gradients")
    let tape = Tape(engine: engine, isRecording: true)
    tape.profile = profile
    tape.dropoutKeys = DropoutKeys(seed: 1, step: step, samples: Array(0..<batch))
    try prepare(tape)
    let output = model(condition: condition, noisy: noisy, timesteps: timesteps, tape)
    let loss = tape.meanSquaredError(output, target: noise)
    tape.backward(from: loss, seed: 1 / Float(batch))
    try reduce()
    profile?.restart()
    optimiser?.step(learningRate: 5e-5, threads: engine.threads)
    profile?.lap("Adam", "")
    step += 1
    return loss.value.values().reduce(0) { $0 + Double($1) } / Double(batch)
  }

  /// A forward pass without a tape, as the samplers run it.
  func forward() {
    let tape = Tape(engine: engine, isRecording: false)
    tape.profile = profile
    profile?.restart()
    _ = model(condition: condition, noisy: noisy, timesteps: timesteps, tape)
  }
}

/// The time and memory of a training step (forward, backward, Adam) of a model on random maps.
public enum TrainStepBenchmark {
  /// Runs one step, then times `settings.steps` more.
  ///
  /// - Parameters:
  ///   - configuration: the model.
  ///   - preset: its name, for the report.
  ///   - settings: batch, threads, steps.
  ///   - convolution: how convolutions may be computed.
  ///   - profiled: whether to add a table by kind of operation.
  public static func run(
    _ configuration: CGDMConfiguration, preset: String, _ settings: BenchmarkSettings,
    convolution: ConvolutionChoice, profiled: Bool
  ) throws -> BenchmarkReport {
    let rig = try StepRig(configuration, settings, convolution: convolution, isTrained: true)
    try rig.train()
    if profiled { rig.profile = OperationProfile() }
    let before = processorSeconds()
    let times = try (0..<settings.steps).map { _ in try seconds { try rig.train() } }
    let processor = (processorSeconds() - before) / Double(settings.steps)
    let middle = median(times), peak = peakBytes()
    let operations = 6 * CGDM.costs(configuration).reduce(0) { $0 + $1.multiplyAccumulates } * settings.batch
    var table = MarkdownTable(["training step", "median", "least", "most", "CPU", "peak memory", "GFLOP/s-eq."])
    table.add([
      "\(preset), batch \(settings.batch), \(settings.threads) threads", Units.duration(middle),
      Units.duration(times.min() ?? .nan), Units.duration(times.max() ?? .nan),
      Units.duration(processor), Units.bytes(peak),
      Units.number(Double(operations) / middle / 1e9),
    ])
    let json = JSONValue.members([
      "benchmark": .text("train-step"), "preset": .text(preset), "batch": .integer(settings.batch),
      "threads": .integer(settings.threads), "convolution": .text(convolution.rawValue),
      "seconds_per_step": .real(middle), "processor_seconds_per_step": .real(processor),
      "seconds": .array(times.map { .real($0) }),
      "peak_bytes": .integer(peak), "operations": .integer(operations),
    ])
    let tables = [table] + (rig.profile.map { [profileTable($0, steps: settings.steps)] } ?? [])
    return BenchmarkReport(
      title: "Training step: forward, backward, Adam; GFLOP/s-eq. counts the operations of the definition",
      tables: tables, json: json)
  }
}

/// The table of a profile, per step.
func profileTable(_ profile: OperationProfile, steps: Int) -> MarkdownTable {
  var table = MarkdownTable(
    ["operation", "part", "calls", "ms", "share", "CPU ms"], alignments: [.left, .left, .right, .right, .right, .right])
  let total = profile.sorted.reduce(0) { $0 + $1.seconds }
  for entry in profile.sorted {
    table.add([
      entry.operation, entry.direction, "\(entry.count / steps)",
      Units.number(entry.seconds / Double(steps) * 1e3), String(format: "%.1f %%", 100 * entry.seconds / total),
      Units.number(entry.processorSeconds / Double(steps) * 1e3),
    ])
  }
  return table
}
