import Essentials
import Foundation
import MessagePassing
import Records
import Synchronization

/// Makes a data set of maps in blocks that survive the process: for jobs of hours, on any number of ranks.
///
/// | call | |
/// |---|---|
/// | `open`, `assemble`, `leave` | collective: every rank of the communicator calls |
/// | `write` | local, from any thread, whenever a block is finished |
/// | `description`, `count`, `missing`, `keptCount`, `damagedCount` | local, the same on every rank |
///
/// Each block goes into a file of its own in `FILE.partial/`, closed, on the disk and with a check sum before it
/// gets its name. A job that is stopped or killed at any moment loses the blocks it had in hand; the next one keeps
/// the others, whatever its number of ranks. At the end the blocks are merged, as they are packed, in the order of
/// their samples, and the file gets its name. What it holds does not depend on the blocks' sizes, on who wrote them or
/// when. Parts and file together need twice the disk space for that moment.
public final class MapSetAssembly: @unchecked Sendable {
  /// What the file will hold.
  public let description: MapSetDescription
  /// The number of maps that the file will hold.
  public let count: Int
  /// The samples to be written, in order.
  public let missing: [Range<Int>]
  /// How many maps an interrupted job had finished.
  public let keptCount: Int
  /// How many of an interrupted job's blocks were damaged, and are written again.
  public let damagedCount: Int
  private let path: String
  private let directory: String
  private let communicator: Communicator
  /// On rank 0 what was there, on each what it has written.
  private let parts: Mutex<[MapPart]>
  /// Rank 0's; nil once the job has ended. Used in collective calls only.
  private var partial: PartialFile?

  /// Throws unless a data set may get this name, before work is spent on it.
  ///
  /// - Parameters:
  ///   - path: the name.
  ///   - overwrite: whether a file of this name may be replaced.
  public static func requireFree(_ path: String, overwrite: Bool) throws {
    try PartialFile.requireFree(path, overwrite: overwrite)
  }

  /// Collective. Begins a data set, or goes on with one that an interrupted job of the same description left.
  ///
  /// - Parameters:
  ///   - path: the file's name once it is whole.
  ///   - description: what it will hold; the same on every rank.
  ///   - count: the number of maps.
  ///   - communicator: the ranks that will write.
  ///   - overwrite: whether a file of this name may be replaced, at the end.
  ///   - restart: whether what an interrupted job left is thrown away.
  /// - Throws: `Fault` on all ranks: the name is taken, the directory cannot be written, an interrupted job left parts
  ///   of another data set (which stay).
  public static func open(
    path: String, description: MapSetDescription, count: Int, communicator: Communicator,
    overwrite: Bool = false, restart: Bool = false
  ) throws -> MapSetAssembly {
    var partial: PartialFile?
    let manifest = AssemblyManifest(count: count, description: description)
    let found = try communicator.onRoot("open \(path).partial") {
      try description.validate(count: count, at: path)
      let file = try PartialFile(target: path, overwrite: overwrite)
      partial = file
      do {
        return try file.parts(of: manifest, restart: restart)
      } catch {
        file.leave()
        throw error
      }
    }
    let directory = path + ".partial"
    do { try communicator.requireVisible(directory, patience: 3) } catch {
      try communicator.onRoot("leave \(directory)") { _ = partial?.leave() }
      throw error
    }
    let own = found.indices.filter { $0 % communicator.size == communicator.rank }
    let damaged = try communicator.allGather(own.filter { !found[$0].isSound(in: directory) }).flatMap(\.self)
    try communicator.onRoot("remove damaged parts") {
      for index in damaged { try partial?.remove(found[index].name) }
    }
    let sound = found.indices.filter { !damaged.contains($0) }.map { found[$0] }
    return MapSetAssembly(manifest, path, communicator, sound: sound, damaged: damaged.count, partial)
  }

  private init(
    _ manifest: AssemblyManifest, _ path: String, _ communicator: Communicator, sound: [MapPart],
    damaged: Int, _ partial: PartialFile?
  ) {
    description = manifest.description
    count = manifest.count
    self.path = path
    directory = path + ".partial"
    self.communicator = communicator
    missing = sound.missing(of: manifest.count)
    keptCount = manifest.count - missing.reduce(0) { $0 + $1.count }
    damagedCount = damaged
    parts = Mutex(communicator.isRoot ? sound : [])
    self.partial = partial
  }

  /// Writes a finished block; it is safe when this returns.
  ///
  /// - Parameter block: consecutive samples.
  /// - Throws: `Fault` when the block does not fit the description or holds a value that is no number, or there is no room
  ///   on the disk; the other blocks stay as they are.
  public func write(_ block: MapBlock) throws {
    try block.validate(for: description, count: count, at: path)
    guard !block.maps.isEmpty else { return }
    let part = try MapPart.write(
      block, of: description, in: directory, target: path, rank: communicator.rank)
    parts.withLock { $0.append(part) }
  }

  /// Collective. Merges the blocks, gives the file its name, and removes the blocks.
  ///
  /// - Parameter progress: called on rank 0 with the number of maps that are merged.
  /// - Throws: `Fault` on all ranks when samples are missing, a block was damaged since it was written, or there is no room
  ///   for the file; the blocks then stay as they are, and `leave` ends the job.
  public func assemble(progress: (Int) -> Void = { _ in }) throws {
    let own = parts.withLock(\.self)
    let all = try communicator.gather(value: own)?.flatMap(\.self) ?? []
    try communicator.onRoot("merge the blocks") {
      guard let file = partial else { throw Fault("the job has ended", at: path) }
      try merge(all.sorted { $0.samples.lowerBound < $1.samples.lowerBound }, into: file, progress)
      partial = nil
    }
  }

  /// Collective. Ends the job for now: finished blocks stay for the next one, and without any the directory goes.
  ///
  /// - Returns: whether blocks stay.
  @discardableResult
  public func leave() throws -> Bool {
    try communicator.onRoot("leave \(directory)") {
      defer { partial = nil }
      return partial?.leave() ?? false
    }
  }

  private func merge(_ parts: [MapPart], into file: PartialFile, _ progress: (Int) -> Void) throws {
    if let gap = parts.missing(of: count).first {
      throw Fault(
        "some samples were not written", at: path, expected: "\(count) samples",
        found: "none from \(gap.lowerBound) to \(gap.upperBound - 1)")
    }
    try file.startOver()
    do {
      let bytes = try parts.reduce(0) { $0 + (try FileProbe.fileSize("\(directory)/\($1.name)")) }
      try file.reserve(bytes + description.tableBytes(count))
      try MapSetLayout(path: file.path, description: description, count: count).create()
      try file.reserve(bytes + description.tableBytes(count))
      let merged = try SampleFile(path: file.path, description: description)
      var covered = 0
      for part in parts where part.samples.upperBound > covered {
        try copy(part, from: covered, to: merged)
        covered = part.samples.upperBound
        progress(covered)
      }
      try merged.close()
      try merged.verify()
      try file.complete(removing: parts.map(\.name) + [AssemblyManifest.name])
    } catch {
      try? file.startOver()
      throw error
    }
  }

  /// Parts overlap where a rank of a killed job outlived it for a moment; what they hold is the same.
  private func copy(_ part: MapPart, from first: Int, to merged: SampleFile) throws {
    guard part.isSound(in: directory) else {
      throw Fault(
        "finished samples are damaged", at: "\(directory)/\(part.name)", expected: "check sum \(part.checksum)",
        hint: "the same command again makes them anew")
    }
    let source = try SampleFile(path: "\(directory)/\(part.name)", description: description, readOnly: true)
    try merged.copy(source, rows: first - part.samples.lowerBound..<part.samples.count, to: first)
    try source.close()
  }
}

extension PartialFile {
  /// The parts of a data set that an interrupted job left; those of another data set are a fault.
  fileprivate func parts(of manifest: AssemblyManifest, restart: Bool) throws -> [MapPart] {
    let names = try names()
    // A job that had finished nothing has left nothing to keep or to lose.
    let isWorth = !restart && names.contains { MapPart(name: $0) != nil }
    let left = isWorth ? try AssemblyManifest.read(in: directory) : nil
    if let left { try manifest.require(left, in: directory) }
    try startOver()
    var parts: [MapPart] = []
    for name in names {
      if left != nil, let part = MapPart(name: name) {
        parts.append(part)
      } else if MapPart(name: name) != nil || name.hasPrefix(MapPart.unfinishedPrefix)
        || name.hasPrefix(AssemblyManifest.name + ".")
      {
        try remove(name)
      }
    }
    if left == nil { try manifest.write(in: directory) }
    return parts
  }

  private func names() throws -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    } catch {
      throw Fault("cannot list the directory", at: directory, found: "\(error)")
    }
  }

  /// Removes a file of the directory.
  fileprivate func remove(_ name: String) throws {
    guard unlink("\(directory)/\(name)") == 0 || errno == ENOENT else {
      throw Files.systemFault("cannot remove what an interrupted run has left", at: "\(directory)/\(name)")
    }
  }

  /// Lets go of the directory; removes it where it holds no part. Whether it holds any.
  @discardableResult
  fileprivate func leave() -> Bool {
    guard let names = try? names(), !names.contains(where: { MapPart(name: $0) != nil }) else {
      release()
      return true
    }
    unlink("\(directory)/\(AssemblyManifest.name)")
    abandon()
    return false
  }
}
