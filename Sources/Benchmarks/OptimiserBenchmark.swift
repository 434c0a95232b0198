import Computing
import MessagePassing
import NeuralNetworks
import Records

/// The optimisers' steps on a model's weights, with nothing beside them.
public enum OptimiserBenchmark {
  /// Collective: times the steps of Adam, of Muon shared by the ranks, and of Muon that each rank does alone, one after
  /// the other, since each has moments of its own. A time is that of the slowest rank.
  ///
  /// - Parameters:
  ///   - subject: the model.
  ///   - settings: threads, steps, seed.
  ///   - world: the ranks.
  public static func run(
    _ subject: BenchmarkSubject, _ settings: BenchmarkSettings, _ world: Communicator
  ) throws -> BenchmarkReport {
    let arena = try subject.makeArena()
    guard let gradients = arena.gradients else { preconditionFailure("a trained model has gradients") }
    let threads = Threads(count: settings.threads)
    RandomStream(seed: settings.seed, purpose: .test).fillGaussian(
      UnsafeMutableBufferPointer(start: gradients.base, count: arena.count))
    func time(_ kind: Optimiser.Rule.Kind, division: Optimiser.Division?) throws -> [Double] {
      var rule = Optimiser.Rule()
      rule.kind = kind
      let optimiser = Optimiser(arena, rule: rule, division: division)
      return try slowestSeconds(settings.steps, world) {
        try optimiser.step(learningRate: 1e-6, threads: threads)
      }
    }
    let ways: [(name: String, key: String, times: [Double])] = [
      ("Adam", "adam", try time(.adam, division: nil)),
      ("Muon, shared by the ranks", "muon_shared", try time(.muon, division: Optimiser.Division(world))),
      ("Muon, each rank alone", "muon_alone", try time(.muon, division: nil)),
    ]
    var table = MarkdownTable(
      ["optimiser", "median", "least", "most"], alignments: [.left, .right, .right, .right])
    for way in ways {
      table.add(
        [way.name] + [median(way.times), way.times.min() ?? .nan, way.times.max() ?? .nan].map(Units.milliseconds))
    }
    return BenchmarkReport(
      title: "Optimiser's step on \(subject.name), \(arena.parameterCount) parameters, \(world.size) x "
        + "\(settings.threads) threads", tables: [table],
      json: .members([
        "benchmark": .text("optimiser"), "preset": .text(subject.name), "ranks": .integer(world.size),
        "threads": .integer(settings.threads), "parameters": .integer(arena.parameterCount),
        "seconds": .object(ways.map { JSONMember(key: $0.key, value: .real(median($0.times))) }),
      ]))
  }
}
