import Foundation
import Testing

/// `Cluster/train.sbatch` among stand-ins for what a cluster has: srun, scontrol, mpirun and ckm.
@Suite(.serialized) struct ClusterScriptTests {
  private let folder: TemporaryDirectory
  private let script = "\(Command.repository)/Cluster/train.sbatch"

  init() throws { folder = try TemporaryDirectory() }

  private func program(_ name: String, _ text: String) throws {
    let path = try folder.file(name, "#!/usr/bin/env bash\n" + text)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
  }

  /// Runs the script; `signal` sends it SIGUSR1 when ckm has begun.
  private func submit(ckm: String, plugins: String, signal: Bool = false) throws -> (Command.Outcome, log: String) {
    let log = folder.place("log")
    try program("ckm", "echo ckm \"$@\" >> '\(log)'\n" + ckm)
    try program(
      "srun",
      "if [[ $1 == --mpi=list ]]; then echo '\(plugins)' >&2; exit; fi\necho srun \"$@\" >> '\(log)'\n"
        + forwarding)
    try program("mpirun", "echo mpirun \"$@\" >> '\(log)'\n" + forwarding)
    try program("scontrol", "echo scontrol \"$@\" >> '\(log)'\n")
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    let environment = [
      "PATH": "\(folder.path):\(path)", "CKM": folder.place("ckm"), "SLURM_JOB_ID": "42", "SLURM_NTASKS": "4",
      "SLURM_CPUS_PER_TASK": "8",
    ]
    let send = "until grep -q '^ckm' \(log) 2> /dev/null; do sleep 0.05; done; sleep 0.2; kill -USR1 $job"
    let start = "\(script) --preset tiny --out 'my run' & job=$!; \(signal ? send : ":"); wait $job"
    let outcome = try Command.start(["timeout", "20", "bash", "-c", start], environment: environment)
    return (outcome, (try? String(contentsOfFile: log, encoding: .utf8)) ?? "")
  }

  /// As srun and mpirun do: options end where the program's path begins; signals go on to it.
  private let forwarding = """
    while [[ $1 != */ckm ]]; do shift; done
    "$@" & child=$!
    trap 'kill -USR1 $child' USR1
    while :; do wait $child; code=$?; ((code > 128)) && kill -0 $child 2> /dev/null || break; done
    exit $code

    """
  /// Saves for a while when it is told to stop, as ckm does.
  private let stoppable = "trap 'sleep 0.5; exit 75' USR1\nfor _ in {1..200}; do sleep 0.05; done\n"

  @Test func syntax() throws {
    for path in ["Cluster/train.sbatch", "Scripts/quickstart", "Scripts/setup", "Scripts/test"] {
      let outcome = try Command.start(["bash", "-n", "\(Command.repository)/\(path)"])
      #expect(outcome.code == 0, "\(outcome.transcript)")
    }
  }

  @Test func endsWithTheRun() throws {
    let (outcome, log) = try submit(ckm: "exit 0\n", plugins: "pmix pmi2")
    #expect(outcome.code == 0, "\(outcome.transcript)")
    #expect(log.contains("srun --mpi=pmix --cpus-per-task=8"), "\(log)")
    #expect(log.contains("ckm train --preset tiny --out my run --threads 8 --resume latest"), "\(log)")
    #expect(!log.contains("scontrol"), "\(log)")
  }

  @Test(arguments: ["cray_shasta pmix pmix_v4", "pmi2 none"]) func signalSavesAndQueuesAgain(plugins: String) throws {
    let (outcome, log) = try submit(ckm: stoppable, plugins: plugins, signal: true)
    #expect(outcome.code == 0, "\(outcome.transcript)")
    #expect(log.contains("scontrol requeue 42"), "\(log) \(outcome.transcript)")
    #expect(log.contains(plugins.contains("pmix") ? "srun --mpi=pmix" : "mpirun -n 4 --map-by slot:PE=8"), "\(log)")
  }

  @Test func failureIsNotQueuedAgain() throws {
    let (outcome, log) = try submit(ckm: "exit 1\n", plugins: "pmix")
    #expect(outcome.code == 1, "\(outcome.transcript)")
    #expect(!log.contains("scontrol"), "\(log)")
    // A run that ends by itself while it is told to stop has nothing to go on with.
    let (ended, endedLog) = try submit(
      ckm: stoppable.replacingOccurrences(of: "75", with: "0"), plugins: "pmix", signal: true)
    #expect(ended.code == 0 && !endedLog.contains("scontrol"), "\(ended.transcript) \(endedLog)")
  }
}
