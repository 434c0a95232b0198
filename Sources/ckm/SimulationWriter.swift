import ChannelModels
import Essentials
import MapStorage
import MessagePassing
import RunRecords

/// Simulates a data set block by block on all ranks, and writes each round of blocks as soon as it is done: memory
/// does not grow with the number of maps.
struct SimulationWriter {
  /// Of one rank's block [byte]: small enough for a progress line now and then, large enough for even threads.
  private static let blockBytes = 4 << 20

  let simulator: ChannelSimulator
  /// How many maps.
  let count: Int
  /// The data set's name.
  let path: String
  let overwrite: Bool

  /// Collective.
  ///
  /// - Throws: `Fault` on all ranks when the place cannot be written; there is then no file of that name that had
  ///   not been there before.
  func run(_ communicator: Communicator) throws {
    let writer = try MapSetWriter.create(
      path: path, description: description, count: count, communicator: communicator, overwrite: overwrite)
    do {
      try fill(writer, communicator)
    } catch {
      try writer.abandon()
      throw error
    }
    try writer.close()
  }

  private func fill(_ writer: MapSetWriter, _ communicator: Communicator) throws {
    let grid = simulator.configuration.grid
    let length = max(1, min(Self.blockBytes / (4 * grid.count), count / communicator.size))
    let round = length * communicator.size
    let progress = ProgressDisplay(
      "simulate", total: count, unit: "maps", style: .automatic(isEnabled: communicator.isRoot))
    progress.update(step: 0)
    for first in stride(from: 0, to: count, by: round) {
      let start = min(first + communicator.rank * length, count)
      let block: MapBlock? = try communicator.agree("simulate maps") {
        try simulate(start..<min(start + length, count))
      }
      try writer.write(block)
      progress.update(step: min(first + round, count))
    }
    progress.finish()
  }

  private func simulate(_ samples: Range<Int>) throws -> MapBlock? {
    guard !samples.isEmpty else { return nil }
    let maps = try simulator.simulate(Array(samples))
    return MapBlock(
      first: samples.lowerBound, maps: maps.compactMap(\.pathPower),
      stations: maps.map { SIMD3<Float>($0.station) })
  }

  private var description: MapSetDescription {
    let configuration = simulator.configuration
    let grid = configuration.grid
    let layer = ChannelModels.MapLayer.pathPower
    return MapSetDescription(
      rows: grid.rows, columns: grid.columns, spacing: grid.spacing, originX: grid.x(0), originY: grid.y(0),
      longName: layer.longName, units: layer.unit, configuration: Configuration.yaml(configuration),
      seed: configuration.seed, softwareVersion: Software.version)
  }
}
