import Essentials
import MessagePassing

/// Writes a data set of maps from many ranks into one HDF5 file, which appears under its name only when it is whole.
///
/// | call | |
/// |---|---|
/// | `create`, `write`, `close`, `abandon` | collective: every rank of the communicator calls |
/// | `count`, `description` | local |
///
/// What is written does not depend on the number of ranks, and memory does not grow with the number of samples. With
/// one rank the file is written with the POSIX driver.
public final class MapSetWriter {
  /// Room beside the samples of one write for what libhdf5 holds back of earlier ones, its own tables above all [byte].
  private static let tables = 4 << 20

  /// What the file will hold.
  public let description: MapSetDescription
  /// The number of maps that the file will hold.
  public let count: Int
  private let path: String
  private let communicator: Communicator
  /// Rank 0's.
  private var partial: PartialFile?
  private var file: SampleFile?
  private var written = WrittenSamples()

  private init(
    path: String, description: MapSetDescription, count: Int, communicator: Communicator,
    partial: PartialFile?
  ) {
    self.path = path
    self.description = description
    self.count = count
    self.communicator = communicator
    self.partial = partial
  }

  /// Collective. Begins a file.
  ///
  /// - Parameters:
  ///   - path: the file's name once it is whole.
  ///   - description: what it will hold; rank 0's is written.
  ///   - count: the number of maps.
  ///   - communicator: the ranks that will write.
  ///   - overwrite: whether a file of this name may be replaced.
  /// - Throws: `Fault` on all ranks: the name is taken, the directory cannot be written, there is no room.
  public static func create(
    path: String, description: MapSetDescription, count: Int, communicator: Communicator,
    overwrite: Bool = false
  ) throws -> MapSetWriter {
    var partial: PartialFile?
    let name = try communicator.onRoot {
      try description.validate(count: count, at: path)
      let fresh = try PartialFile(target: path, overwrite: overwrite)
      do {
        try fresh.startOver()
        try MapSetLayout(path: fresh.path, description: description, count: count).create()
        try fresh.reserve(tables)
      } catch {
        fresh.abandon()
        throw error
      }
      partial = fresh
      return fresh.path
    }
    let writer = MapSetWriter(
      path: path, description: description, count: count, communicator: communicator, partial: partial)
    do {
      // Where one rank cannot open the file, MPI lets the others wait for ever.
      try communicator.requireVisible(name, patience: 3)
      writer.file = try communicator.agree {
        try SampleFile(
          path: name, description: description, communicator: communicator.size > 1 ? communicator : nil)
      }
    } catch {
      try writer.abandon()
      throw error
    }
    return writer
  }

  /// Collective. Writes one block of each rank; the blocks of the ranks must not overlap.
  ///
  /// - Parameter block: this rank's consecutive samples, or nil when it has none this time.
  /// - Throws: `Fault` on all ranks, before anything is written, when one rank's block does not fit the description, holds
  ///   a value that is no number, or when there is no room on the disk.
  public func write(_ block: MapBlock?) throws {
    guard let file else { throw Fault("the file has been closed", at: path) }
    try communicator.agree("check maps") {
      try block?.validate(for: description, count: count, at: path)
    }
    let samples = try communicator.allReduce(block?.maps.count ?? 0)
    guard samples > 0 else { return }
    try communicator.agree("make room") {
      try partial?.reserve(samples * description.bytesPerSample + Self.tables)
    }
    try communicator.agree("write maps") { try file.write(block, at: block?.first ?? 0) }
    if let block { written.insert(block.first..<block.first + block.maps.count) }
  }

  /// Collective. Ends the file and gives it its name.
  ///
  /// - Throws: `Fault` on all ranks when a sample was never written or written twice, or the file cannot be ended; then
  ///   nothing has the name that had not had it before.
  public func close() throws {
    guard file != nil else { return }
    do {
      let total = WrittenSamples(try communicator.allReduce(written.sums))
      try communicator.agree {
        guard total == WrittenSamples(everythingBelow: count) else {
          throw Fault(
            "some samples were not written, or written twice", at: path, expected: "\(count) samples",
            found: "\(total.count) written")
        }
      }
      try communicator.agree { try closeFile() }
      try communicator.agree("name the file") { try partial?.complete() }
      partial = nil
    } catch {
      try abandon()
      throw error
    }
  }

  private func closeFile() throws {
    let open = file
    file = nil
    try open?.close()
  }

  /// Collective. Gives the file up and removes what was written of it.
  public func abandon() throws {
    try? closeFile()
    partial?.abandon()
    partial = nil
    try communicator.barrier()
  }
}
