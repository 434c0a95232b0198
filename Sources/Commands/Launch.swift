import Foundation
import MessagePassing

/// What a launcher (mpirun, srun) tells each process before MPI starts: so help, presets and errors of use need no
/// MPI, and are still told once.
enum Launch {
  /// This process's number among those started together.
  static let rank = place?.rank ?? 0
  /// How many processes were started together.
  static let size = place?.size ?? 1
  /// Whether this process speaks for all.
  static var isRoot: Bool { rank == 0 }

  /// Open MPI's mpirun, then PMI (srun --mpi=pmi2), then PMIx (srun --mpi=pmix, where Slurm tells the size).
  private static let variables = [
    (rank: "OMPI_COMM_WORLD_RANK", size: "OMPI_COMM_WORLD_SIZE"), (rank: "PMI_RANK", size: "PMI_SIZE"),
    (rank: "PMIX_RANK", size: "SLURM_STEP_NUM_TASKS"),
  ]

  private static let place: (rank: Int, size: Int)? = {
    let environment = ProcessInfo.processInfo.environment
    for names in variables {
      guard let rank = environment[names.rank].flatMap({ Int($0) }),
        let size = environment[names.size].flatMap({ Int($0) }), (0..<size).contains(rank)
      else { continue }
      return (rank, size)
    }
    return nil
  }()

  /// Runs what one process does: alone without MPI, or as rank 0 of a job, whose other ranks wait and fail with it.
  static func onRoot(_ what: String, _ body: () throws -> Void) throws {
    guard size > 1 else { return try body() }
    try Communicator.world().onRoot(what, body)
  }
}
