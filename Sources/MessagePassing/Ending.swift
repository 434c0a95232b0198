import CMessagePassing
import Essentials
import Foundation

extension Communicator {
  /// Ends every rank of the job at once, without `MPI_Finalize`. What stands in output buffers is written first.
  public func abort(exitCode: Int32 = 1) -> Never { mp_abort(exitCode) }

  /// Ends this process after an error that nobody caught, so that no other rank hangs.
  ///
  /// When all ranks come here within `patience`, which is so when they agreed on the fault, rank 0 prints it once
  /// and all exit in order; different faults are printed with their ranks. When this rank is alone with its error,
  /// it prints it and aborts the job.
  /// - Parameters:
  ///   - error: what happened; its description goes to standard error.
  ///   - exitCode: of this process, and so of `mpirun`; not 0.
  ///   - patience: how long to wait for the other ranks [s].
  public func leave(after error: any Error, exitCode: Int32 = 1, patience: Double = 3) -> Never {
    let message = "\(error)"
    guard size > 1 else {
      Self.print([message])
      exit(exitCode)
    }
    guard !mp_reducing(), mp_all_arrive(patience), let messages = try? Self.lastWords(message) else {
      Self.print(["(rank \(rank)) \(message)"])
      mp_abort(exitCode)
    }
    if messages.allSatisfy({ $0 == messages[0] }) {
      if isRoot { Self.print([messages[0]]) }
    } else if isRoot {
      Self.print(messages.enumerated().map { "(rank \($0)) \($1)" })
    }
    exit(exitCode)
  }

  private static func lastWords(_ message: String) throws -> [String] {
    try Communicator(mp_last_words()).allGather(value: message)
  }

  /// Tells an error on standard error; where that cannot be written, there is nobody to tell.
  public static func printError(_ message: String) {
    Array("Error: \(message)\n".utf8).withUnsafeBytes { bytes in
      var done = 0
      while done < bytes.count {
        let wrote = write(STDERR_FILENO, bytes.baseAddress! + done, bytes.count - done)
        if wrote < 0, errno == EINTR { continue }
        guard wrote > 0 else { return }
        done += wrote
      }
    }
  }

  private static func print(_ messages: [String]) {
    for message in messages { printError(message) }
  }
}
