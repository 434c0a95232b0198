import Essentials
import MessagePassing
import Testing

/// What the environment tells of how processes were started.
@Suite struct LauncherTests {
  @Test(arguments: [
    (["OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"], "mpirun", 1, 2),
    (
      ["OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "1", "SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "3"],
      "mpirun", 0, 1
    ),
    (["PMI_RANK": "2", "PMI_SIZE": "3"], "another MPI's mpiexec", 2, 3),
    (["PMIX_RANK": "3", "SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4"], "Slurm", 3, 4),
    (["SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1", "SLURM_NTASKS": "8"], "Slurm", 0, 1),
  ]) func isTold(environment: [String: String], name: String, rank: Int, size: Int) throws {
    let launcher = try #require(Launcher(environment))
    #expect(launcher.name == name && launcher.rank == rank && launcher.size == size)
    #expect((launcher.contradiction == nil) == (size == 1))
    if size > 1 { #expect(launcher.contradiction?.what.contains("started \(size) ") == true) }
  }

  /// Alone, in a batch script, or with numbers that make no sense.
  @Test(arguments: [
    [:], ["SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_JOB_ID": "7"], ["PMI_RANK": "4", "PMI_SIZE": "4"],
    ["OMPI_COMM_WORLD_RANK": "x", "OMPI_COMM_WORLD_SIZE": "2"], ["SLURM_STEP_NUM_TASKS": "2"], ["PMIX_RANK": "1"],
  ]) func isNotTold(environment: [String: String]) { #expect(Launcher(environment) == nil) }

  @Test(arguments: [
    ("a", "."), ("a/b", "a"), ("/a", "/"), ("/", "/"), ("a/b/", "a"), ("", "."), ("/a/b//", "/a"), ("a//b", "a"),
    ("//", "/"),
    ("./x", "."), ("../x", ".."),
  ]) func parents(path: String, parent: String) { #expect(parentDirectory(of: path) == parent) }
}
