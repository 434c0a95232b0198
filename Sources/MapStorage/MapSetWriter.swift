import Essentials
import MessagePassing

/// Writes a data set of maps from many ranks into one HDF5 file, which appears under its name only when it is whole.
///
/// | call | |
/// |---|---|
/// | `create`, `write`, `close`, `abandon` | collective: every rank of the communicator calls |
/// | `count`, `description` | local |
///
/// What is written does not depend on the number of ranks, and memory does not grow with the number of samples. Every rank
/// packs its own samples, which is what takes time; rank 0 writes them. Ranks that wrote one file together would wait for
/// ever where a write of one of them fails: MPI-IO tells nobody.
public final class MapSetWriter {
  /// Room beside the samples of one write for what libhdf5 holds back of earlier ones, its own tables above all [byte].
  private static let tables = 4 << 20

  /// What the file will hold.
  public let description: MapSetDescription
  /// The number of maps that the file will hold.
  public let count: Int
  private let path: String
  private let communicator: Communicator
  /// Rank 0's, both.
  private var partial: PartialFile?
  private var file: SampleFile?
  private var isOpen = true
  private var written = WrittenSamples()

  private init(
    path: String, description: MapSetDescription, count: Int, communicator: Communicator
  ) {
    self.path = path
    self.description = description
    self.count = count
    self.communicator = communicator
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
    let writer = MapSetWriter(path: path, description: description, count: count, communicator: communicator)
    try communicator.onRoot {
      try description.validate(count: count, at: path)
      let fresh = try PartialFile(target: path, overwrite: overwrite)
      do {
        try fresh.startOver()
        try MapSetLayout(path: fresh.path, description: description, count: count).create()
        try fresh.reserve(tables)
        writer.file = try SampleFile(path: fresh.path, description: description)
      } catch {
        fresh.abandon()
        throw error
      }
      writer.partial = fresh
    }
    return writer
  }

  /// Collective. Writes one block of each rank; the blocks of the ranks must not overlap.
  ///
  /// - Parameter block: this rank's consecutive samples, or nil when it has none this time.
  /// - Throws: `Fault` on all ranks, before anything is written, when one rank's block does not fit the description, holds
  ///   a value that is no number, or when there is no room on the disk.
  public func write(_ block: MapBlock?) throws {
    guard isOpen else { throw Fault("the file has been closed", at: path) }
    let image = try communicator.agree("pack maps") {
      try block?.validate(for: description, count: count, at: path)
      guard let block, !block.maps.isEmpty else { return [UInt8]() }
      return try SampleFile.image(of: block, description, for: path)
    }
    let blocks = try communicator.allGather([block?.first ?? 0, image.isEmpty ? 0 : block?.maps.count ?? 0])
    for (rank, samples) in blocks.enumerated() where samples[1] > 0 {
      let packed = try move(image, from: rank)
      try communicator.onRoot("write maps") {
        try partial?.reserve(packed.count + Self.tables)
        let source = try SampleFile(image: packed, for: path, description: description)
        try file?.copy(source, rows: 0..<samples[1], to: samples[0])
      }
    }
    if let block { written.insert(block.first..<block.first + block.maps.count) }
  }

  /// A rank's bytes on rank 0; nothing on the others.
  private func move(_ bytes: [UInt8], from rank: Int) throws -> [UInt8] {
    if communicator.isRoot { return rank == 0 ? bytes : try communicator.receive(UInt8.self, from: rank).values }
    if communicator.rank == rank { try communicator.send(bytes, to: 0) }
    return []
  }

  /// Collective. Ends the file and gives it its name.
  ///
  /// - Throws: `Fault` on all ranks when a sample was never written or written twice, or the file cannot be ended; then
  ///   nothing has the name that had not had it before.
  public func close() throws {
    guard isOpen else { return }
    do {
      let total = WrittenSamples(try communicator.allReduce(written.sums))
      try communicator.agree {
        guard total == WrittenSamples(everythingBelow: count) else {
          throw Fault(
            "some samples were not written, or written twice", at: path, expected: "\(count) samples",
            found: "\(total.count) written")
        }
      }
      try communicator.onRoot("end the file") {
        try file?.close()
        try file?.verify()
        try partial?.complete()
      }
      (isOpen, file, partial) = (false, nil, nil)
    } catch {
      try abandon()
      throw error
    }
  }

  /// Collective. Gives the file up and removes what was written of it.
  public func abandon() throws {
    file?.abandon()
    partial?.abandon()
    (isOpen, file, partial) = (false, nil, nil)
    try communicator.barrier()
  }
}
