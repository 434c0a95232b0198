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

  /// Runs the script; `signal` sends it SIGUSR1 when ckm has begun. `slurm` is what Slurm has set, without "SLURM_".
  private func submit(
    ckm: String, plugins: String, signal: Bool = false,
    slurm: [String: String] = ["JOB_ID": "42", "NTASKS": "4", "CPUS_PER_TASK": "8"]
  ) throws -> (Command.Outcome, log: String) {
    let log = folder.place("log")
    try program("ckm", "echo ckm \"$@\" >> '\(log)'\n" + ckm)
    try program(
      "srun",
      "if [[ $1 == --mpi=list ]]; then echo '\(plugins)' >&2; exit; fi\necho srun \"$@\" >> '\(log)'\n"
        + forwarding)
    try program("mpirun", "echo mpirun \"$@\" >> '\(log)'\n" + forwarding)
    try program("scontrol", "echo scontrol \"$@\" >> '\(log)'\n")
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    var environment = ["PATH": "\(folder.path):\(path)", "CKM": folder.place("ckm")]
    for (name, value) in slurm { environment["SLURM_" + name] = value }
    try? FileManager.default.removeItem(atPath: log)
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
    #expect(log.contains("srun --mpi=pmix --ntasks=4 --cpus-per-task=8"), "\(log)")
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

  /// What Slurm says of the job's size, and the ranks and threads that follow.
  private static let sizes: [(slurm: [String: String], ranks: Int, threads: Int)] = [
    (["NTASKS": "6", "CPUS_PER_TASK": "8"], 6, 8),
    (["JOB_NUM_NODES": "2", "NTASKS_PER_NODE": "4", "CPUS_PER_TASK": "8"], 8, 8),
    (["NNODES": "3", "NTASKS_PER_NODE": "2", "CPUS_PER_TASK": "4"], 6, 4),
    // --ntasks wins over --ntasks-per-node, which is then the most of a node.
    (["JOB_NUM_NODES": "2", "NTASKS": "6", "NTASKS_PER_NODE": "4", "CPUS_PER_TASK": "2"], 6, 2),
    (["JOB_NUM_NODES": "3", "TASKS_PER_NODE": "4(x2),3", "CPUS_PER_TASK": "2"], 11, 2),
    (["TASKS_PER_NODE": "5", "CPUS_PER_TASK": "2"], 5, 2),
    (["NTASKS_PER_NODE": "2", "TASKS_PER_NODE": "2(x4)", "CPUS_PER_TASK": "2"], 8, 2),
    (["JOB_NUM_NODES": "1", "NTASKS": "1", "CPUS_PER_TASK": "2"], 1, 2),
    (["NTASKS": "2"], 2, 1),
  ]

  @Test(arguments: sizes.indices, ["pmix", "pmi2"]) func startsAllRanks(size: Int, plugins: String) throws {
    let (slurm, ranks, threads) = Self.sizes[size]
    let (outcome, log) = try submit(ckm: "exit 0\n", plugins: plugins, slurm: slurm)
    #expect(outcome.code == 0, "\(outcome.transcript)")
    let line =
      plugins == "pmix"
      ? "srun --mpi=pmix --ntasks=\(ranks) --cpus-per-task=\(threads) --kill-on-bad-exit=1 "
      : "mpirun -n \(ranks) --map-by slot:PE=\(threads) "
    #expect(log.hasPrefix(line), "\(slurm): \(log)")
    #expect(log.contains("--threads \(threads) --resume latest"), "\(log)")
    #expect(outcome.errors.contains("--cpus-per-task") == (slurm["CPUS_PER_TASK"] == nil), "\(outcome.transcript)")
  }

  /// What does not say how many ranks there are to be, or contradicts itself, starts none.
  @Test(arguments: [
    (["CPUS_PER_TASK": "8"], "nothing says how many ranks"),
    (["JOB_NUM_NODES": "2", "CPUS_PER_TASK": "8"], "nothing says how many ranks"),
    (["NTASKS_PER_NODE": "4"], "nothing says how many ranks"),
    (["JOB_NUM_NODES": "2", "NTASKS": "1"], "1 ranks cannot use 2 nodes"),
    (["JOB_NUM_NODES": "4", "TASKS_PER_NODE": "1(x2)"], "2 ranks cannot use 4 nodes"),
    (["NTASKS": "many"], "SLURM_NTASKS=many: expected a number"),
    (["NTASKS": "0"], "SLURM_NTASKS=0: expected a number"),
    (["NTASKS": "2", "CPUS_PER_TASK": "-1"], "SLURM_CPUS_PER_TASK=-1: expected a number"),
    (["TASKS_PER_NODE": "4(x"], "SLURM_TASKS_PER_NODE=4(x: expected numbers"),
    (["JOB_NUM_NODES": "2 3", "NTASKS": "2"], "SLURM_JOB_NUM_NODES=2 3: expected a number"),
  ]) func startsNoneWhereTheSizeIsUnknown(slurm: [String: String], message: String) throws {
    for plugins in ["pmix", "pmi2"] {
      let (outcome, log) = try submit(ckm: "exit 0\n", plugins: plugins, slurm: slurm)
      #expect(outcome.code == 1 && outcome.errors.contains(message), "\(outcome.transcript)")
      #expect(log.isEmpty, "\(log)")
    }
  }

  /// The rest of what the script reads: where the program is, and the job that is queued again.
  @Test func placeOfTheProgramAndTheJob() throws {
    let (outcome, log) = try submit(ckm: "exit 75\n", plugins: "pmix", slurm: ["NTASKS": "2"])
    #expect(outcome.code == 75 && outcome.errors.contains("no SLURM_JOB_ID"), "\(outcome.transcript)")
    #expect(!log.contains("scontrol"))
    let environment = ["SLURM_NTASKS": "2", "SLURM_SUBMIT_DIR": folder.path]
    let missing = try Command.start([script], environment: environment)
    #expect(missing.code == 1 && missing.errors.contains("no program at \(folder.path)/.build/release/ckm"))
    try FileManager.default.createDirectory(
      atPath: folder.place(".build/release"), withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: folder.place("ckm"), toPath: folder.place(".build/release/ckm"))
    let path = "\(folder.path):\(ProcessInfo.processInfo.environment["PATH"] ?? "")"
    let found = try Command.start([script], environment: environment.merging(["PATH": path]) { $1 })
    #expect(found.code == 75, "\(found.transcript)")
  }
}
