import ChannelModels
import Computing
import MapStorage
import MessagePassing
import Records
import Tensors

/// How many channel maps a core makes in an hour, and whether several ranks make as many times more.
public enum SimulationBenchmark {
  /// What is timed.
  private struct Case {
    let name: String
    /// A new one, that has nothing prepared.
    let makeMaker: () throws -> any MapBlockMaker
    /// Maps that a thread makes at a time.
    let maps: Int
  }

  /// Seconds of one round: rank 0 alone, all ranks together, and rank 0's processor time alone.
  private struct Times {
    var alone = 0.0
    var together = 0.0
    var processor = 0.0
    /// How many times as much all ranks make as one alone.
    var gain = 0.0
  }

  /// Collective: maps of the standard's scenarios, of path power and of coherent power.
  ///
  /// - Parameters:
  ///   - base: area, frequency and the rest of what is simulated; propagation and layers are the benchmark's.
  ///   - settings: `batch` maps a thread of path power, one of coherent power; `steps` rounds after one that is not timed.
  ///   - world: the ranks.
  /// - Throws: a `Fault` on all ranks when the configuration is out of range.
  public static func run(
    _ base: SimulationConfiguration, _ settings: BenchmarkSettings, _ world: Communicator
  ) throws -> BenchmarkReport {
    let threads = Threads(count: settings.threads)
    let cases = try world.agree("prepare the simulation") {
      var cases: [Case] = []
      for layer in [ChannelQuantity.pathPower, ChannelQuantity.coherentPower] {
        for propagation in Propagation.allCases {
          var configuration = base
          (configuration.propagation, configuration.layers, configuration.seed) = (propagation, [layer], settings.seed)
          cases.append(
            Case(
              name: "\(layer.rawValue), \(propagation.rawValue)",
              makeMaker: { StandardSamples(try ChannelSimulator(configuration, threads: threads), stations: nil) },
              maps: layer == .pathPower ? settings.batch : 1))
        }
      }
      return cases
    }
    return try report(cases, of: base.scenario.rawValue, settings, threads, world)
  }

  /// Cities of a thread in a round: one takes several times as long as another.
  private static let citiesEach = 6

  /// Collective: maps of drawn cities, whose preparation is part of the time: a thread makes all maps of some cities at a time.
  ///
  /// - Parameters:
  ///   - base: area, cities and stations of each.
  ///   - settings: `steps` rounds after one that is not timed.
  ///   - world: the ranks.
  /// - Throws: a `Fault` on all ranks when the configuration is out of range.
  public static func run(
    _ base: UrbanConfiguration, _ settings: BenchmarkSettings, _ world: Communicator
  ) throws -> BenchmarkReport {
    let threads = Threads(count: settings.threads)
    var configuration = base
    configuration.seed = settings.seed
    let one = Case(
      name: "\(base.stationsEach) in each city",
      makeMaker: { [configuration] in
        try UrbanSimulator(configuration, footprints: [], stations: nil, threads: threads)
      }, maps: citiesEach * base.stationsEach)
    return try report([one], of: "urban", settings, threads, world)
  }

  private static func report(
    _ cases: [Case], of scenario: String, _ settings: BenchmarkSettings, _ threads: Threads, _ world: Communicator
  ) throws -> BenchmarkReport {
    let cores = Double(settings.threads)
    var table = MarkdownTable([
      "maps", "a map on a core", "its CPU time", "maps a core-hour", "maps an hour, ranks: \(world.size)",
      "times one rank",
    ])
    var rows: [JSONValue] = []
    for one in cases {
      let times = try measure(one, settings, world)
      let maps = Double(one.maps * settings.threads)
      let perCoreHour = 3600 * maps / (times.alone * cores)
      let perHour = 3600 * maps * Double(world.size) / times.together
      table.add([
        one.name, Units.milliseconds(times.alone * cores / maps), Units.milliseconds(times.processor / maps),
        Units.number(perCoreHour), Units.number(perHour), Units.number(times.gain),
      ])
      rows.append(
        .members([
          "maps": .text(one.name), "maps_per_core_hour": .real(perCoreHour),
          "processor_seconds_per_map": .real(times.processor / maps), "maps_per_hour": .real(perHour),
          "times_one_rank": .real(times.gain),
        ]))
    }
    let grid = try world.agree("prepare the simulation") { try cases[0].makeMaker().description }
    return BenchmarkReport(
      title: "Simulation of \(grid.rows) x \(grid.columns) maps (\(scenario)), "
        + "\(settings.threads) threads a rank, \(world.size) ranks",
      tables: [table],
      json: .members([
        "benchmark": .text("simulate"), "scenario": .text(scenario), "rows": .integer(grid.rows),
        "columns": .integer(grid.columns), "threads": .integer(settings.threads), "ranks": .integer(world.size),
        "cases": .array(rows),
      ]))
  }

  private static func measure(_ one: Case, _ settings: BenchmarkSettings, _ world: Communicator) throws -> Times {
    let count = one.maps * settings.threads
    // The same maps on each rank: one takes several times as long as another.
    func simulate(_ round: Int, _ maker: any MapBlockMaker) throws {
      _ = try maker.block(round * count..<(round + 1) * count)
    }
    var times: [Times] = []
    for round in 0...settings.steps {
      var own = Times()
      // One for each time: what the first has prepared is not there for the second.
      let makers = try world.agree("prepare the simulation") { (try one.makeMaker(), try one.makeMaker()) }
      let before = processorSeconds()
      own.alone = try world.onRoot("simulate alone") {
        try seconds { try simulate(round, makers.0) }
      }
      own.processor = try world.broadcast(value: processorSeconds() - before)
      own.together = own.alone
      if world.size > 1 {
        try world.barrier()
        let together = try world.agree("simulate together") {
          try seconds { try simulate(round, makers.1) }
        }
        own.together = try world.allReduce(together, .maximum)
      }
      times.append(own)
    }
    let timed = times.dropFirst()
    return Times(
      alone: median(timed.map(\.alone)), together: median(timed.map(\.together)),
      processor: median(timed.map(\.processor)), gain: median(timed.map { $0.alone / $0.together * Double(world.size) })
    )
  }
}
