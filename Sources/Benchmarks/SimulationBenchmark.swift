import ChannelModels
import Computing
import MessagePassing
import Records
import Tensors

/// How many channel maps a core makes in an hour, and whether several ranks make as many times more.
public enum SimulationBenchmark {
  /// What is timed.
  private struct Case {
    let propagation: Propagation
    let layer: ChannelQuantity
    /// Maps per thread at a time.
    let maps: Int
  }

  /// Seconds of one round: rank 0 alone, all ranks together, and rank 0's processor time alone.
  private struct Times {
    var alone = 0.0
    var together = 0.0
    var processor = 0.0
  }

  /// Collective: simulates maps, first on rank 0 while the others sleep, then on all ranks at once; nothing is stored.
  ///
  /// - Parameters:
  ///   - base: area, frequency and the rest of what is simulated; scenario states and layers are the benchmark's.
  ///   - settings: `batch` maps a thread of path power, one of coherent power; `steps` rounds after one that is not timed.
  ///   - world: the ranks.
  /// - Throws: a `Fault` on all ranks when the configuration is out of range.
  public static func run(
    _ base: SimulationConfiguration, _ settings: BenchmarkSettings, _ world: Communicator
  ) throws -> BenchmarkReport {
    let threads = Threads(count: settings.threads)
    let cores = Double(settings.threads)
    var table = MarkdownTable([
      "maps", "a map on a core", "its CPU time", "maps a core-hour", "maps an hour, ranks: \(world.size)",
      "times one rank",
    ])
    var rows: [JSONValue] = []
    for layer in [ChannelQuantity.pathPower, .coherentPower] {
      for propagation in Propagation.allCases {
        let one = Case(
          propagation: propagation, layer: layer, maps: layer == .pathPower ? settings.batch : 1)
        let times = try measure(one, base, settings, threads, world)
        let maps = Double(one.maps * settings.threads)
        let perCoreHour = 3600 * maps / (times.alone * cores)
        let perHour = 3600 * maps * Double(world.size) / times.together
        let gain = times.alone / times.together * Double(world.size)
        table.add([
          "\(layer.rawValue), \(propagation.rawValue)", Units.milliseconds(times.alone * cores / maps),
          Units.milliseconds(times.processor / maps), Units.number(perCoreHour), Units.number(perHour),
          Units.number(gain),
        ])
        rows.append(
          .members([
            "layer": .text(layer.rawValue), "propagation": .text(propagation.rawValue),
            "maps_per_core_hour": .real(perCoreHour), "processor_seconds_per_map": .real(times.processor / maps),
            "maps_per_hour": .real(perHour), "times_one_rank": .real(gain),
          ]))
      }
    }
    let grid = base.grid
    return BenchmarkReport(
      title: "Simulation of \(grid.rows) x \(grid.columns) maps (\(base.scenario.rawValue)), "
        + "\(settings.threads) threads a rank, \(world.size) ranks",
      tables: [table],
      json: .members([
        "benchmark": .text("simulate"), "scenario": .text(base.scenario.rawValue), "rows": .integer(grid.rows),
        "columns": .integer(grid.columns), "threads": .integer(settings.threads), "ranks": .integer(world.size),
        "cases": .array(rows),
      ]))
  }

  private static func measure(
    _ one: Case, _ base: SimulationConfiguration, _ settings: BenchmarkSettings, _ threads: Threads,
    _ world: Communicator
  ) throws -> Times {
    var configuration = base
    configuration.propagation = one.propagation
    configuration.layers = [one.layer]
    configuration.seed = settings.seed
    let simulator = try world.agree("prepare the simulation") {
      try ChannelSimulator(configuration, threads: threads)
    }
    let count = one.maps * settings.threads
    func simulate(_ round: Int, share: Int) throws {
      let first = (round * world.size + share) * count
      _ = try simulator.simulate(Array(first..<first + count))
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
