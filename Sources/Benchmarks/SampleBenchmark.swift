import FingerprintModels
import RunRecords
import Tensors

/// The time of one network evaluation without a tape, of which a reconstruction takes as many as its sampler has steps.
public enum SampleBenchmark {
  /// Runs one evaluation, then times `settings.steps` more.
  public static func run(
    _ configuration: CGDMConfiguration, preset: String, _ settings: BenchmarkSettings,
    convolution: ConvolutionChoice, profiled: Bool
  ) throws -> BenchmarkReport {
    let rig = try StepRig(configuration, settings, convolution: convolution, isTrained: false)
    rig.forward()
    if profiled { rig.profile = OperationProfile() }
    let before = processorSeconds()
    let times = (0..<settings.steps).map { _ in seconds { rig.forward() } }
    let processor = (processorSeconds() - before) / Double(settings.steps)
    let middle = median(times), peak = peakBytes()
    var table = MarkdownTable([
      "evaluation", "median", "least", "most", "CPU", "peak memory", "DDIM-50 a map", "DDPM-1000 a map",
    ])
    table.add([
      "\(preset), batch \(settings.batch), \(settings.threads) threads", Units.duration(middle),
      Units.duration(times.min() ?? .nan), Units.duration(times.max() ?? .nan), Units.duration(processor),
      Units.bytes(peak), Units.duration(50 * middle / Double(settings.batch)),
      Units.duration(1000 * middle / Double(settings.batch)),
    ])
    return BenchmarkReport(
      title: "Sampling: one evaluation of the network for a batch, without a tape",
      tables: [table] + (rig.profile.map { [profileTable($0, steps: settings.steps)] } ?? []),
      json: .members([
        "benchmark": .text("sample"), "preset": .text(preset), "batch": .integer(settings.batch),
        "threads": .integer(settings.threads), "convolution": .text(convolution.rawValue),
        "seconds_per_evaluation": .real(middle), "processor_seconds_per_evaluation": .real(processor),
        "seconds": .array(times.map { .real($0) }), "peak_bytes": .integer(peak),
      ]))
  }
}
