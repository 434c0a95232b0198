import Foundation

/// The time that each kind of operation takes, by laps: whoever finishes something claims the time since the last lap.
public final class OperationProfile {
  /// One kind of work.
  public struct Entry: Sendable {
    /// The operation: "groupNorm", "convolution 3×3 winograd".
    public var operation: String
    /// "forward", "backward", or a part of the latter.
    public var direction: String
    /// Time [s].
    public var seconds = 0.0
    /// Processor time of all threads [s]: what remains comparable on a busy machine.
    public var processorSeconds = 0.0
    /// How often.
    public var count = 0
    /// What it asked of the machine.
    public var work = Work()
  }

  /// What an operation asks of the machine at the least.
  public struct Work: Sendable {
    /// Multiplications and additions, after Winograd's reduction.
    public var operations = 0.0
    /// Bytes that are read and written, caches not counted on.
    public var bytes = 0.0

    /// - Parameters:
    ///   - operations: multiplications and additions.
    ///   - bytes: bytes that are read and written.
    public init(operations: Double = 0, bytes: Double = 0) {
      self.operations = operations
      self.bytes = bytes
    }

    /// Passes of reading or writing over so many floats.
    public init(passes: Int, over count: Int) { self.init(bytes: Double(4 * passes * count)) }
  }

  private var entries: [String: Entry] = [:]
  private var last = ContinuousClock.now
  private var lastProcessorTime = processorSeconds()

  /// Nothing claimed yet; the first lap starts now.
  public init() {}

  /// The kinds of work, the longest first.
  public var sorted: [Entry] {
    entries.values.sorted { ($1.seconds, $0.operation, $0.direction) < ($0.seconds, $1.operation, $1.direction) }
  }

  /// Starts a lap: what came before is nobody's.
  public func restart() {
    last = .now
    lastProcessorTime = processorSeconds()
  }

  /// Claims the time since the last lap.
  ///
  /// - Parameters:
  ///   - kind: the operation; of a function's full name the part before the parenthesis counts.
  ///   - direction: which part of its work.
  ///   - work: what it asked of the machine.
  public func lap(_ kind: String, _ direction: String = "forward", work: Work = Work()) {
    let now = ContinuousClock.now, processorTime = processorSeconds()
    let operation = String(kind.prefix { $0 != "(" })
    entries[operation + "|" + direction, default: Entry(operation: operation, direction: direction)]
      .add((now - last) / .seconds(1), processorTime - lastProcessorTime, work)
    (last, lastProcessorTime) = (now, processorTime)
  }
}

extension OperationProfile.Entry {
  fileprivate mutating func add(_ seconds: Double, _ processorSeconds: Double, _ work: OperationProfile.Work) {
    self.seconds += seconds
    self.processorSeconds += processorSeconds
    count += 1
    self.work.operations += work.operations
    self.work.bytes += work.bytes
  }
}

/// The processor time that this process has used, all threads together [s].
public func processorSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
