import Foundation
import Testing

/// Runs the built `ckm` as users do: as a process of its own, alone or under mpirun.
enum Command {
  struct Outcome {
    /// Exit code of what was started: of mpirun, where there are ranks.
    var code: Int32
    /// Exit code of each rank, where they were asked for.
    var rankCodes: [Int32] = []
    var output: String
    var errors: String
    var seconds: Double
    /// Everything, for the message of a failing test.
    var transcript: String { "exit code \(code), ranks \(rankCodes)\n\(output)\n\(errors)" }
  }

  /// Long enough for a start of mpirun on a loaded machine, short enough to call what exceeds it a hang: the limit that
  /// the program promises for any bad input.
  static let patience = 10

  static let program = program(named: "ckm")
  /// The same command with one family of models more.
  static let trial = program(named: "ckm-trial")

  /// Beside the test bundle, which is this very process.
  private static func program(named name: String) -> String {
    let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent(name).path
  }

  static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Fixtures").path

  static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path

  /// One process without mpirun.
  static func run(
    _ arguments: [String], environment: [String: String] = [:], program: String = program
  ) throws -> Outcome {
    try start(["timeout", "60", program] + arguments, environment: environment)
  }

  /// Several ranks. `prefix` comes before mpirun.
  ///
  /// Each rank's shell notes its exit code and ends with 0, so that mpirun does not end the others for it: a rank
  /// without a code was left hanging, and killed when the time was up.
  static func run(
    ranks: Int, _ arguments: [String], prefix: [String] = [], patience: Int = patience
  ) throws -> Outcome {
    let codes = try TemporaryDirectory()
    let note = #"codes=$1; shift; "$@"; echo $? > "$codes/$OMPI_COMM_WORLD_RANK""#
    var outcome = try start(
      prefix + mpirun(ranks, patience) + ["bash", "-c", note, "-", codes.path, program] + arguments)
    outcome.rankCodes = (0..<ranks).compactMap { rank in
      let text = try? String(contentsOfFile: "\(codes.path)/\(rank)", encoding: .utf8)
      return text.flatMap { Int32($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }
    return outcome
  }

  /// Several ranks and nothing between them and mpirun, for its own exit code. `prefix` comes before mpirun.
  static func launch(
    ranks: Int, _ arguments: [String], patience: Int = patience, prefix: [String] = [], program: String = program
  ) throws -> Outcome {
    try start(prefix + mpirun(ranks, patience) + [program] + arguments)
  }

  private static func mpirun(_ ranks: Int, _ patience: Int) -> [String] {
    ["mpirun", "--timeout", "\(patience)", "--oversubscribe", "--bind-to", "none", "-n", "\(ranks)"]
  }

  static func start(_ arguments: [String], environment: [String: String] = [:]) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    var all = ProcessInfo.processInfo.environment.filter { name, _ in
      !["OMPI_", "PMI_", "PMIX_", "ORTE_", "OPAL_", "SLURM_"].contains { name.hasPrefix($0) }
    }
    if getuid() == 0 {
      all["OMPI_ALLOW_RUN_AS_ROOT"] = "1"
      all["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
    }
    process.environment = all.merging(environment) { $1 }
    // Files, not pipes: a full pipe that nobody reads would be a hang of the test's own making.
    let folder = try TemporaryDirectory()
    let output = try folder.file("output", "")
    let errors = try folder.file("errors", "")
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: output))
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errors))
    let clock = ContinuousClock()
    let begin = clock.now
    try withoutBlockedSignals { try process.run() }
    process.waitUntilExit()
    let seconds = Double((clock.now - begin).components.seconds)
    return Outcome(
      code: process.terminationStatus, output: try String(contentsOfFile: output, encoding: .utf8),
      errors: try String(contentsOfFile: errors, encoding: .utf8), seconds: seconds)
  }
}

extension Command {
  /// Tests run on threads that block all signals, which a child would inherit, and never be told to stop.
  private static func withoutBlockedSignals(_ body: () throws -> Void) rethrows {
    var none = sigset_t()
    var before = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    try body()
  }
}

/// A directory that goes with the value.
final class TemporaryDirectory {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("ckm-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and returns its path.
  func file(_ name: String, _ text: String) throws -> String { try file(name, Array(text.utf8)) }

  func file(_ name: String, _ bytes: [UInt8]) throws -> String {
    let target = "\(path)/\(name)"
    try Data(bytes).write(to: URL(fileURLWithPath: target))
    return target
  }

  /// The path of a file to be written.
  func place(_ name: String) -> String { "\(path)/\(name)" }

  /// Everything in it, by name.
  var contents: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
  }
}
