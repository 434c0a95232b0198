import CHierarchicalData
import Essentials
import MessagePassing

/// A data set of a file of maps with one row for each sample.
struct SampleArray {
  /// Its name in the root group.
  let name: String
  /// Extents of a row; empty for a single number.
  let row: [Int]
  /// Whether it is packed, one sample a chunk; else it lies in one piece.
  let isPacked: Bool
  /// The type in memory: the same as in the file, since a conversion would break collective writes.
  let type: hid_t
}

extension MapSetDescription {
  /// The data sets that have a row for each sample. Inside `HierarchicalLibrary.serialised`.
  var sampleArrays: [SampleArray] {
    let grid = [rows, columns]
    var arrays = (["maps"] + layers.map(\.name)).map {
      SampleArray(name: $0, row: grid, isPacked: true, type: chd_native_float())
    }
    if hasValid { arrays.append(.init(name: "valid", row: grid, isPacked: true, type: chd_native_uint8())) }
    if hasStations {
      arrays.append(.init(name: "station", row: [3], isPacked: false, type: chd_native_float()))
    }
    if hasEnvironments {
      arrays.append(.init(name: "environment", row: [], isPacked: false, type: chd_native_int32()))
    }
    if reconstruction != nil {
      arrays.append(
        .init(name: ReconstructionRecord.indexName, row: [], isPacked: false, type: chd_native_int32()))
    }
    if draws > 0 {
      arrays.append(
        .init(
          name: ReconstructionRecord.drawsName, row: [draws] + grid, isPacked: true, type: chd_native_float()))
    }
    return arrays
  }

  /// Bytes of a sample, unpacked: deflate falls back to that.
  var bytesPerSample: Int {
    rows * columns * (4 * (1 + layers.count + draws) + (hasValid ? 1 : 0)) + 64
  }

  /// An upper limit of what libhdf5 adds to `samples` samples for its own tables [byte].
  func tableBytes(_ samples: Int) -> Int {
    let arrays = layers.count + 7
    return configuration.utf8.count + 8 * (rows + columns) + arrays * (samples * 128 + 16 << 10)
  }
}

/// An open file that `MapSetLayout` has laid out, into which samples are written.
final class SampleFile {
  private let path: String
  private let description: MapSetDescription
  /// Nil for the POSIX driver.
  private let communicator: Communicator?
  private var file: HierarchicalHandle?
  private var handles: [(array: SampleArray, handle: HierarchicalHandle)] = []

  /// Opens a file; collective where a communicator is given.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - description: what it was laid out for.
  ///   - communicator: the ranks that write together, or nil for one process alone.
  ///   - readOnly: whether it is only copied from.
  init(
    path: String, description: MapSetDescription, communicator: Communicator? = nil, readOnly: Bool = false
  ) throws {
    self.path = path
    self.description = description
    self.communicator = communicator
    try HierarchicalLibrary.serialised {
      let access = try HierarchicalHandle(
        H5Pcreate(chd_class_file_access()), "cannot open the file", at: path, close: H5Pclose)
      if let communicator {
        let status = communicator.withRawCommunicator { chd_set_fapl_mpio(access.identifier, $0) }
        _ = try HierarchicalLibrary.check(status, "cannot use parallel HDF5", at: path)
      }
      let flags = readOnly ? chd_flag_read_only() : chd_flag_read_write()
      let file = try HierarchicalHandle(
        H5Fopen(path, flags, access.identifier), "cannot open the file", at: path, close: H5Fclose)
      self.file = file
      handles = try description.sampleArrays.map { array in
        let handle = try HierarchicalHandle(
          H5Dopen2(file.identifier, array.name, hid_t(H5P_DEFAULT)), "cannot open the data set",
          at: "\(path):/\(array.name)", close: H5Dclose)
        return (array, handle)
      }
    }
  }

  /// Writes a block; collective where the file is, with nil for a rank that has none.
  ///
  /// Every rank calls H5Dwrite for every data set, with an empty selection if it has nothing: filtered collective
  /// writes hang or fail otherwise.
  ///
  /// - Parameters:
  ///   - block: samples that fit the description.
  ///   - first: where in the file its first sample goes.
  func write(_ block: MapBlock?, at first: Int) throws {
    try HierarchicalLibrary.serialised {
      for (array, handle) in handles {
        let place = "\(path):/\(array.name)"
        let count = block?.maps.count ?? 0
        func write<Element>(_ values: [Element]) throws {
          try values.withUnsafeBytes {
            try transfer(handle, array, rows: first..<first + count, at: place, memory: $0.baseAddress, H5Dwrite)
          }
        }
        switch array.name {
        case "maps": try write(block?.maps.flatMap(\.values) ?? [])
        case "valid": try write(block?.masks.flatMap(\.bytes) ?? [])
        case "station": try write(block?.stations.flatMap { [$0.x, $0.y, $0.z] } ?? [])
        case "environment": try write(block?.environments ?? [])
        case ReconstructionRecord.indexName: try write(block?.sampleIndices ?? [])
        case ReconstructionRecord.drawsName: try write(block?.draws.flatMap { $0.flatMap(\.values) } ?? [])
        default: try write(block?.layers[array.name]?.flatMap(\.values) ?? [])
        }
      }
    }
  }

  /// Moves rows by H5Dwrite or H5Dread.
  private func transfer<Pointer>(
    _ handle: HierarchicalHandle, _ array: SampleArray, rows: Range<Int>, at place: String, memory: Pointer,
    _ move: (hid_t, hid_t, hid_t, hid_t, hid_t, Pointer) -> herr_t
  ) throws {
    let space = try HierarchicalHandle(
      H5Dget_space(handle.identifier), "cannot select samples", at: place, close: H5Sclose)
    var start = [hsize_t](repeating: 0, count: array.row.count + 1)
    var extent = ([max(rows.count, 1)] + array.row).map { hsize_t($0) }
    start[0] = hsize_t(rows.lowerBound)
    let room = try HierarchicalHandle(
      H5Screate_simple(Int32(extent.count), &extent, nil), "cannot select samples", at: place, close: H5Sclose
    )
    let selected =
      rows.isEmpty
      ? min(H5Sselect_none(space.identifier), H5Sselect_none(room.identifier))
      : H5Sselect_hyperslab(space.identifier, H5S_SELECT_SET, &start, nil, &extent, nil)
    _ = try HierarchicalLibrary.check(selected, "cannot select samples", at: place)
    let list = try HierarchicalHandle(
      H5Pcreate(chd_class_dataset_transfer()), "cannot transfer samples", at: place, close: H5Pclose)
    if communicator != nil {
      _ = try HierarchicalLibrary.check(
        chd_set_collective(list.identifier), "cannot transfer samples", at: place)
    }
    let status = move(
      handle.identifier, array.type, room.identifier, space.identifier, list.identifier, memory)
    _ = try HierarchicalLibrary.check(status, "cannot transfer the samples", at: place)
  }

  /// Copies samples of another file as they are, packed and with their check sums.
  ///
  /// Sample by sample, each with all that belongs to it: so the file does not show in which pieces they came.
  ///
  /// - Parameters:
  ///   - source: a file of the same description.
  ///   - rows: which of its samples.
  ///   - first: where in this file they go.
  func copy(_ source: SampleFile, rows: Range<Int>, to first: Int) throws {
    try HierarchicalLibrary.serialised {
      let pairs = zip(handles, source.handles).map { (array: $0.array, own: $0.handle, other: $1.handle) }
      for pair in pairs {
        try source.requireRoom(pair.array, pair.other, upTo: rows.upperBound)
        guard pair.array.isPacked else { continue }
        let place = "\(source.path):/\(pair.array.name)"
        let packings = try [pair.own, pair.other].map {
          try Packing($0, axes: pair.array.row.count + 1, at: place)
        }
        guard packings[0] == packings[1] else {
          throw Fault("the data set is packed in another way", at: place)
        }
      }
      var chunk: [UInt8] = []
      for row in rows {
        for pair in pairs where pair.array.isPacked {
          try Self.copyChunk(
            from: pair.other, row, to: pair.own, first + row - rows.lowerBound, axes: pair.array.row.count + 1,
            &chunk, at: "\(source.path):/\(pair.array.name)")
        }
      }
      for pair in pairs where !pair.array.isPacked {
        try copyRows(source, pair.array, from: pair.other, rows: rows, to: pair.own, first)
      }
    }
  }

  /// Throws unless a data set has rows enough, of the size described.
  private func requireRoom(_ array: SampleArray, _ handle: HierarchicalHandle, upTo end: Int) throws {
    let place = "\(path):/\(array.name)"
    let space = try HierarchicalHandle(
      H5Dget_space(handle.identifier), "cannot read the shape", at: place, close: H5Sclose)
    let axes = array.row.count + 1
    var extents = [hsize_t](repeating: 0, count: axes)
    guard H5Sget_simple_extent_ndims(space.identifier) == axes,
      H5Sget_simple_extent_dims(space.identifier, &extents, nil) == axes,
      extents.dropFirst().elementsEqual(array.row.map { hsize_t($0) }), extents[0] >= hsize_t(end)
    else {
      throw Fault(
        "the data set has the wrong shape", at: place, expected: "\([end] + array.row) at least",
        found: "\(extents)")
    }
  }

  /// What makes a chunk of one data set right for another, its type aside.
  private struct Packing: Equatable {
    let filters: [H5Z_filter_t]
    let elementSize: Int
    var chunk: [hsize_t]

    init(_ handle: HierarchicalHandle, axes: Int, at place: String) throws {
      let list = try HierarchicalHandle(
        H5Dget_create_plist(handle.identifier), "cannot read the layout", at: place, close: H5Pclose)
      filters = try StoredArray.plainFilters(list, at: place)
      let type = try HierarchicalHandle(
        H5Dget_type(handle.identifier), "cannot read the type", at: place, close: H5Tclose)
      elementSize = H5Tget_size(type.identifier)
      chunk = [hsize_t](repeating: 0, count: axes)
      _ = try HierarchicalLibrary.check(
        H5Pget_chunk(list.identifier, Int32(axes), &chunk), "cannot read the layout", at: place)
    }
  }

  private static func copyChunk(
    from source: HierarchicalHandle, _ row: Int, to target: HierarchicalHandle, _ targetRow: Int, axes: Int,
    _ chunk: inout [UInt8], at place: String
  ) throws {
    var offset = [hsize_t](repeating: 0, count: axes)
    offset[0] = hsize_t(row)
    var length: hsize_t = 0
    _ = try HierarchicalLibrary.check(
      H5Dget_chunk_storage_size(source.identifier, &offset, &length), "cannot find sample \(row)", at: place)
    guard length > 0 else { throw Fault("sample \(row) was never written", at: place) }
    if chunk.count < Int(length) { chunk = [UInt8](repeating: 0, count: Int(length)) }
    var skipped: UInt32 = 0
    _ = try HierarchicalLibrary.check(
      H5Dread_chunk(source.identifier, hid_t(H5P_DEFAULT), &offset, &skipped, &chunk),
      "cannot read sample \(row)", at: place)
    offset[0] = hsize_t(targetRow)
    _ = try HierarchicalLibrary.check(
      H5Dwrite_chunk(target.identifier, hid_t(H5P_DEFAULT), skipped, &offset, Int(length), chunk),
      "cannot write sample \(targetRow)", at: place)
  }

  private func copyRows(
    _ source: SampleFile, _ array: SampleArray, from other: HierarchicalHandle, rows: Range<Int>,
    to own: HierarchicalHandle, _ first: Int
  ) throws {
    var values = [UInt8](repeating: 0, count: rows.count * H5Tget_size(array.type) * array.row.reduce(1, *))
    try values.withUnsafeMutableBytes {
      try transfer(
        other, array, rows: rows, at: "\(source.path):/\(array.name)", memory: $0.baseAddress, H5Dread)
    }
    try values.withUnsafeBytes {
      try transfer(
        own, array, rows: first..<first + rows.count, at: "\(path):/\(array.name)", memory: $0.baseAddress,
        H5Dwrite)
    }
  }

  /// Writes what libhdf5 still holds, and closes the file; explicitly, because what cannot be written shows here.
  func close() throws {
    try HierarchicalLibrary.serialised {
      handles = []
      guard let file else { return }
      let status = H5Fflush(file.identifier, H5F_SCOPE_LOCAL)
      self.file = nil
      _ = try HierarchicalLibrary.check(status, "cannot end the file", at: path)
    }
  }
}
