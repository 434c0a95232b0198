import CHierarchicalData
import Essentials
import Records

/// A data set of a file of maps with one row for each sample.
struct SampleArray {
  /// Its name in the root group.
  let name: String
  /// Extents of a row; empty for a single number.
  let row: [Int]
  /// Whether it is packed, one sample a chunk; else it lies in one piece.
  let isPacked: Bool
  /// The type in memory: the same as in the file.
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
///
/// One process writes a file. Other ranks pack their samples into images, files in memory, out of which they are copied.
final class SampleFile {
  /// How much an image grows at a time [byte].
  private static let imageGrowth = 1 << 20

  private let path: String
  private let description: MapSetDescription
  private let output: HierarchicalOutput
  private let handles: [(array: SampleArray, handle: HierarchicalHandle)]
  /// What has been copied into it.
  private var copied: [Copied] = []

  /// Rows of a data set, with the check sum of their bytes: a chunk's as it is packed, or plain rows.
  private struct Copied {
    let array: Int
    let rows: Range<Int>
    let sum: UInt64
  }

  /// Opens a file.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - description: what it was laid out for.
  ///   - readOnly: whether it is only copied from.
  convenience init(path: String, description: MapSetDescription, readOnly: Bool = false) throws {
    try self.init(path, description) {
      try HierarchicalOutput(
        H5Fopen(path, readOnly ? chd_flag_read_only() : chd_flag_read_write(), hid_t(H5P_DEFAULT)),
        "cannot open the file", at: path)
    }
  }

  /// Opens an image, to be copied from.
  ///
  /// - Parameters:
  ///   - image: as `image` makes it.
  ///   - path: what to call it in messages.
  ///   - description: what it was laid out for.
  convenience init(image: [UInt8], for path: String, description: MapSetDescription) throws {
    var image = image
    try self.init(path, description) {
      try HierarchicalOutput(H5LTopen_file_image(&image, image.count, 0), "cannot open packed samples", at: path)
    }
  }

  private init(_ path: String, _ description: MapSetDescription, _ open: () throws -> HierarchicalOutput) throws {
    self.path = path
    self.description = description
    (output, handles) = try HierarchicalLibrary.serialised {
      let output = try open()
      let handles = try description.sampleArrays.map { array in
        let handle = try output.keep(
          H5Dopen2(output.file.identifier, array.name, hid_t(H5P_DEFAULT)), "cannot open the data set",
          at: "\(path):/\(array.name)", close: H5Dclose)
        return (array, handle)
      }
      return (output, handles)
    }
  }

  /// Packs a block into a file in memory.
  ///
  /// - Parameters:
  ///   - block: samples that fit the description.
  ///   - description: what the data set holds.
  ///   - path: the data set's name, for messages.
  static func image(of block: MapBlock, _ description: MapSetDescription, for path: String) throws -> [UInt8] {
    try HierarchicalLibrary.serialised {
      let access = try HierarchicalHandle(
        H5Pcreate(chd_class_file_access()), "cannot pack samples", at: path, close: H5Pclose)
      _ = try HierarchicalLibrary.check(
        H5Pset_fapl_core(access.identifier, imageGrowth, false), "cannot pack samples", at: path)
      // libhdf5 looks first whether there is a file of this name, and would read it.
      let name = path + ".partial/packed samples"
      let output = try HierarchicalOutput(
        H5Fcreate(name, chd_flag_truncate(), hid_t(H5P_DEFAULT), access.identifier), "cannot pack samples", at: path)
      try MapSetLayout(path: path, description: description, count: block.maps.count).layOut(output)
      try SampleFile(path, description) { output }.write(block, at: 0)
      try output.flush()
      let size = try HierarchicalLibrary.check(
        H5Fget_file_image(output.file.identifier, nil, 0), "cannot pack samples", at: path)
      var image = [UInt8](repeating: 0, count: size)
      _ = try HierarchicalLibrary.check(
        H5Fget_file_image(output.file.identifier, &image, size), "cannot pack samples", at: path)
      return image
    }
  }

  /// Writes a block.
  ///
  /// - Parameters:
  ///   - block: samples that fit the description.
  ///   - first: where in the file its first sample goes.
  func write(_ block: MapBlock, at first: Int) throws {
    try HierarchicalLibrary.serialised {
      for (array, handle) in handles {
        let place = "\(path):/\(array.name)"
        func write<Element>(_ values: [Element]) throws {
          try values.withUnsafeBytes {
            try transfer(
              handle, array, rows: first..<first + block.maps.count, at: place, memory: $0.baseAddress, H5Dwrite)
          }
        }
        switch array.name {
        case "maps": try write(block.maps.flatMap(\.values))
        case "valid": try write(block.masks.flatMap(\.bytes))
        case "station": try write(block.stations.flatMap { [$0.x, $0.y, $0.z] })
        case "environment": try write(block.environments)
        case ReconstructionRecord.indexName: try write(block.sampleIndices)
        case ReconstructionRecord.drawsName: try write(block.draws.flatMap { $0.flatMap(\.values) })
        default: try write(block.layers[array.name]?.flatMap(\.values) ?? [])
        }
      }
    }
  }

  /// Moves rows by H5Dwrite or H5Dread.
  private func transfer<Pointer>(
    _ handle: HierarchicalHandle, _ array: SampleArray, rows: Range<Int>, at place: String, memory: Pointer,
    _ move: (hid_t, hid_t, hid_t, hid_t, hid_t, Pointer) -> herr_t
  ) throws {
    guard !rows.isEmpty else { return }
    let space = try HierarchicalHandle(
      H5Dget_space(handle.identifier), "cannot select samples", at: place, close: H5Sclose)
    var start = [hsize_t](repeating: 0, count: array.row.count + 1)
    var extent = ([rows.count] + array.row).map { hsize_t($0) }
    start[0] = hsize_t(rows.lowerBound)
    let room = try HierarchicalHandle(
      H5Screate_simple(Int32(extent.count), &extent, nil), "cannot select samples", at: place, close: H5Sclose)
    _ = try HierarchicalLibrary.check(
      H5Sselect_hyperslab(space.identifier, H5S_SELECT_SET, &start, nil, &extent, nil), "cannot select samples",
      at: place)
    let status = move(
      handle.identifier, array.type, room.identifier, space.identifier, hid_t(H5P_DEFAULT), memory)
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
      let pairs = zip(handles, source.handles).enumerated().map { number, pair in
        (number: number, array: pair.0.array, own: pair.0.handle, other: pair.1.handle)
      }
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
          let target = first + row - rows.lowerBound
          let sum = try Self.copyChunk(
            from: pair.other, row, to: pair.own, target, axes: pair.array.row.count + 1, &chunk,
            at: "\(source.path):/\(pair.array.name)")
          copied.append(Copied(array: pair.number, rows: target..<target + 1, sum: sum))
        }
      }
      for pair in pairs where !pair.array.isPacked {
        let sum = try copyRows(source, pair.array, from: pair.other, rows: rows, to: pair.own, first)
        copied.append(Copied(array: pair.number, rows: first..<first + rows.count, sum: sum))
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

  /// The check sum of what was copied.
  private static func copyChunk(
    from source: HierarchicalHandle, _ row: Int, to target: HierarchicalHandle, _ targetRow: Int, axes: Int,
    _ chunk: inout [UInt8], at place: String
  ) throws -> UInt64 {
    let (length, skipped) = try readChunk(source, row, axes: axes, &chunk, at: place)
    var offset = [hsize_t](repeating: 0, count: axes)
    offset[0] = hsize_t(targetRow)
    _ = try HierarchicalLibrary.check(
      H5Dwrite_chunk(target.identifier, hid_t(H5P_DEFAULT), skipped, &offset, length, chunk),
      "cannot write sample \(targetRow)", at: place)
    return sum(chunk, length)
  }

  /// Reads a sample as it is packed into the first bytes of `chunk`; how many, and which filters do not hold.
  private static func readChunk(
    _ source: HierarchicalHandle, _ row: Int, axes: Int, _ chunk: inout [UInt8], at place: String
  ) throws -> (length: Int, skipped: UInt32) {
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
    return (Int(length), skipped)
  }

  private static func sum(_ bytes: [UInt8], _ length: Int) -> UInt64 {
    bytes.withUnsafeBytes { Checksum.value(of: UnsafeRawBufferPointer(rebasing: $0[..<length])) }
  }

  private func readRows(_ array: SampleArray, _ handle: HierarchicalHandle, _ rows: Range<Int>) throws -> [UInt8] {
    var values = [UInt8](repeating: 0, count: rows.count * H5Tget_size(array.type) * array.row.reduce(1, *))
    try values.withUnsafeMutableBytes {
      try transfer(handle, array, rows: rows, at: "\(path):/\(array.name)", memory: $0.baseAddress, H5Dread)
    }
    return values
  }

  /// The check sum of what was copied.
  private func copyRows(
    _ source: SampleFile, _ array: SampleArray, from other: HierarchicalHandle, rows: Range<Int>,
    to own: HierarchicalHandle, _ first: Int
  ) throws -> UInt64 {
    let values = try source.readRows(array, other, rows)
    try values.withUnsafeBytes {
      try transfer(
        own, array, rows: first..<first + rows.count, at: "\(path):/\(array.name)", memory: $0.baseAddress,
        H5Dwrite)
    }
    return Self.sum(values, values.count)
  }

  /// Writes what libhdf5 still holds, and closes the file; explicitly, because what cannot be written shows here.
  func close() throws {
    try HierarchicalLibrary.serialised { try output.finish() }
  }

  /// Gives the file up.
  func abandon() { output.abandon() }

  /// Reads what was copied into the file, which has been closed, and holds it against what it was.
  ///
  /// - Throws: `Fault` where the disk gives back something else.
  func verify() throws {
    let again = try SampleFile(path: path, description: description, readOnly: true)
    try HierarchicalLibrary.serialised {
      var chunk: [UInt8] = []
      for part in copied {
        let (array, handle) = again.handles[part.array]
        let place = "\(path):/\(array.name)"
        let sum: UInt64
        if array.isPacked {
          let (length, _) = try Self.readChunk(
            handle, part.rows.lowerBound, axes: array.row.count + 1, &chunk, at: place)
          sum = Self.sum(chunk, length)
        } else {
          let rows = try again.readRows(array, handle, part.rows)
          sum = Self.sum(rows, rows.count)
        }
        guard sum == part.sum else {
          throw Fault(
            "the disk does not give back what was written", at: place, expected: "the same bytes",
            found: "others in \(part.rows.count == 1 ? "sample" : "samples from") \(part.rows.lowerBound)",
            hint: "the disk or its connection fails: look at the system's log")
        }
      }
    }
    try again.close()
  }
}
