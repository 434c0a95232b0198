import Essentials
import Foundation

/// A thread that is waited for, so that nothing of what its body holds is used or released after `join`.
///
/// Foundation's `Thread` cannot be joined, and lets go of its body some time after the body has ended, on the thread
/// itself: buffers would go back to a pool that another thread is using.
final class JoinedThread: @unchecked Sendable {
  private final class Work {
    let name: String
    let body: @Sendable () -> Void
    init(_ name: String, _ body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }

    func run() {
      Thread.current.name = name
      body()
    }
  }

  /// What the main thread has [bytes].
  private static let stackSize = 8 << 20
  private let handle: pthread_t

  /// Starts the thread; each must be joined, once.
  ///
  /// - Parameters:
  ///   - name: what it is called in debuggers, at most 15 characters.
  ///   - body: what it does; released on the thread before `join` returns.
  /// - Throws: `Fault` when the system refuses a thread.
  init(_ name: String, _ body: @escaping @Sendable () -> Void) throws {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, Self.stackSize)
    let work = Unmanaged.passRetained(Work(name, body))
    var handle = pthread_t()
    let code = pthread_create(
      &handle, &attributes,
      { argument in
        Unmanaged<Work>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, work.toOpaque())
    guard code == 0 else {
      work.release()
      throw Fault("the system refuses a thread", at: name, found: String(cString: strerror(code)))
    }
    self.handle = handle
  }

  /// Returns when the thread has ended and let go of its body.
  func join() { pthread_join(handle, nil) }
}
