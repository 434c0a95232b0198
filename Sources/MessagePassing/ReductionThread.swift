import CMessagePassing
import Essentials
import Foundation

/// The one thread that makes all message-passing calls between `begin` and `finish`.
///
/// It never blocks in one: a thread that waits inside MPI spins, and takes the core or the memory bandwidth of those
/// that compute. It tests, and sleeps between tests.
final class ReductionThread: @unchecked Sendable {
  /// Between tests while backward computes: it delays a bucket by little, and costs little [µs].
  private static let pause: Int32 = 100

  private enum State { case idle, reducing, ending, stopped }

  private let condition = NSCondition()
  private let queue: ReductionQueue
  // Both guarded by the condition.
  private var state = State.idle
  private var failure: Fault?
  // Set and unset by the reducer alone.
  private var thread: JoinedThread?

  init(_ queue: ReductionQueue) throws {
    self.queue = queue
    thread = try JoinedThread("gradients") { [self] in work() }
  }

  func start() {
    condition.withLock { state = .reducing }
    condition.broadcast()
  }

  /// Changes the queue's list of ready buckets and wakes the thread.
  func with(_ body: (ReductionQueue) -> Void) {
    condition.withLock { body(queue) }
    condition.signal()
  }

  /// Waits, sleeping, until all buckets are reduced.
  func finish() throws {
    condition.lock()
    defer { condition.unlock() }
    queue.markAllReady()
    if state == .reducing { state = .ending }
    condition.broadcast()
    while state == .ending { condition.wait() }
    if let failure { throw failure }
  }

  /// Ends the thread, and with it what it holds; once, as the last call.
  func stop() {
    condition.withLock { state = .stopped }
    condition.broadcast()
    thread?.join()
    thread = nil
  }

  private func work() {
    while true {
      guard let (available, pause) = nextTask() else { return }
      do {
        if try !queue.advance(upTo: available) { mp_sleep(pause) }
      } catch {
        condition.withLock { failure = error as? Fault ?? Fault("cannot reduce", at: "\(error)") }
      }
    }
  }

  /// Sleeps while there is nothing to do; how many pieces may be launched and how long to pause when nothing moves,
  /// or nil when the reducer is gone.
  private func nextTask() -> (available: Int, pause: Int32)? {
    condition.lock()
    defer { condition.unlock() }
    while true {
      switch state {
      case .stopped: return nil
      case .idle: condition.wait()
      case .reducing, .ending:
        if state == .ending, queue.isDone || failure != nil {
          state = .idle
          condition.broadcast()
        } else if queue.isIdle || failure != nil {
          condition.wait()
        } else {
          return (queue.available, state == .ending ? ReductionQueue.briefPause : Self.pause)
        }
      }
    }
  }
}
