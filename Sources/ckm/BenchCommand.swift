import ArgumentParser
import Benchmarks
import FingerprintModels
import Tensors

/// `ckm bench`: how fast this machine trains and samples, and where the time goes.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure kernels, training steps, sampling and scaling on this machine.",
    subcommands: [TrainStep.self])

  enum Preset: String, ExpressibleByArgument, CaseIterable {
    case paper, small, tiny
    var configuration: CGDMConfiguration {
      switch self {
      case .paper: .paper
      case .small: .small
      case .tiny: .tiny
      }
    }
  }

  struct Options: ParsableArguments {
    @Option(help: "Threads of a rank (default: the processors that it may use).")
    var threads = Threads.available
    @Option(help: "Maps in a batch, of each rank.")
    var batch = 4
    @Option(help: "The model.")
    var preset = Preset.paper
    @Option(help: "Repetitions that are timed; one more goes before them.")
    var steps = 3
    @Flag(help: "Print one JSON object instead of tables.")
    var json = false

    var settings: BenchmarkSettings { BenchmarkSettings(threads: threads, batch: batch, steps: steps) }

    func validate() throws {
      guard (1...Threads.maximumCount).contains(threads) else {
        throw ValidationError("--threads: expected 1...\(Threads.maximumCount), found \(threads)")
      }
      guard (1...4096).contains(batch) else {
        throw ValidationError("--batch: expected 1...4096, found \(batch)")
      }
      guard (1...100_000).contains(steps) else {
        throw ValidationError("--steps: expected 1...100000, found \(steps)")
      }
    }

    func show(_ report: BenchmarkReport) { print(json ? report.json.serialised : report.text) }
  }

  struct TrainStep: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "train-step", abstract: "Time and memory of a training step on random maps.")
    @OptionGroup var options: Options
    @Option(help: "How convolutions may be computed: automatic or gathered.")
    var convolution = ConvolutionChoice.automatic
    @Flag(help: "Add a table of the time by kind of operation.")
    var profile = false

    func run() throws {
      options.show(
        try TrainStepBenchmark.run(
          options.preset.configuration, preset: options.preset.rawValue, options.settings,
          convolution: convolution, profiled: profile))
    }
  }
}

extension ConvolutionChoice: ExpressibleByArgument {}
