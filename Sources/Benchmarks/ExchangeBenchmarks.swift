import FingerprintModels
import MessagePassing
import NeuralNetworks
import RunRecords
import Tensors

/// The gradient exchange of a model between the ranks, with nothing beside it.
public enum AllReduceBenchmark {
  /// Collective: sums a model's gradient arena over the ranks `settings.steps` times, in buckets of several sizes.
  public static func run(
    _ configuration: CGDMConfiguration, preset: String, _ settings: BenchmarkSettings, _ world: Communicator
  ) throws -> BenchmarkReport {
    let arena = CGDM(configuration, isTrained: true).arena
    guard let gradients = arena.gradients else { preconditionFailure("a trained model has gradients") }
    let bytes = arena.count * MemoryLayout<Float>.stride
    var table = MarkdownTable(["bucket", "buckets", "median", "rate"], alignments: [.right, .right, .right, .right])
    var rows: [JSONValue] = []
    for target in [1 << 20, 4 << 20, 25 << 20, 100 << 20] {
      let buckets = Exchange.buckets(arena, targetBytes: target)
      let reducer = try NaiveGradientReducer(
        world, arena: UnsafeMutableBufferPointer(start: gradients.base, count: arena.count),
        buckets: buckets.ranges)
      let times = try (0...settings.steps).map { _ in
        try world.barrier()
        let own = try seconds {
          try reducer.begin()
          try reducer.finish()
        }
        return try world.allReduce(own, .maximum)
      }.dropFirst()
      let middle = median(Array(times))
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
      title: "All-reduce of \(preset)'s gradients, \(Units.bytes(bytes)), over \(world.size) ranks", tables: [table],
      json: .members([
        "benchmark": .text("all-reduce"), "preset": .text(preset), "ranks": .integer(world.size),
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
  ///   - configuration: the model.
  ///   - preset: its name.
  ///   - settings: `batch` is each rank's share.
  ///   - world: the ranks.
  ///   - bucketBytes: the least size of a bucket.
  ///   - progress: who moves the exchange on.
  public static func run(
    _ configuration: CGDMConfiguration, preset: String, _ settings: BenchmarkSettings, _ world: Communicator,
    bucketBytes: Int, progress: OverlappedGradientReducer.Progress
  ) throws -> BenchmarkReport {
    let rig = try StepRig(configuration, settings, isTrained: true)
    let exchange = try Exchange(rig.model, world, bucketBytes: bucketBytes, progress: progress)
    var together: [Double] = [], apart: [Double] = [], hidden: [Double] = [], total: [Double] = []
    for step in 0...settings.steps {
      try world.barrier()
      let joint = try seconds { try rig.train(exchange.attach, reduce: exchange.finish) }
      try world.barrier()
      let alone = try seconds { try rig.train() }
      let slowest = try world.allReduce([joint, alone], .maximum)
      if step == 0 { continue }  // fresh memory
      together.append(slowest[0])
      apart.append(slowest[1])
      hidden.append(exchange.reducer.lastHiddenSeconds)
      total.append(exchange.reducer.lastTotalSeconds)
    }
    let efficiency = median(apart) / median(together), sum = total.reduce(0, +)
    let share = sum > 0 ? hidden.reduce(0, +) / sum : 1
    var table = MarkdownTable(["ranks", "global batch", "together", "apart", "efficiency", "exchange", "hidden"])
    table.add([
      "\(world.size) x \(settings.threads) threads", "\(settings.batch * world.size)",
      Units.duration(median(together)), Units.duration(median(apart)), Units.number(efficiency),
      Units.duration(median(total)), Units.number(100 * share) + " %",
    ])
    return BenchmarkReport(
      title: "Scaling of \(preset): the ranks together against the same steps without exchange", tables: [table],
      json: .members([
        "benchmark": .text("scaling"), "preset": .text(preset), "ranks": .integer(world.size),
        "threads": .integer(settings.threads), "global_batch": .integer(settings.batch * world.size),
        "seconds_together": .real(median(together)), "seconds_apart": .real(median(apart)),
        "efficiency": .real(efficiency), "exchange_seconds": .real(median(total)), "hidden_share": .real(share),
      ]))
  }
}

/// Marks buckets ready as backward completes their parameters.
final class Exchange {
  let reducer: OverlappedGradientReducer
  private let bucketOfParameter: [Int], sizes: [Int]
  private var pending: [Int] = []
  private var failure: (any Error)?

  init(
    _ model: CGDM, _ world: Communicator, bucketBytes: Int, progress: OverlappedGradientReducer.Progress
  ) throws {
    guard let gradients = model.arena.gradients else { preconditionFailure("a trained model has gradients") }
    let buckets = Self.buckets(model.arena, targetBytes: bucketBytes)
    reducer = try OverlappedGradientReducer(
      world, arena: UnsafeMutableBufferPointer(start: gradients.base, count: model.arena.count),
      buckets: buckets.ranges, progress: progress)
    bucketOfParameter = buckets.bucketOfParameter
    sizes = buckets.ranges.indices.map { bucket in buckets.bucketOfParameter.count { $0 == bucket } }
  }

  /// Buckets of whole parameters, the gaps between them included.
  static func buckets(_ arena: ParameterArena, targetBytes: Int) -> GradientBuckets {
    let starts = arena.ranges.map(\.lowerBound) + [arena.count]
    return GradientBuckets(
      parameterCounts: arena.ranges.indices.map { starts[$0 + 1] - starts[$0] }, targetBytes: targetBytes)
  }

  func attach(_ tape: Tape) throws {
    pending = sizes
    failure = nil
    try reducer.begin()
    tape.onParameterReady = { [self] parameter in
      let bucket = bucketOfParameter[parameter.index]
      pending[bucket] -= 1
      if pending[bucket] == 0 { attempt { try reducer.markReady(bucket: bucket) } }
    }
    tape.betweenOperations = { [self] in attempt { try reducer.poll() } }
  }

  func finish() throws {
    try reducer.finish()
    if let failure { throw failure }
  }

  private func attempt(_ body: () throws -> Void) {
    guard failure == nil else { return }
    do { try body() } catch { failure = error }
  }
}
