import Foundation
import MessagePassing
import Records

/// What a benchmark found: a table for people, one JSON object for programs.
public struct BenchmarkReport: Sendable {
  /// What was measured, in a line.
  public var title: String
  /// The findings.
  public var tables: [MarkdownTable]
  /// The same, and the settings, as one object.
  public var json: JSONValue

  /// Title and tables, as they are printed.
  public var text: String { ([title + "\n"] + tables.map(\.text)).joined(separator: "\n") }
}

/// Settings that benchmarks share.
public struct BenchmarkSettings: Sendable {
  /// Threads of a rank.
  public var threads: Int
  /// Maps in a batch, of each rank.
  public var batch: Int
  /// Maps that are in flight at a time where gradients are accumulated; 0: the whole batch.
  public var microbatch = 0
  /// Processes of this run on this machine, which share its memory.
  public var ranksOnNode = 1
  /// Repetitions that are timed; one more goes before them.
  public var steps: Int
  /// The seed of all random numbers.
  public var seed: UInt64

  /// - Parameters:
  ///   - threads: threads of a rank.
  ///   - batch: maps in a batch, of each rank.
  ///   - steps: repetitions that are timed, at least 1.
  ///   - seed: of all random numbers.
  public init(threads: Int, batch: Int, steps: Int, seed: UInt64 = 1) {
    self.threads = threads
    self.batch = batch
    self.steps = steps
    self.seed = seed
  }
}

/// The middle of some times; of an even number the mean of the middle two.
func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  let middle = sorted.count / 2
  guard !sorted.isEmpty else { return .nan }
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/// How long something takes [s].
func seconds(_ body: () throws -> Void) rethrows -> Double {
  try ContinuousClock().measure(body) / .seconds(1)
}

/// Collective: the slowest rank's times of something that all ranks do `steps` times at once [s]. It is done once more
/// before, which meets fresh memory and does not count.
func slowestSeconds(_ steps: Int, _ world: Communicator, _ body: () throws -> Void) throws -> [Double] {
  let times = try (0...steps).map { _ in
    try world.barrier()
    return try world.allReduce(try seconds(body), .maximum)
  }
  return Array(times.dropFirst())
}

/// The most memory that this process has held so far [bytes].
func peakBytes() -> Int {
  var usage = rusage()
  getrusage(numericCast(RUSAGE_SELF.rawValue), &usage)
  return usage.ru_maxrss * 1024
}
