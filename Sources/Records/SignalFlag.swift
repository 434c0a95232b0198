import CSignals
import Essentials
import Foundation

/// Whether one of some signals has arrived: how a run is asked to save and stop.
///
/// The handler only counts; the training loop asks between two steps. One flag a signal and process.
public final class SignalFlag: Sendable {
  private let numbers: [Int32]

  /// Begins to watch; the signals lose their usual effect.
  ///
  /// - Parameter numbers: signal numbers; SIGUSR1 (what Slurm is told to send) and SIGTERM when left out.
  /// - Throws: `Fault` for a signal that cannot be caught.
  public init(_ numbers: [Int32] = [SIGUSR1, SIGTERM]) throws {
    self.numbers = numbers
    for number in numbers {
      let code = csg_signal_watch(number)
      guard code == 0 else {
        throw Files.systemFault("cannot watch a signal", at: "signal \(number)", code: code)
      }
    }
  }

  deinit {
    for number in numbers { _ = csg_signal_release(number) }
  }

  /// Whether any of the signals has arrived.
  public var isRaised: Bool { numbers.contains { csg_signal_count($0) > 0 } }

  /// The name of a signal that has arrived, for the message.
  public var name: String? {
    numbers.first { csg_signal_count($0) > 0 }.map { number in
      [SIGUSR1: "SIGUSR1", SIGTERM: "SIGTERM", SIGINT: "SIGINT"][number] ?? "signal \(number)"
    }
  }
}
