import Essentials
import MessagePassing
import Records

/// Makes a data set on all ranks, block by block, and keeps each block as soon as it is done: memory does not grow
/// with the number of maps, and a job that ends early goes on where it was.
public struct AssemblyRun: Sendable {
  /// How a run ended.
  public enum Outcome: Sendable {
    /// The data set is there.
    case finished
    /// A signal asked to stop; finished blocks stay for the next job.
    case stopped
  }
  /// What a rank holds of results at a time, at most [byte].
  private static let blockBytes = 16 << 20
  /// What a killed job loses on each rank, and how long a stop takes [s].
  private static let blockSeconds = 5.0

  let maker: any MapBlockMaker
  /// What is done, for people: "simulate".
  let work: String
  /// How many maps.
  let count: Int
  /// The data set's name.
  let path: String
  let overwrite: Bool
  let restart: Bool
  /// Maps that this rank makes at a time: its threads.
  let width: Int

  /// - Parameters:
  ///   - maker: makes the maps.
  ///   - work: what is done, for people: "simulate".
  ///   - count: how many maps.
  ///   - path: the data set's name.
  ///   - width: maps that this rank makes at a time: its threads.
  ///   - overwrite: replace the data set if there is one.
  ///   - restart: throw away what an interrupted run has left.
  public init(
    maker: any MapBlockMaker, work: String, count: Int, path: String, width: Int, overwrite: Bool = false,
    restart: Bool = false
  ) {
    self.maker = maker
    self.work = work
    self.count = count
    self.path = path
    self.width = width
    self.overwrite = overwrite
    self.restart = restart
  }

  /// Collective.
  ///
  /// - Throws: `Fault` on all ranks when the place cannot be written; finished blocks stay for the next job.
  public func run(_ communicator: Communicator, _ console: Console) throws -> Outcome {
    let signals = try SignalFlag()
    let assembly = try MapSetAssembly.open(
      path: path, description: maker.description, count: count, communicator: communicator, overwrite: overwrite,
      restart: restart)
    tellWhatIsKept(assembly, console)
    do {
      guard try fill(assembly, communicator, signals) else { throw Stopped() }
      try merge(assembly, communicator)
      return .finished
    } catch {
      let reason = error is Stopped ? "stopped\(signals.name.map { " by \($0)" } ?? ""): " : ""
      if try assembly.leave() {
        console.note("\(reason)finished maps stay in \(path).partial; the same command goes on with them")
      } else if !reason.isEmpty {
        console.note("\(reason)no maps were finished")
      }
      guard error is Stopped else { throw error }
      return .stopped
    }
  }

  private struct Stopped: Error {}

  private func merge(_ assembly: MapSetAssembly, _ communicator: Communicator) throws {
    let progress = ProgressDisplay(
      "merge", total: count, unit: "maps", style: .automatic(isEnabled: communicator.isRoot))
    try assembly.assemble { progress.update(step: $0) }
    progress.finish()
  }

  private func tellWhatIsKept(_ assembly: MapSetAssembly, _ console: Console) {
    if assembly.keptCount > 0 {
      console.note("goes on with \(path).partial: \(assembly.keptCount) of \(count) maps are done")
    }
    if assembly.damagedCount > 0 {
      console.warn("\(assembly.damagedCount) damaged blocks in \(path).partial are made anew")
    }
  }

  /// Whether all maps are done.
  private func fill(
    _ assembly: MapSetAssembly, _ communicator: Communicator, _ signals: SignalFlag
  ) throws -> Bool {
    let description = maker.description
    let mapBytes = 4 * description.rows * description.columns * (1 + description.layers.count)
    let progress = ProgressDisplay(
      work, total: count, from: assembly.keptCount, unit: "maps",
      style: .automatic(isEnabled: communicator.isRoot))
    progress.update(step: assembly.keptCount)
    defer { progress.finish() }
    return try communicator.handOut(
      assembly.missing,
      pieces: PieceSize(least: width, most: Self.blockBytes / mapBytes, seconds: Self.blockSeconds),
      isStopped: { signals.isRaised }, progress: { progress.update(step: assembly.keptCount + $0) }
    ) { [self] samples in
      try assembly.write(try maker.block(samples))
    }
  }
}
