import Essentials

/// Sums a flat gradient arena over the ranks, bucket by bucket, in place.
///
/// `begin` before backward; `markReady` when the last gradient of a bucket is in place, in any order; `poll` between
/// operations; `finish` after backward. All of a rank's calls come from one thread. Between `begin` and `finish` no
/// other message passing is allowed on this rank. Collective: on every rank each `begin` is followed by `finish`.
public protocol GradientReducer: AnyObject {
  /// Opens a reduction: no bucket is ready.
  func begin() throws
  /// Tells that no gradient of this bucket will change any more; once for each bucket.
  func markReady(bucket: Int) throws
  /// Gives the reduction a moment of this thread, if it needs one.
  func poll() throws
  /// Collective: returns when all buckets hold the sums over the ranks. Buckets not marked yet count as ready.
  ///
  /// - Parameter failure: what went wrong on this rank during backward. The sums are then worthless, but the other
  ///   ranks are not left waiting.
  /// - Throws: on every rank the `Fault` of the lowest rank that gave one.
  func finish(failure: Fault?) throws
  /// How long `finish` took in the last reduction: the part of the exchange that was not hidden [s].
  var lastWaitSeconds: Double { get }
  /// How long sums were in flight in the last reduction [s].
  var lastTotalSeconds: Double { get }
}

extension GradientReducer {
  /// Collective: `finish` on a rank where nothing went wrong.
  public func finish() throws { try finish(failure: nil) }
  /// For how long sums were in flight while backward went on [s].
  public var lastHiddenSeconds: Double { max(0, lastTotalSeconds - lastWaitSeconds) }
}

/// Reduces after backward has ended: the same buckets and the same calls as the overlapped reducer, bitwise the same
/// sums. The oracle, and the choice when overlap does not pay.
public final class NaiveGradientReducer: GradientReducer {
  private let queue: ReductionQueue?
  /// How long `finish` took in the last reduction [s].
  public private(set) var lastWaitSeconds = 0.0

  /// Collective: see `OverlappedGradientReducer`.
  public init(
    _ communicator: Communicator, arena: UnsafeMutableBufferPointer<Float>, buckets: [Range<Int>],
    requestLimit: Int = 4
  ) throws {
    queue = try ReductionQueue.make(communicator, arena, buckets, requestLimit)
  }

  /// How long sums were in flight in the last reduction [s].
  public var lastTotalSeconds: Double { queue?.totalSeconds ?? 0 }
  /// See `GradientReducer.begin()`.
  public func begin() throws { try queue?.open() }
  /// See `GradientReducer.markReady(bucket:)`.
  public func markReady(bucket: Int) { queue?.markReady(bucket) }
  /// See `GradientReducer.poll()`.
  public func poll() {}

  /// Collective: see `GradientReducer.finish(failure:)`.
  public func finish(failure: Fault?) throws {
    guard let queue else { return try failure.raise() }
    lastWaitSeconds = try seconds {
      queue.markAllReady()
      try queue.drain()
      try queue.close(failure: failure)
    }
  }
}

/// Reduces while backward goes on. Buckets are launched in the order of the list, the same on all ranks: one that is
/// ready early waits for its predecessors.
public final class OverlappedGradientReducer: GradientReducer {
  /// Who moves the exchange on.
  public enum Progress: Sendable {
    /// The computing thread, at every `markReady` and `poll`: for ranks without a spare core.
    case polled
    /// A thread that makes all calls between `begin` and `finish` and sleeps between its tests.
    case thread
  }

  private let queue: ReductionQueue?
  private let pump: ReductionThread?
  /// How long `finish` took in the last reduction [s].
  public private(set) var lastWaitSeconds = 0.0

  /// Collective. With one rank nothing is allocated, started or sent.
  ///
  /// - Parameters:
  ///   - communicator: the ranks; a duplicate of it carries the sums.
  ///   - arena: the gradients; must outlive the reducer.
  ///   - buckets: slices of the arena in launch order, the same list on every rank, none overlapping another.
  ///   - progress: who moves the exchange on.
  ///   - requestLimit: how many sums are in flight at a time, at least 1.
  /// - Throws: `Fault` on every rank when the lists differ or do not fit the arena, or one is refused a thread.
  public init(
    _ communicator: Communicator, arena: UnsafeMutableBufferPointer<Float>, buckets: [Range<Int>],
    progress: Progress, requestLimit: Int = 4
  ) throws {
    let queue = try ReductionQueue.make(communicator, arena, buckets, requestLimit)
    self.queue = queue
    var started: ReductionThread?
    do {
      try communicator.agree("start the reducer's thread") {
        if progress == .thread { started = try queue.map(ReductionThread.init) }
      }
    } catch {
      started?.stop()
      throw error
    }
    pump = started
  }

  deinit { pump?.stop() }

  /// How long sums were in flight in the last reduction [s].
  public var lastTotalSeconds: Double { queue?.totalSeconds ?? 0 }

  /// See `GradientReducer.begin()`.
  public func begin() throws {
    try queue?.open()
    pump?.start()
  }

  /// See `GradientReducer.markReady(bucket:)`.
  public func markReady(bucket: Int) throws {
    guard let queue else { return }
    if let pump {
      pump.with { $0.markReady(bucket) }
    } else {
      queue.markReady(bucket)
      try queue.advance()
    }
  }

  /// See `GradientReducer.poll()`.
  public func poll() throws {
    guard pump == nil else { return }
    try queue?.advance()
  }

  /// Collective: see `GradientReducer.finish(failure:)`.
  public func finish(failure: Fault?) throws {
    guard let queue else { return try failure.raise() }
    lastWaitSeconds = try seconds {
      if let pump {
        try pump.finish()
      } else {
        queue.markAllReady()
        try queue.drain()
      }
      try queue.close(failure: failure)
    }
  }
}

extension Fault? {
  fileprivate func raise() throws { if let self { throw self } }
}

private func seconds(_ body: () throws -> Void) rethrows -> Double {
  let elapsed = try ContinuousClock().measure(body)
  return elapsed / .seconds(1)
}
