import ArgumentParser
import Computing
import Foundation
import MessagePassing
import Records

/// How much of a machine each rank uses; shared by all commands that compute.
struct ComputeOptions: ParsableArguments {
  @Option(help: "Threads of each rank, 1 to 64. Default: this rank's share of the cores that it may use.")
  var threads: Int?

  func validate() throws {
    guard threads.map({ (1...Threads.maximumCount).contains($0) }) ?? true else {
      throw ValidationError("--threads must be 1 to \(Threads.maximumCount).")
    }
  }

  /// Collective: this rank's workers. Warns when there are more than cores for them.
  ///
  /// - Parameters:
  ///   - communicator: all ranks.
  ///   - console: who warns.
  func makeThreads(_ communicator: Communicator, _ console: Console) throws -> Threads {
    Threads(count: try threadCount(communicator, console))
  }

  /// Collective: how many they are.
  func threadCount(_ communicator: Communicator, _ console: Console) throws -> Int {
    let share = try RankCores(communicator).count
    guard let threads else { return min(share, Threads.maximumCount) }
    if threads > share {
      console.warn(
        "--threads \(threads), but a rank's share of the cores is \(share): they will take turns. "
          + "With mpirun, --bind-to none or --map-by slot:PE=\(threads) gives a rank more than one core.")
    }
    return threads
  }
}

/// How many cores of its node a rank can count on: those of its affinity mask, each divided by the number of ranks
/// that may use it. So it is right for ranks that are bound to cores and for ranks that share all of them.
struct RankCores {
  /// At least 1.
  let count: Int

  private struct Cores: Codable {
    var node: String
    var cores: [Int]
  }

  /// Collective.
  init(_ communicator: Communicator) throws {
    let own = Cores(node: ProcessInfo.processInfo.hostName, cores: Self.affinity())
    let all = try communicator.allGather(value: own)
    var users: [Int: Int] = [:]
    for rank in all where rank.node == own.node { for core in rank.cores { users[core, default: 0] += 1 } }
    let share = own.cores.reduce(0.0) { $0 + 1 / Double(users[$1] ?? 1) }
    // Thirds add up to a little less than one.
    count = max(1, Int(share + 1e-6))
  }

  /// The numbers of the cores that this process may use, as Linux lists them: "0-3,8".
  private static func affinity() -> [Int] {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") }
    let cores = line?.split(separator: ":").last?.split(separator: ",").flatMap(range) ?? []
    // No such list: every core that the system speaks of.
    return cores.isEmpty ? Array(0..<max(1, ProcessInfo.processInfo.activeProcessorCount)) : cores
  }

  private static func range(_ text: Substring) -> [Int] {
    let ends = text.split(separator: "-").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
    guard let first = ends.first, let last = ends.last, first <= last else { return [] }
    return Array(first...last)
  }
}
