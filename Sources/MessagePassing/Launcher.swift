import Essentials
import Foundation

/// What a launcher (mpirun, srun) tells each process by its environment, before MPI starts.
public struct Launcher: Equatable, Sendable {
  /// Who started the processes: "mpirun", "Slurm".
  public let name: String
  /// Whether Slurm did, without an mpirun.
  public var isSlurm: Bool { name == "Slurm" }
  /// This process's number among those started together.
  public let rank: Int
  /// How many processes were started together.
  public let size: Int
  /// Whether it leaves MPI a way to find the others.
  private let offersContact: Bool

  /// This process's launcher; nil where it was started alone.
  public static let current = Launcher(ProcessInfo.processInfo.environment)

  /// Open MPI's mpirun wins: it may run within a step of Slurm. What Slurm says of a whole job (`SLURM_NTASKS`) is there
  /// in a batch script too, which is one process; only a step's tasks were started together.
  private static let variables = [
    (name: "mpirun", rank: "OMPI_COMM_WORLD_RANK", size: "OMPI_COMM_WORLD_SIZE"),
    (name: "Slurm", rank: "SLURM_PROCID", size: "SLURM_STEP_NUM_TASKS"),
    (name: "another MPI's mpiexec", rank: "PMI_RANK", size: "PMI_SIZE"),
  ]

  /// - Parameter environment: the process's.
  public init?(_ environment: [String: String]) {
    for names in Self.variables {
      guard let rank = environment[names.rank].flatMap({ Int($0) }),
        let size = environment[names.size].flatMap({ Int($0) }), (0..<size).contains(rank)
      else { continue }
      (self.name, self.rank, self.size) = (names.name, rank, size)
      offersContact =
        names.name != "Slurm" || ["PMIX_RANK", "PMI_RANK", "PMI_FD"].contains { environment[$0] != nil }
      return
    }
    return nil
  }

  /// The fault where several processes were started together and MPI sees one alone: each would do all of the work, and
  /// write over what the others write.
  public var contradiction: Fault? {
    guard size > 1 else { return nil }
    return Fault(
      "\(name) started \(size) \(isSlurm ? "tasks" : "processes"), MPI sees 1", at: "MPI",
      expected: "\(size) ranks", found: "\(size) processes that do not know of each other")
  }

  /// The same before MPI starts, where it could not see the others: Open MPI would end the process with a page of its own.
  var contradictionAtSight: Fault? { offersContact ? nil : contradiction }
}
