import MapStorage
import MessagePassing
import Records

extension MapSetWriter {
  /// Collective. Makes all units of some work, shared out over the ranks, writes their maps block by block, and ends the file.
  ///
  /// - Parameters:
  ///   - count: units of work.
  ///   - batch: units that a rank makes at a time.
  ///   - verb: what is done to maps: "infer".
  ///   - unit: what the units are called: "maps".
  ///   - communicator: the ranks.
  ///   - style: how progress is told.
  ///   - makeBlock: the maps of some units, one unit at least.
  /// - Throws: `Fault` on all ranks; no file of this name is then left behind.
  func writeAll(
    _ count: Int, batch: Int, _ verb: String, unit: String, _ communicator: Communicator,
    progress style: ProgressDisplay.Style, makeBlock: (Range<Int>) throws -> MapBlock
  ) throws {
    let share = Share.range(of: count, rank: communicator.rank, size: communicator.size)
    let largest = Share.range(of: count, rank: 0, size: communicator.size).count
    let progress = ProgressDisplay(verb, total: largest, unit: "\(unit) a rank", style: style)
    do {
      for round in 0..<(largest + batch - 1) / batch {
        let first = min(share.lowerBound + round * batch, share.upperBound)
        let units = first..<min(first + batch, share.upperBound)
        try write(try communicator.agree("\(verb) maps") { try units.isEmpty ? nil : makeBlock(units) })
        progress.update(step: min(largest, (round + 1) * batch))
      }
    } catch {
      try abandon()
      throw error
    }
    progress.finish()
    try close()
  }
}
