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
    let simulator: any MapBlockMaker
    /// Maps that a thread makes at a time.
    let maps: Int
  }

  /// Seconds of one round: rank 0 alone, all ranks together, and rank 0's processor time alone.
  private struct Times {
    var alone = 0.0
    var together = 0.0
    var processor = 0.0
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
              simulator: StandardSamples(try ChannelSimulator(configuration, threads: threads), stations: nil),
              maps: layer == .pathPower ? settings.batch : 1))
        }
      }
      return cases
    }
    return try report(cases, of: base.scenario.rawValue, settings, threads, world)
  }

  /// Collective: maps of drawn cities, whose preparation is part of the time: a thread makes all of a city's maps at a time.
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
    let simulator = try world.agree("prepare the simulation") {
      try UrbanSimulator(configuration, footprints: [], stations: nil, threads: threads)
    }
    let one = Case(name: "\(base.stationsEach) in each city", simulator: simulator, maps: base.stationsEach)
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
      let gain = times.alone / times.together * Double(world.size)
      table.add([
        one.name, Units.milliseconds(times.alone * cores / maps), Units.milliseconds(times.processor / maps),
        Units.number(perCoreHour), Units.number(perHour), Units.number(gain),
      ])
      rows.append(
        .members([
          "maps": .text(one.name), "maps_per_core_hour": .real(perCoreHour),
          "processor_seconds_per_map": .real(times.processor / maps), "maps_per_hour": .real(perHour),
          "times_one_rank": .real(gain),
        ]))
    }
    let grid = cases[0].simulator.description
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
    func simulate(_ round: Int, share: Int) throws {
      let first = (round * world.size + share) * count
      _ = try one.simulator.block(first..<first + count)
    }
    var times: [Times] = []
    for round in 0...settings.steps {
      var own = Times()
      let before = processorSeconds()
      own.alone = try world.onRoot("simulate alone") {
        try seconds { try simulate(round, share: 0) }
      }
      own.processor = try world.broadcast(value: processorSeconds() - before)
      own.together = own.alone
      if world.size > 1 {
        try world.barrier()
        let together = try world.agree("simulate together") {
          try seconds { try simulate(round, share: world.rank) }
        }
        own.together = try world.allReduce(together, .maximum)
      }
      times.append(own)
    }
    let timed = times.dropFirst()
    return Times(
      alone: median(timed.map(\.alone)), together: median(timed.map(\.together)),
      processor: median(timed.map(\.processor)))
  }
}
