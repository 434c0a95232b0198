import Records
import Tensors

/// The time of one network evaluation without a tape, of which a reconstruction takes as many as its sampler has steps.
public enum SampleBenchmark {
  private struct Way {
    let name: String
    let prepared: PreparedWeights?
    var seconds: [Double] = []
    var processorSeconds = 0.0
    let profile: OperationProfile?
  }

  /// Runs evaluations in turn with transformed weights that are kept, as a sampler has them from its second step on, and
  /// with weights that are transformed in every evaluation: one of each, then `settings.steps` of each that are timed.
  public static func run(
    _ subject: BenchmarkSubject, _ settings: BenchmarkSettings,
    convolution: ConvolutionChoice, profiled: Bool
  ) throws -> BenchmarkReport {
    let rig = try StepRig(subject, settings, convolution: convolution, isTrained: false)
    rig.forward()  // takes all other memory: what is left shows how many weights may be kept
    let kept = PreparedWeights(ranksOnNode: settings.ranksOnNode)
    var ways = [
      Way(name: "weights kept", prepared: kept, profile: profiled ? OperationProfile() : nil),
      Way(name: "weights transformed", prepared: nil, profile: profiled ? OperationProfile() : nil),
    ]
    for round in 0...settings.steps {
      for way in ways.indices {
        rig.profile = round > 0 ? ways[way].profile : nil
        let before = processorSeconds()
        let time = seconds { rig.forward(ways[way].prepared) }
        if round == 0 { continue }  // fresh memory; the kept weights are made
        ways[way].seconds.append(time)
        ways[way].processorSeconds += (processorSeconds() - before) / Double(settings.steps)
      }
    }
    return report(ways, kept, subject.name, settings, convolution, rig)
  }

  private static func report(
    _ ways: [Way], _ kept: PreparedWeights, _ name: String, _ settings: BenchmarkSettings,
    _ convolution: ConvolutionChoice, _ rig: StepRig
  ) -> BenchmarkReport {
    let peak = peakBytes(), batch = Double(settings.batch)
    var table = MarkdownTable(["evaluation", "median", "least", "most", "CPU", "DDIM-50 a map", "DDPM-1000 a map"])
    for way in ways {
      let middle = median(way.seconds)
      table.add([
        way.name, Units.duration(middle), Units.duration(way.seconds.min() ?? .nan),
        Units.duration(way.seconds.max() ?? .nan), Units.duration(way.processorSeconds),
        Units.duration(50 * middle / batch), Units.duration(1000 * middle / batch),
      ])
    }
    var memory = MarkdownTable(["peak memory", "of it kept weights", "layers that found no room"])
    memory.add([Units.bytes(peak), Units.bytes(kept.heldBytes), "\(kept.leftOut)"])
    var tables = [table, memory]
    if ways.contains(where: { $0.profile != nil }) {
      let limits = Limits(rig.engine)
      tables += ways.compactMap { way in
        way.profile.map { profileTable($0, steps: settings.steps, limits, title: way.name) }
      }
    }
    return BenchmarkReport(
      title: "Sampling: one evaluation of \(name) for a batch of \(settings.batch), without a tape, on "
        + "\(settings.threads) threads",
      tables: tables,
      json: .members([
        "benchmark": .text("sample"), "preset": .text(name), "batch": .integer(settings.batch),
        "threads": .integer(settings.threads), "convolution": .text(convolution.rawValue),
        "seconds_per_evaluation": .real(median(ways[0].seconds)),
        "processor_seconds_per_evaluation": .real(ways[0].processorSeconds),
        "seconds": .array(ways[0].seconds.map { .real($0) }),
        "seconds_per_evaluation_with_transforms": .real(median(ways[1].seconds)),
        "processor_seconds_per_evaluation_with_transforms": .real(ways[1].processorSeconds),
        "peak_bytes": .integer(peak), "kept_weight_bytes": .integer(kept.heldBytes),
        "layers_left_out": .integer(kept.leftOut),
      ]))
  }
}
