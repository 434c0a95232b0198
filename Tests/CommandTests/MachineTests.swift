import Foundation
import TestSupport
import Testing

/// What this machine lets tests do.
enum Machine {
  /// Whether file systems can be mounted for a process alone, which takes root.
  static let hasMountNamespaces: Bool = {
    let outcome = try? Command.start(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"])
    return outcome?.code == 0
  }()
  /// Whether ranks can be told different names of their host.
  static let hasNameNamespaces: Bool = (try? Command.start(["unshare", "-mu", "hostname", "other"]))?.code == 0
  static let hasCompiler: Bool = (try? Command.start(["cc", "--version"]))?.code == 0
}

/// Containers and clusters: little shared memory, memory of other processes that cannot be read, launchers that leave ranks
/// alone, ranks that see another file system.
@Suite(.serialized) struct MachineTests {
  private let folder: TemporaryDirectory
  private let maps: String

  init() throws {
    folder = try TemporaryDirectory()
    maps = folder.place("maps.h5")
    let array = try folder.file("maps.npy", numPy(shape: [6, 16, 16], RunTests.value))
    let imported = try Command.run(["import", array, "--out", maps])
    try #require(imported.code == 0, "\(imported.transcript)")
  }

  private func train(_ run: String, reducer: String, data: String? = nil) -> [String] {
    ["train", "--preset", "tiny", "--data", data ?? maps, "--out", folder.place(run), "--threads", "1"]
      + [
        "model.image_size=16", "training.batch=2", "validation.every=0", "training.steps=2",
        "training.reducer=\(reducer)",
      ]
      .flatMap { ["--set", $0] }
  }

  /// Two ranks with a shared memory of `size`.
  private func little(_ size: String, _ arguments: [String], environment: [String] = []) throws -> Command.Outcome {
    let mount = ["unshare", "-m", "bash", "-c", #"mount -t tmpfs -o size=$0 tmpfs /dev/shm && exec "$@""#, size]
    return try Command.run(ranks: 2, arguments, prefix: mount + ["env"] + environment)
  }

  @Test(.enabled(if: Machine.hasMountNamespaces), arguments: ["8k", "1m", "1900k"])
  func tooLittleSharedMemoryIsAFault(size: String) throws {
    let outcome = try little(size, train("run", reducer: "shared"))
    #expect(outcome.rankCodes == [1, 1] && outcome.seconds < 10, "\(outcome.transcript)")
    for part in [
      "Error: /dev/shm: there is too little memory that ranks share", "MiB for the gradients of 2 ranks", "MiB free",
      "hint: --set training.reducer=overlapped",
    ] { #expect(outcome.errors.contains(part), "lacks \(part):\n\(outcome.transcript)") }
    #expect(outcome.errors.components(separatedBy: "there is too little").count == 2, "told once")
    #expect(!FileManager.default.fileExists(atPath: folder.place("run")))
    let dry = try little(size, train("run", reducer: "shared") + ["--dry-run"])
    #expect(dry.rankCodes == [1, 1] && dry.errors.contains("too little memory"), "\(dry.transcript)")
  }

  /// Open MPI's own segments do not fit either: other ways are found, without a word.
  @Test(.enabled(if: Machine.hasMountNamespaces), arguments: ["automatic", "overlapped", "naive"])
  func littleSharedMemoryWillDo(reducer: String) throws {
    let outcome = try little("1m", train("run", reducer: reducer))
    #expect(outcome.rankCodes == [0, 0], "\(outcome.transcript)")
    #expect(!outcome.errors.contains("not enough space") && !outcome.errors.contains("help message"))
  }

  /// Ranks in containers of their own: nothing is shared, whatever their hosts are called.
  @Test(.enabled(if: Machine.hasMountNamespaces)) func memoryOfEachRankItsOwn() throws {
    func own(_ reducer: String) throws -> Command.Outcome {
      try Command.start(
        ["mpirun", "--timeout", "10", "--oversubscribe", "--bind-to", "none", "-n", "2", "unshare", "-m", "bash", "-c"]
          + [#"mount -t tmpfs -o size=64m tmpfs /dev/shm; exec "$@""#, "-", Command.program]
          + train(reducer, reducer: reducer))
    }
    let shared = try own("shared")
    #expect(shared.code == 1 && shared.errors.contains("the ranks share no memory"), "\(shared.transcript)")
    #expect(shared.errors.contains("found: several: ranks in containers of their own"), "\(shared.transcript)")
    let automatic = try own("automatic")
    #expect(automatic.code == 0, "\(automatic.transcript)")
  }

  @Test(.enabled(if: Machine.hasMountNamespaces)) func enoughSharedMemory() throws {
    let enough = try little("4m", train("run", reducer: "shared"))
    #expect(enough.rankCodes == [0, 0], "\(enough.transcript)")
    let elsewhere = try little(
      "1m", train("other", reducer: "shared"), environment: ["OMPI_MCA_osc_sm_backing_directory=\(folder.path)"])
    #expect(elsewhere.rankCodes == [0, 0], "\(elsewhere.transcript)")
  }

  /// As seccomp and Yama refuse it in containers: by a library before libc.
  @Test(.enabled(if: Machine.hasCompiler)) func memoryOfOtherProcessesIsRefused() throws {
    let source = try folder.file(
      "refuse.c",
      """
      #include <errno.h>
      long process_vm_readv(void) { errno = EPERM; return -1; }
      long process_vm_writev(void) { errno = EPERM; return -1; }

      """)
    let library = folder.place("refuse.so")
    let compiled = try Command.start(["cc", "-shared", "-fPIC", "-o", library, source])
    try #require(compiled.code == 0, "\(compiled.transcript)")
    func refused(_ run: String, _ more: [String] = []) throws -> Command.Outcome {
      try Command.run(
        ranks: 2, train(run, reducer: "overlapped"), prefix: ["env", "LD_PRELOAD=\(library)"] + more)
    }
    let quiet = try refused("quiet")
    #expect(quiet.rankCodes == [0, 0] && !quiet.errors.contains("Read -1"), "\(quiet.transcript)")
    // What the user has set stays; Open MPI then says what this saves everybody else from.
    let asked = try refused("asked", ["OMPI_MCA_btl_vader_single_copy_mechanism=cma"])
    #expect(asked.rankCodes == [0, 0] && asked.errors.contains("Read -1"), "\(asked.transcript)")
    let plain = try Command.run(ranks: 2, train("plain", reducer: "overlapped"))
    #expect(plain.rankCodes == [0, 0], "\(plain.transcript)")
    for run in ["quiet", "asked"] {
      let file = "checkpoints/step-2/model.safetensors"
      #expect(
        FileManager.default.contentsEqual(
          atPath: folder.place("\(run)/\(file)"), andPath: folder.place("plain/\(file)")))
    }
  }

  /// What srun sets for each task of a step.
  private func step(_ rank: Int, of size: Int) -> [String: String] {
    [
      "SLURM_JOB_ID": "5", "SLURM_JOBID": "5", "SLURM_NODELIST": "a", "SLURM_STEP_ID": "0", "SLURM_STEPID": "0",
      "SLURM_NTASKS": "\(size)", "SLURM_STEP_NUM_TASKS": "\(size)", "SLURM_PROCID": "\(rank)",
    ]
  }

  @Test func tasksThatDoNotKnowOfEachOther() throws {
    let arguments = train("run", reducer: "automatic") + ["--dry-run"]
    func tell(_ environment: [String: String], _ message: String) throws {
      let outcome = try Command.run(arguments, environment: environment)
      #expect(outcome.code == 1, "\(outcome.transcript)")
      #expect(outcome.errors.hasPrefix("Error: MPI: \(message)"), "\(outcome.transcript)")
      #expect(outcome.output.isEmpty)
    }
    func keepSilent(_ environment: [String: String]) throws {
      let outcome = try Command.run(arguments, environment: environment)
      #expect(outcome.code == 1 && outcome.errors.isEmpty, "\(outcome.transcript)")
    }
    try tell(step(0, of: 2), "Slurm started 2 tasks, MPI sees 1\n")
    try keepSilent(step(1, of: 2))
    let hint = try Command.run(arguments, environment: step(0, of: 16))
    #expect(hint.errors.contains("hint: srun --mpi=pmix"), "\(hint.transcript)")
    try tell(["PMI_RANK": "0", "PMI_SIZE": "4"], "another MPI's mpiexec started 4 processes, MPI sees 1\n")
    try keepSilent(["PMI_RANK": "3", "PMI_SIZE": "4"])
    try tell(["OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "3"], "mpirun started 3 processes, MPI sees 1\n")
    // Work on files without MPI is not done twice either.
    let inspected = try Command.run(["inspect", "run", "nowhere"], environment: step(1, of: 2))
    #expect(inspected.code == 1 && inspected.errors.isEmpty, "\(inspected.transcript)")
  }

  /// One process that was meant to be one.
  @Test func noFalseAlarm() throws {
    let arguments = train("run", reducer: "automatic") + ["--dry-run"]
    var batch = step(0, of: 4)
    for name in ["SLURM_STEP_ID", "SLURM_STEPID", "SLURM_STEP_NUM_TASKS"] { batch[name] = nil }
    for environment in [batch, step(0, of: 1), ["PMI_RANK": "0", "PMI_SIZE": "1"], [:]] {
      let outcome = try Command.run(arguments, environment: environment)
      #expect(outcome.code == 0 && outcome.errors.contains("1 ranks"), "\(environment) \(outcome.transcript)")
    }
    // mpirun inside the allocation: its daemons, and so its ranks, have a step's variables.
    for ranks in [1, 2] {
      let inside = step(0, of: 3).map { "\($0)=\($1)" }
      let outcome = try Command.run(
        ranks: ranks, arguments,
        prefix: ["env"] + inside.filter { $0.hasPrefix("SLURM_STEP_NUM") || $0.hasPrefix("SLURM_PROCID") })
      #expect(
        outcome.rankCodes.allSatisfy { $0 == 0 } && outcome.errors.contains("\(ranks) ranks"), "\(outcome.transcript)")
    }
  }

  /// Two ranks, the second in a world of its own: `change` is run before it, with other mounts, as host "b".
  private func apart(_ arguments: [String], _ change: String) throws -> Command.Outcome {
    let script = #"""
      if [[ $OMPI_COMM_WORLD_RANK == 0 ]]; then hostname a; else hostname b; eval "$0"; fi
      timeout 30 "$@"
      code=$?
      echo "rank $OMPI_COMM_WORLD_RANK: $code"
      """#
    return try Command.start(
      ["mpirun", "--timeout", "10", "--oversubscribe", "--bind-to", "none", "-n", "2", "unshare", "-mu", "bash", "-c"]
        + [script, change, Command.program] + arguments)
  }

  private func expectApart(
    _ arguments: [String], _ change: String, _ parts: String..., location: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try apart(arguments, change)
    for part in parts + ["rank 0: 1", "rank 1: 1"] {
      #expect(
        (outcome.errors + outcome.output).contains(part), "lacks \(part):\n\(outcome.transcript)",
        sourceLocation: location)
    }
  }

  @Test(.enabled(if: Machine.hasMountNamespaces && Machine.hasNameNamespaces))
  func ranksThatSeeOtherFiles() throws {
    let sight = "seen by rank 0 on host a, not by rank 1 on host b"
    let train = train("run", reducer: "overlapped")
    let hide = "mount -t tmpfs tmpfs '\(folder.path)'"
    try expectApart(train, hide, "maps.h5: not all ranks see the file", sight)
    try expectApart(train + ["--dry-run"], hide, "maps.h5: not all ranks see the file", sight)
    #expect(!FileManager.default.fileExists(atPath: folder.place("run")))
    try expectApart(["evaluate", "--data", maps, "--magnification", "4", "--out", folder.place("report")], hide, sight)
    try expectApart(
      ["reconstruct", "--method", "bilinear", "--data", maps, "--out", folder.place("fine.h5")], hide, sight)
    try expectApart(["import", folder.place("maps.npy"), "--out", folder.place("other.h5")], hide, sight)
    // A place for results that one rank alone has.
    try FileManager.default.createDirectory(atPath: folder.place("out"), withIntermediateDirectories: true)
    // Rank 0 alone writes what all have made; of a simulation each keeps blocks there.
    let reconstructed = try apart(
      ["reconstruct", "--method", "bilinear", "--data", maps, "--out", folder.place("out/fine.h5")],
      "mount -t tmpfs tmpfs '\(folder.path)/out'")
    for part in ["rank 0: 0", "rank 1: 0"] {
      #expect((reconstructed.errors + reconstructed.output).contains(part), "\(reconstructed.transcript)")
    }
    try expectApart(
      ["simulate", "uma", "--scenario", "los", "--count", "4", "--size", "8", "--out", folder.place("out/los.h5")],
      "mount -t tmpfs tmpfs '\(folder.path)/out'", "los.h5.partial: not all ranks see the file", sight)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.place("out")) == ["fine.h5"])
  }

  @Test(.enabled(if: Machine.hasMountNamespaces && Machine.hasNameNamespaces))
  func ranksThatSeeAnotherFileOfThatName() throws {
    let array = try folder.file("others.npy", numPy(shape: [6, 16, 16]) { -RunTests.value($0) - 200 })
    #expect(try Command.run(["import", array, "--out", folder.place("others.h5")]).code == 0)
    try expectApart(
      train("run", reducer: "overlapped"), "mount --bind '\(folder.place("others.h5"))' '\(maps)'",
      "maps.h5: the ranks see different files under one name", "another on rank 1 on b than on rank 0 on a")
    // A copy on the node's own disk is as good.
    try FileManager.default.copyItem(atPath: maps, toPath: folder.place("copy.h5"))
    let copy = try apart(
      train("run", reducer: "overlapped"), "mount --bind '\(folder.place("copy.h5"))' '\(maps)'")
    #expect(copy.code == 0, "\(copy.transcript)")
    // Relative paths, from two places.
    let relative = try Command.start(
      ["bash", "-c", #"cd "$0" && exec "$@""#, folder.path, "mpirun", "--timeout", "10", "--oversubscribe"]
        + ["--bind-to", "none", "-n", "2", "bash", "-c"]
        + [#"[[ $OMPI_COMM_WORLD_RANK == 0 ]] || cd /; exec "$@""#, "-", Command.program]
        + train("relative", reducer: "overlapped", data: "maps.h5"))
    #expect(relative.code == 1 && relative.errors.contains("not by rank 1 on host"), "\(relative.transcript)")
  }
}
