import Essentials
import Foundation
import MessagePassing
import Testing

/// The ways in which one rank of a job may end while the others wait for it. None may leave them hanging.
enum Ending: String, CaseIterable {
  /// All ranks throw the same agreed fault to the top.
  case agreedFault
  /// Rank 1 throws to the top while the others wait in a collective.
  case loneFault
  /// Rank 1 calls `exit(3)`.
  case exit
  /// Rank 1 traps.
  case trap
  /// Rank 1 is killed.
  case kill
  /// Rank 1 leaves while gradients are in flight on a reducer's own thread.
  case duringReduction
  /// Nothing goes wrong.
  case none

  static let variable = "CHANNELTWIN_TEST_ENDING"
}

/// Runs under mpirun, started by `FailingRankTests`: ends the process in the way that the environment names.
@Suite(.enabled(if: ProcessInfo.processInfo.environment[Ending.variable] != nil))
struct EndingOnDemand {
  @Test func end() throws {
    let name = ProcessInfo.processInfo.environment[Ending.variable] ?? ""
    let ending = try #require(Ending(rawValue: name))
    let world = try Communicator.world()
    let odd = world.rank == 1
    switch ending {
    case .agreedFault:
      do {
        try world.agree { if odd { throw Fault("cannot read", at: "maps.h5") } }
      } catch { world.leave(after: error, exitCode: 5) }
    case .loneFault:
      if odd { world.leave(after: Fault("cannot read", at: "maps.h5"), exitCode: 5, patience: 0.3) }
      _ = try world.allReduce([1.0], checked: false)
    case .exit:
      if odd { Foundation.exit(3) }
      try world.barrier()
    case .trap:
      if odd { fatalError("a trap on purpose") }
      try world.barrier()
    case .kill:
      if odd { Foundation.kill(getpid(), SIGKILL) }
      try world.barrier()
    case .duringReduction:
      let arena = UnsafeMutableBufferPointer<Float>.allocate(capacity: 1 << 20)
      arena.initialize(repeating: 1)
      let reducer = try OverlappedGradientReducer(
        world, arena: arena, buckets: [0..<(1 << 20)], progress: .thread)
      try reducer.begin()
      if odd { world.leave(after: Fault("backward failed", at: "step 1"), exitCode: 5) }
      try reducer.finish()
    case .none:
      try world.barrier()
    }
  }
}

@Suite(.serialized) struct FailingRankTests {
  /// Runs this very test bundle on three ranks under mpirun; a hang makes mpirun give 110 after its time limit.
  private func run(_ ending: Ending) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    process.arguments = [
      "mpirun", "--timeout", "20", "--oversubscribe", "--bind-to", "none", "-n", "3", bundle,
      "--testing-library", "swift-testing", "--filter", "EndingOnDemand",
    ]
    // What the MPI library of this process has left in the environment would mislead the new job.
    var environment = ProcessInfo.processInfo.environment.filter { name, _ in
      !["OMPI_", "PMIX_", "ORTE_", "OPAL_"].contains { name.hasPrefix($0) }
    }
    environment[Ending.variable] = ending.rawValue
    if getuid() == 0 {
      environment["OMPI_ALLOW_RUN_AS_ROOT"] = "1"
      environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
    }
    process.environment = environment
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, output)
  }

  @Test(
    .enabled(if: ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_SIZE"] == nil),
    arguments: Ending.allCases)
  func nobodyHangs(ending: Ending) throws {
    let (status, output) = try run(ending)
    #expect(status != 110, "mpirun's time limit ended the job:\n\(output)")
    switch ending {
    case .none: #expect(status == 0, "\(output)")
    case .agreedFault:
      #expect(status == 5, "\(output)")
      // Once, by rank 0, though all three ranks threw it.
      #expect(output.components(separatedBy: "Error: maps.h5 (rank 1): cannot read").count == 2, "\(output)")
    case .loneFault:
      #expect(status == 5, "\(output)")
      #expect(output.contains("Error: (rank 1) maps.h5: cannot read"), "\(output)")
    case .duringReduction:
      #expect(status == 5, "\(output)")
      #expect(output.contains("Error: (rank 1) step 1: backward failed"), "\(output)")
    case .exit: #expect(status == 3, "\(output)")
    case .trap, .kill: #expect(status != 0, "\(output)")
    }
  }
}
