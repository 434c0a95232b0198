import ArgumentParser
import Essentials
@preconcurrency import Foundation
import MessagePassing
import Records

/// The one place where errors end: the message once, the exit code on every rank, and no rank left waiting.
enum Ending {
  /// Throws unless all that was said on standard output has arrived there: on a full disk it would be lost in silence.
  static func requireTold() throws {
    guard fflush(stdout) == 0, ferror(stdout) == 0 else {
      throw Files.systemFault("cannot write the output", at: "standard output")
    }
  }

  /// Ends the process after what `main` caught.
  static func end(after error: any Error) -> Never {
    // A command that has told what there was to tell, such as a run that saved and stopped.
    if let code = error as? ExitCode { exit(code.rawValue) }
    // Processes that do not know of each other meet it alike: one tells.
    var error = error
    if var fault = error as? Fault, let launcher = Launcher.current, fault == launcher.contradiction {
      if !Launch.isRoot { exit(ChannelKnowledgeMaps.exitCode(for: fault).rawValue) }
      fault.hint = Launch.wayOut(of: launcher)
      error = fault
    }
    error = (error as? Fault).map(OptionNames.told) ?? error
    let code = ChannelKnowledgeMaps.exitCode(for: error)
    let message = ChannelKnowledgeMaps.fullMessage(for: error)
    guard !code.isSuccess else {
      if Launch.isRoot { print(message) }
      do { try requireTold() } catch { fail(with: "\(error)", 1) }
      exit(code.rawValue)
    }
    fail(with: message.hasPrefix("Error: ") ? String(message.dropFirst(7)) : message, code.rawValue)
  }

  private static func fail(with message: String, _ code: Int32) -> Never {
    // Also before MPI was needed: a rank that exits first would have mpirun kill the one that tells why.
    if Launch.size > 1, let world = try? Communicator.world() {
      world.leave(after: Message(text: message), exitCode: code)
    }
    Communicator.printError(message)
    exit(code)
  }

  private struct Message: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
  }
}
