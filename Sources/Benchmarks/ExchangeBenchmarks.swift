import MessagePassing
import Records
import Runs
import Training

/// The gradient exchange of a model between the ranks, with nothing beside it.
public enum AllReduceBenchmark {
  /// Collective: sums a model's gradient arena over the ranks `settings.steps` times, in buckets of several sizes.
  public static func run(
    _ subject: BenchmarkSubject, _ settings: BenchmarkSettings, _ world: Communicator
  ) throws -> BenchmarkReport {
    let arena = try subject.makeArena()
    guard let gradients = arena.gradients else { preconditionFailure("a trained model has gradients") }
    let bytes = arena.count * MemoryLayout<Float>.stride
    var table = MarkdownTable(["bucket", "buckets", "median", "rate"], alignments: [.right, .right, .right, .right])
    var rows: [JSONValue] = []
    for target in [1 << 20, 4 << 20, 25 << 20, 100 << 20] {
      let buckets = GradientExchange.buckets(of: arena, bytes: target)
      let reducer = try NaiveGradientReducer(
        world, arena: UnsafeMutableBufferPointer(start: gradients.base, count: arena.count),
        buckets: buckets.ranges)
      let middle = median(
        try slowestSeconds(settings.steps, world) {
          try reducer.begin()
          try reducer.finish()
        })
      table.add([
        Units.bytes(target), "\(buckets.ranges.count)", Units.duration(middle),
        Units.number(Double(bytes) / middle / 1e9) + " GB/s",
      ])
      rows.append(
        .members([
          "bucket_bytes": .integer(target), "buckets": .integer(buckets.ranges.count), "seconds": .real(middle),
        ]))
    }
    return BenchmarkReport(
      title: "All-reduce of \(subject.name)'s gradients, \(Units.bytes(bytes)), over \(world.size) ranks",
      tables: [table],
      json: .members([
        "benchmark": .text("all-reduce"), "preset": .text(subject.name), "ranks": .integer(world.size),
        "bytes": .integer(bytes), "exchanges": .array(rows),
      ]))
  }
}

/// Training steps of all ranks together against as many processes that know nothing of each other.
public enum ScalingBenchmark {
  /// Collective: times, in turn, a step with and a step without the exchange, all ranks computing at the same time, so
  /// that only communication is counted. The efficiency is the ratio of the medians of the slowest rank's times.
  ///
  /// - Parameters:
  ///   - subject: the model.
  ///   - settings: `batch` is each rank's share.
  ///   - world: the ranks.
  ///   - bucketBytes: the least size of a bucket.
  ///   - way: how gradients get to the other ranks; nil: as training chooses.
  public static func run(
    _ subject: BenchmarkSubject, _ settings: BenchmarkSettings, _ world: Communicator,
    bucketBytes: Int, way wanted: ExchangeWay?
  ) throws -> BenchmarkReport {
    let rig = try StepRig(subject, settings, isTrained: true)
    let reducer: TrainingSection.Reducer =
      switch wanted {
      case .polled, .thread: .overlapped
      case .shared: .shared
      case nil: .automatic
      }
    let exchanges = try rig.trial.arenas.map {
      try GradientExchange(
        $0, by: reducer, bucketBytes: bucketBytes, hasSpareCore: wanted == .thread, communicator: world)
    }
    let way = wanted ?? (exchanges[0].way == .shared ? .shared : .polled)
    var together: [Double] = [], apart: [Double] = [], hidden: [Double] = [], total: [Double] = []
    for step in 0...settings.steps {
      try world.barrier()
      let joint = try seconds { try rig.train(exchanges) }
      try world.barrier()
      let alone = try seconds { try rig.train() }
      let slowest = try world.allReduce([joint, alone], .maximum)
      if step == 0 { continue }  // fresh memory
      together.append(slowest[0])
      apart.append(slowest[1])
      hidden.append(exchanges.reduce(0) { $0 + $1.lastHiddenSeconds })
      total.append(exchanges.reduce(0) { $0 + $1.lastTotalSeconds })
    }
    let efficiency = median(apart) / median(together), sum = total.reduce(0, +)
    let share = sum > 0 ? hidden.reduce(0, +) / sum : 1
    let memory = try world.allReduce(Double(peakBytes()), .sum)
    var table = MarkdownTable([
      "exchange by", "ranks", "global batch", "together", "apart", "efficiency", "exchange", "hidden",
      "peak memory, all",
    ])
    table.add([
      way.rawValue,
      "\(world.size) x \(settings.threads) threads", "\(settings.batch * world.size)",
      Units.duration(median(together)), Units.duration(median(apart)), Units.number(efficiency),
      Units.duration(median(total)), Units.number(100 * share) + " %",
      Units.bytes(Int(memory)),
    ])
    return BenchmarkReport(
      title: "Scaling of \(subject.name): the ranks together against the same steps without exchange", tables: [table],
      json: .members([
        "benchmark": .text("scaling"), "preset": .text(subject.name), "ranks": .integer(world.size),
        "threads": .integer(settings.threads), "global_batch": .integer(settings.batch * world.size),
        "seconds_together": .real(median(together)), "seconds_apart": .real(median(apart)),
        "exchange": .text(way.rawValue), "efficiency": .real(efficiency), "exchange_seconds": .real(median(total)),
        "hidden_share": .real(share), "peak_bytes": .integer(Int(memory)),
        "rounds_together": .array(together.map { .real($0) }), "rounds_apart": .array(apart.map { .real($0) }),
      ]))
  }
}

/// How gradients get to the other ranks.
public enum ExchangeWay: String, CaseIterable, Sendable {
  /// Messages, moved on by the computing thread between operations.
  case polled
  /// Messages, moved on by a thread of their own.
  case thread
  /// Memory that the ranks of one node share.
  case shared
}
