import Essentials
import Foundation

/// What a rank knows of a fault that not all ranks met alike.
private struct Witness: Codable {
  var rank: Int
  var host: String
  var hasFailed: Bool
  /// Whether what the fault is about is there for this rank.
  var sees: Bool
}

extension Communicator {
  /// Collective: the fault of one rank, telling which rank met it, and where those ranks are that see a file and those
  /// that do not, if that is the trouble.
  func located(_ fault: Fault, of rank: Int, hasFailed: Bool) throws -> Fault {
    let path = Self.path(in: fault.place)
    let own = Witness(
      rank: self.rank, host: ProcessInfo.processInfo.hostName, hasFailed: hasFailed, sees: access(path, F_OK) == 0)
    let all = try gathered(own)
    let severalHosts = Set(all.map(\.host)).count > 1
    var located = fault
    located.place += severalHosts ? " (rank \(rank) on \(all[rank].host))" : " (rank \(rank))"
    // Of a file that none has, such as one that could not be made, the directory tells.
    let seen = all.contains(where: \.sees) ? all : try gathered(own.looking(at: parentDirectory(of: path)))
    if path.contains("/") || path.contains("."), let witness = seen.first(where: \.sees),
      let blind = seen.first(where: { !$0.sees })
    {
      located.found = [fault.found, Self.sight(witness, blind)].compactMap { $0 }.joined(separator: "; ")
      located.hint = Self.sharedFiles
    } else if let spared = all.first(where: { !$0.hasFailed }), severalHosts {
      located.found = [fault.found, "not so on rank \(spared.rank) on \(spared.host)"].compactMap { $0 }
        .joined(separator: "; ")
    }
    return located
  }

  /// Collective: throws unless all ranks see a file or directory, or none of them.
  ///
  /// - Parameters:
  ///   - path: the same on every rank.
  ///   - patience: how long a network file system may take to show what another node has just made [s].
  /// - Throws: `Fault` on every rank, naming ranks and hosts.
  public func requireVisible(_ path: String, patience: Double = 0) throws {
    guard size > 1 else { return }
    let deadline = ContinuousClock.now + .seconds(patience)
    while access(path, R_OK) != 0, ContinuousClock.now < deadline { usleep(50_000) }
    let isSeen = access(path, R_OK) == 0
    guard try !allEqual(isSeen ? 1 : 0) else { return }
    let all = try gathered(
      Witness(rank: rank, host: ProcessInfo.processInfo.hostName, hasFailed: false, sees: isSeen))
    guard let witness = all.first(where: \.sees), let blind = all.first(where: { !$0.sees }) else { return }
    throw Fault(
      "not all ranks see the file", at: path, expected: "the same file on every rank",
      found: Self.sight(witness, blind), hint: Self.sharedFiles)
  }

  /// Collective: throws unless all ranks see the same files under these names, or none of them.
  ///
  /// Compared are sizes and the first 64 KiB: copies on the nodes' own disks are as good as one file that all see.
  /// - Parameter paths: the same on every rank.
  /// - Throws: `Fault` on every rank, naming ranks and hosts.
  public func requireSameFiles(_ paths: [String]) throws {
    guard size > 1 else { return }
    for path in paths {
      try requireVisible(path)
      let print = Self.fingerprint(of: path)
      guard try !allEqual(print) else { continue }
      let prints = try gathered(print), hosts = try gathered(ProcessInfo.processInfo.hostName)
      let other = prints.firstIndex { $0 != prints[0] } ?? 0
      throw Fault(
        "the ranks see different files under one name", at: path, expected: "the same file on every rank",
        found: "another on rank \(other) on \(hosts[other]) than on rank 0 on \(hosts[0])", hint: Self.sharedFiles)
    }
  }

  private static let sharedFiles =
    "all ranks need the same files under the same names: a file system that all nodes (and containers) mount, and one "
    + "working directory"

  private static func sight(_ witness: Witness, _ blind: Witness) -> String {
    "seen by rank \(witness.rank) on host \(witness.host), not by rank \(blind.rank) on host \(blind.host)"
  }

  private func gathered<Value: Codable>(_ value: Value) throws -> [Value] {
    try allGather(try Self.encode(value), checked: false).map { try Self.decode($0) }
  }

  /// What stands before ":/maps" or ", sample 3" in a place.
  private static func path(in place: String) -> String {
    if access(place, F_OK) == 0 { return place }
    return String(place.prefix { $0 != ":" && $0 != "," })
  }

  /// 0 for what cannot be read.
  private static func fingerprint(of path: String) -> UInt64 {
    var status = stat()
    guard stat(path, &status) == 0 else { return 0 }
    // Sizes of directories are their file systems' own; and a pipe is not read here.
    guard status.st_mode & S_IFMT == S_IFREG else { return 1 }
    guard let file = FileHandle(forReadingAtPath: path) else { return 0 }
    defer { try? file.close() }
    let head = (try? file.read(upToCount: 1 << 16)) ?? Data()
    return stableHash(Array("\(status.st_size)".utf8) + Array(head))
  }
}

extension Witness {
  fileprivate func looking(at path: String) -> Witness {
    var witness = self
    witness.sees = access(path, F_OK) == 0
    return witness
  }
}
