import MessagePassing

/// How many processes there are, before MPI starts: so help, presets and errors of use need no MPI, and are still told
/// once.
enum Launch {
  /// This process's number among those started together.
  static let rank = Launcher.current?.rank ?? 0
  /// How many processes were started together.
  static let size = Launcher.current?.size ?? 1
  /// Whether this process speaks for all.
  static var isRoot: Bool { rank == 0 }

  /// Runs what one process does: alone without MPI, or as rank 0 of a job, whose other ranks wait and fail with it.
  static func onRoot(_ what: String, _ body: () throws -> Void) throws {
    guard size > 1 else { return try body() }
    try Communicator.world().onRoot(what, body)
  }
}
