import ArgumentParser
import Benchmarks
import MessagePassing
import Records
import Runs
import Tensors

/// `ckm bench`: how fast this machine trains and samples, and where the time goes.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure kernels, training steps, sampling, scaling and simulation on this machine.",
    subcommands: [
      Products.self, Convolutions.self, TrainStep.self, Sample.self, OptimiserStep.self, AllReduce.self, Scaling.self,
      Simulate.self, Tiles.self,
    ])

  struct Options: ParsableArguments {
    @OptionGroup var compute: ComputeOptions
    @Option(help: "Maps in a batch, of each rank.")
    var batch = 4
    @Option(help: "The model.")
    var preset = "paper"
    @Option(
      help: ArgumentHelp(
        "A key of its configuration to change, such as model.base_channels=16; may be given several times.",
        valueName: "section.key=value"))
    var set: [String] = []
    @Option(help: "Repetitions that are timed; one more goes before them.")
    var steps = 3
    @Flag(help: "Print one JSON object instead of tables.")
    var json = false

    /// The model, by its preset and what changes it.
    var subject: BenchmarkSubject {
      get throws {
        func subject<Family: ModelFamily>(_ family: Family.Type) throws -> BenchmarkSubject {
          try BenchmarkSubject(
            RunConfiguration<Family>.load(preset: preset, overrides: set),
            name: ([preset] + set).joined(separator: ", "))
        }
        return try subject(ChannelKnowledgeMaps.families.choose(preset: preset, file: nil).family)
      }
    }

    /// Collective: the settings, with this rank's share of the machine.
    func settings(_ world: Communicator, microbatch: Int = 0) throws -> BenchmarkSettings {
      let threads = try compute.threadCount(world, Console(isEnabled: world.isRoot))
      var settings = BenchmarkSettings(threads: threads, batch: batch, steps: steps)
      settings.microbatch = microbatch
      settings.ranksOnNode = world.localSize
      return settings
    }

    func validate() throws {
      guard (1...4096).contains(batch) else {
        throw ValidationError("--batch: expected 1...4096, found \(batch)")
      }
      guard (1...100_000).contains(steps) else {
        throw ValidationError("--steps: expected 1...100000, found \(steps)")
      }
    }

    func show(_ report: BenchmarkReport) { print(json ? report.json.serialised : report.text) }
  }

  /// How gradients of a large batch are added up.
  struct Accumulation: ParsableArguments {
    @Option(help: "Maps that a rank has in flight at a time; 0: its whole batch.")
    var microbatch = 0

    func validate() throws {
      guard (0...4096).contains(microbatch) else {
        throw ValidationError("--microbatch: expected 0...4096, found \(microbatch)")
      }
    }
  }

  /// How the whole network is run.
  struct NetworkOptions: ParsableArguments {
    @Option(help: "How convolutions may be computed: automatic or gathered.")
    var convolution = ConvolutionChoice.automatic
    @Flag(help: "Add a table of the time by kind of operation.")
    var profile = false
  }

  struct TrainStep: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "train-step", abstract: "Time and memory of a training step on random maps.")
    @OptionGroup var options: Options
    @OptionGroup var accumulation: Accumulation
    @OptionGroup var network: NetworkOptions

    func run() throws {
      options.show(
        try TrainStepBenchmark.run(
          options.subject,
          options.settings(try .world(), microbatch: accumulation.microbatch),
          convolution: network.convolution, profiled: network.profile))
    }
  }

  struct Products: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "gemm", abstract: "This machine's limits: matrix products and copies.")
    @OptionGroup var options: Options

    func run() throws { options.show(ProductBenchmark.run(try options.settings(try .world()))) }
  }

  struct Convolutions: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "convolution", abstract: "Each kind of convolution of the preset, forward and gradients.")
    @OptionGroup var options: Options
    @Option(help: "How convolutions may be computed: automatic or gathered.")
    var convolution = ConvolutionChoice.automatic

    func run() throws {
      options.show(
        try ConvolutionBenchmark.run(
          options.subject, try options.settings(try .world()),
          convolution: convolution))
    }
  }

  struct Sample: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Time and memory of one evaluation of the network, as sampling runs it.")
    @OptionGroup var options: Options
    @OptionGroup var network: NetworkOptions

    func run() throws {
      options.show(
        try SampleBenchmark.run(
          options.subject, options.settings(try .world()),
          convolution: network.convolution, profiled: network.profile))
    }
  }

  struct OptimiserStep: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "optimiser",
      abstract: "A step of Adam and of Muon on the preset's weights, shared by the ranks (under mpirun) and not.")
    @OptionGroup var options: Options

    func run() throws {
      let world = try Communicator.world()
      let report = try OptimiserBenchmark.run(
        options.subject, options.settings(world), world)
      if world.isRoot { options.show(report) }
    }
  }

  struct AllReduce: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "all-reduce", abstract: "The exchange of the preset's gradients between the ranks (under mpirun).")
    @OptionGroup var options: Options

    func run() throws {
      let world = try Communicator.world()
      let report = try AllReduceBenchmark.run(
        options.subject, options.settings(world), world)
      if world.isRoot { options.show(report) }
    }
  }

  struct Scaling: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Training steps of the ranks together against the same steps apart (under mpirun).")
    @OptionGroup var options: Options
    @OptionGroup var accumulation: Accumulation
    @Option(help: "The least size of a bucket of gradients, MiB.")
    var bucket = 25
    @Option(
      help: """
        Exchange by messages, polled between operations or by a thread of their own, or by memory that is shared. \
        Default: as training chooses.
        """)
    var exchange: ExchangeWay?

    func validate() throws {
      guard (1...4096).contains(bucket) else {
        throw ValidationError("--bucket: expected 1...4096 MiB, found \(bucket)")
      }
    }

    func run() throws {
      let world = try Communicator.world()
      let report = try ScalingBenchmark.run(
        options.subject, options.settings(world, microbatch: accumulation.microbatch),
        world,
        bucketBytes: bucket << 20, way: exchange)
      if world.isRoot { options.show(report) }
    }
  }
}

extension ConvolutionChoice: ExpressibleByArgument {}
extension ExchangeWay: ExpressibleByArgument {}
