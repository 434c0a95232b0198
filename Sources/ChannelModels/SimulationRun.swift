import Essentials
import MapStorage
import MessagePassing
import Records

/// Simulates a data set on all ranks, block by block, and keeps each block as soon as it is done: memory does not grow
/// with the number of maps, and a job that ends early goes on where it was.
public struct SimulationRun: Sendable {
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

  let simulator: ChannelSimulator
  /// Drawn where nil.
  let stations: GivenStations?
  /// How many maps.
  let count: Int
  /// The data set's name.
  let path: String
  let overwrite: Bool
  let restart: Bool
  /// Maps that this rank makes at a time: its threads.
  let width: Int

  /// - Parameters:
  ///   - simulator: makes the maps.
  ///   - stations: where the maps' stations stand; drawn where nil.
  ///   - count: how many maps.
  ///   - path: the data set's name.
  ///   - width: maps that this rank makes at a time: its threads.
  ///   - overwrite: replace the data set if there is one.
  ///   - restart: throw away what an interrupted run has left.
  public init(
    simulator: ChannelSimulator, stations: GivenStations?, count: Int, path: String, width: Int,
    overwrite: Bool = false, restart: Bool = false
  ) {
    self.simulator = simulator
    self.stations = stations
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
      path: path, description: description, count: count, communicator: communicator, overwrite: overwrite,
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
    let grid = simulator.configuration.grid
    let mapBytes = 4 * grid.count * simulator.configuration.layers.count
    let progress = ProgressDisplay(
      "simulate", total: count, from: assembly.keptCount, unit: "maps",
      style: .automatic(isEnabled: communicator.isRoot))
    progress.update(step: assembly.keptCount)
    defer { progress.finish() }
    return try communicator.handOut(
      assembly.missing,
      pieces: PieceSize(least: width, most: Self.blockBytes / mapBytes, seconds: Self.blockSeconds),
      isStopped: { signals.isRaised }, progress: { progress.update(step: assembly.keptCount + $0) }
    ) { [self] samples in
      try assembly.write(try simulate(samples))
    }
  }

  private func simulate(_ samples: Range<Int>) throws -> MapBlock {
    let maps = try simulator.simulate(Array(samples), stations: stations?(samples))
    let layers = simulator.configuration.layers
    return MapBlock(
      first: samples.lowerBound, maps: maps.compactMap { $0.layers[layers[0]] },
      stations: maps.map { SIMD3<Float>($0.station) },
      layers: Dictionary(
        uniqueKeysWithValues: layers.dropFirst().map { layer in
          (layer.rawValue, maps.compactMap { $0.layers[layer] })
        }))
  }

  private var description: MapSetDescription {
    let configuration = simulator.configuration
    let grid = configuration.grid
    let layers = configuration.layers
    return MapSetDescription(
      rows: grid.rows, columns: grid.columns, area: configuration.area, longName: layers[0].longName,
      units: layers[0].unit,
      configuration: SimulationRecord(configuration, stations: stations?.record).yaml, seed: configuration.seed,
      softwareVersion: Software.version,
      layers: layers.dropFirst().map {
        MapLayer(name: $0.rawValue, longName: $0.longName, units: $0.unit)
      })
  }
}
