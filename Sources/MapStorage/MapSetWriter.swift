import CHierarchicalData
import Essentials
import MessagePassing
import RunRecords

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
  /// Room for the file's own tables beside the samples of one write [byte].
  private static let tables = 4 << 20

  /// What the file will hold.
  public let description: MapSetDescription
  /// The number of maps that the file will hold.
  public let count: Int
  private let path: String
  private let communicator: Communicator
  /// Rank 0's.
  private var partial: PartialFile?
  private var file: HierarchicalHandle?
  private var arrays: [String: HierarchicalHandle] = [:]
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
      try communicator.agree { try writer.open(name) }
    } catch {
      try writer.abandon()
      throw error
    }
    return writer
  }

  private func open(_ name: String) throws {
    try HierarchicalLibrary.serialised {
      let access = try HierarchicalHandle(
        H5Pcreate(chd_class_file_access()), "cannot open the file", at: name, close: H5Pclose)
      if communicator.size > 1 {
        let status = communicator.withRawCommunicator { chd_set_fapl_mpio(access.identifier, $0) }
        _ = try HierarchicalLibrary.check(status, "cannot use parallel HDF5", at: name)
      }
      let file = try HierarchicalHandle(
        H5Fopen(name, chd_flag_read_write(), access.identifier), "cannot open the file", at: name,
        close: H5Fclose)
      self.file = file
      for dataSet in dataSets {
        arrays[dataSet] = try HierarchicalHandle(
          H5Dopen2(file.identifier, dataSet, hid_t(H5P_DEFAULT)), "cannot open the data set",
          at: "\(name):/\(dataSet)", close: H5Dclose)
      }
    }
  }

  private var dataSets: [String] {
    ["maps"] + description.layers.map(\.name) + (description.hasValid ? ["valid"] : [])
      + (description.hasStations ? ["station"] : []) + (description.hasEnvironments ? ["environment"] : [])
      + (description.reconstruction == nil ? [] : [ReconstructionRecord.indexName])
  }

  /// Collective. Writes one block of each rank; the blocks of the ranks must not overlap.
  ///
  /// - Parameter block: this rank's consecutive samples, or nil when it has none this time.
  /// - Throws: `Fault` on all ranks, before anything is written, when one rank's block does not fit the description, holds
  ///   a value that is no number, or when there is no room on the disk.
  public func write(_ block: MapBlock?) throws {
    guard file != nil else { throw Fault("the file has been closed", at: path) }
    try communicator.agree("check maps") { try block?.validate(for: self, at: path) }
    let samples = try communicator.allReduce(block?.maps.count ?? 0)
    guard samples > 0 else { return }
    try communicator.agree("make room") { try partial?.reserve(samples * bytesPerSample + Self.tables) }
    try communicator.agree("write maps") { try HierarchicalLibrary.serialised { try writeArrays(block) } }
    if let block { written.insert(block.first..<block.first + block.maps.count) }
  }

  /// Unpacked: deflate falls back to that.
  private var bytesPerSample: Int {
    let places = description.rows * description.columns
    return places * (4 * (1 + description.layers.count) + (description.hasValid ? 1 : 0)) + 64
  }

  /// Every rank calls H5Dwrite for every data set, with an empty selection if it has nothing: filtered collective
  /// writes hang or fail otherwise. Types in memory are those of the file: a conversion would break collective I/O.
  private func writeArrays(_ block: MapBlock?) throws {
    let first = block?.first ?? 0
    let count = block?.maps.count ?? 0
    let grid = [description.rows, description.columns]
    try writeMaps("maps", block?.maps ?? [], first: first)
    for layer in description.layers {
      try writeMaps(layer.name, block?.layers[layer.name] ?? [], first: first)
    }
    if description.hasValid {
      let bytes = block?.valid.flatMap { $0 } ?? []
      try write("valid", bytes, chd_native_uint8(), first: first, count: count, row: grid)
    }
    if description.hasStations {
      let values = block?.stations.flatMap { [$0.x, $0.y, $0.z] } ?? []
      try write("station", values, chd_native_float(), first: first, count: count, row: [3])
    }
    if description.hasEnvironments {
      let values = block?.environments ?? []
      try write("environment", values, chd_native_int32(), first: first, count: count, row: [])
    }
    if description.reconstruction != nil {
      let values = block?.sampleIndices ?? []
      try write(
        ReconstructionRecord.indexName, values, chd_native_int32(), first: first, count: count, row: [])
    }
  }

  private func writeMaps(_ name: String, _ maps: [ChannelFingerprint], first: Int) throws {
    let grid = [description.rows, description.columns]
    try write(
      name, maps.flatMap(\.values), chd_native_float(), first: first, count: maps.count, row: grid)
  }

  private func write<Element>(
    _ name: String, _ values: [Element], _ type: hid_t, first: Int, count: Int, row: [Int]
  ) throws {
    let place = "\(path):/\(name)"
    guard let array = arrays[name] else { return }
    let space = try HierarchicalHandle(
      H5Dget_space(array.identifier), "cannot select samples", at: place, close: H5Sclose)
    var start = [hsize_t](repeating: 0, count: row.count + 1)
    var extent = ([max(count, 1)] + row).map { hsize_t($0) }
    start[0] = hsize_t(first)
    let memory = try HierarchicalHandle(
      H5Screate_simple(Int32(extent.count), &extent, nil), "cannot select samples", at: place, close: H5Sclose
    )
    let selected =
      count > 0
      ? H5Sselect_hyperslab(space.identifier, H5S_SELECT_SET, &start, nil, &extent, nil)
      : min(H5Sselect_none(space.identifier), H5Sselect_none(memory.identifier))
    _ = try HierarchicalLibrary.check(selected, "cannot select samples", at: place)
    let transfer = try HierarchicalHandle(
      H5Pcreate(chd_class_dataset_transfer()), "cannot write", at: place, close: H5Pclose)
    if communicator.size > 1 {
      _ = try HierarchicalLibrary.check(chd_set_collective(transfer.identifier), "cannot write", at: place)
    }
    let status = values.withUnsafeBufferPointer {
      H5Dwrite(
        array.identifier, type, memory.identifier, space.identifier, transfer.identifier, $0.baseAddress)
    }
    _ = try HierarchicalLibrary.check(status, "cannot write the samples", at: place)
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
      try communicator.agree { try closeHandles() }
      try communicator.agree("name the file") { try partial?.complete() }
      partial = nil
    } catch {
      try abandon()
      throw error
    }
  }

  /// Explicitly, because what cannot be written any more shows here.
  private func closeHandles() throws {
    try HierarchicalLibrary.serialised {
      arrays = [:]
      guard let file else { return }
      let status = H5Fflush(file.identifier, H5F_SCOPE_LOCAL)
      self.file = nil
      _ = try HierarchicalLibrary.check(status, "cannot end the file", at: path)
    }
  }

  /// Collective. Gives the file up and removes what was written of it.
  public func abandon() throws {
    try? closeHandles()
    partial?.abandon()
    partial = nil
    try communicator.barrier()
  }
}
