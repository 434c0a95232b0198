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

  /// How to start processes that know of each other.
  static func wayOut(of launcher: Launcher) -> String {
    launcher.isSlurm
      ? "srun --mpi=pmix (srun --mpi=list shows whether there is one), or mpirun inside the allocation; srun -n 1 for one"
      : "start it with the mpirun of the Open MPI that ckm was built with: its version, inside a container too"
  }

  /// Runs what one process does: alone without MPI, or as rank 0 of a job, whose other ranks wait and fail with it.
  static func onRoot(_ what: String, _ body: () throws -> Void) throws {
    guard size > 1 else { return try body() }
    try Communicator.world().onRoot(what, body)
  }
}
