import CHierarchicalData
import CZlib
import Essentials

/// Looks at every chunk before libhdf5 unpacks it: unpacked, it must have exactly the bytes of a chunk.
///
/// libhdf5 1.10 takes that for granted, and reads beyond its buffer where a chunk unpacks to less. Each chunk is looked at
/// once; used inside `HierarchicalLibrary.serialised`.
final class ChunkGuard {
  /// Of more chunks no record is kept: they are looked at every time.
  private static let mostRecorded = 1 << 24
  private static let piece = 1 << 16

  private let handle: HierarchicalHandle
  private let place: String
  private let fileSize: Int
  /// The data set in chunks, slowest axis first.
  private let grid: [Int]
  private let chunk: [Int]
  private let chunkBytes: Int
  /// The filters in the order in which they packed.
  private let filters: [H5Z_filter_t]
  /// One bit a chunk: whether it has been looked at.
  private var sound: [UInt64]
  private var packed: [UInt8] = []

  /// - Parameters:
  ///   - handle: the data set.
  ///   - creation: its layout, chunked.
  ///   - shape: its extents.
  ///   - itemSize: bytes of an element.
  ///   - filters: its filters, each once at most.
  ///   - fileSize: no chunk can be larger.
  ///   - place: the file and data set, for messages.
  init(
    _ handle: HierarchicalHandle, creation: HierarchicalHandle, shape: [Int], itemSize: Int,
    filters: [H5Z_filter_t], fileSize: Int, at place: String
  ) throws {
    self.handle = handle
    self.place = place
    self.fileSize = fileSize
    self.filters = filters
    var extents = [hsize_t](repeating: 0, count: shape.count)
    let rank = H5Pget_chunk(creation.identifier, Int32(shape.count), &extents)
    guard rank == shape.count, extents.allSatisfy({ $0 > 0 && $0 <= UInt32.max }) else {
      throw Fault("the data set is damaged", at: place, found: "chunks of \(extents)")
    }
    chunk = extents.map { Int($0) }
    var bytes = itemSize
    for extent in chunk {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
      // 4 GiB is HDF5's own limit.
      guard !overflow, product <= UInt32.max else {
        throw Fault("the data set is damaged", at: place, found: "chunks of \(chunk)")
      }
      bytes = product
    }
    chunkBytes = bytes
    grid = zip(shape, chunk).map { ($0 + $1 - 1) / $1 }
    let chunks = grid.reduce(1, *)
    sound = chunks <= Self.mostRecorded ? [UInt64](repeating: 0, count: (chunks + 63) / 64) : []
  }

  /// Throws unless all chunks that hold these rows of the first axis are sound.
  func require(rows: Range<Int>) throws {
    guard !rows.isEmpty else { return }
    let across = grid.dropFirst().reduce(1, *)
    let first = rows.lowerBound / chunk[0] * across
    let last = (rows.upperBound - 1) / chunk[0] * across + across
    for index in first..<last where !isRecorded(index) {
      try requireSound(index)
      if !sound.isEmpty { sound[index / 64] |= 1 << UInt64(index % 64) }
    }
  }

  private func isRecorded(_ index: Int) -> Bool {
    !sound.isEmpty && sound[index / 64] & (1 << UInt64(index % 64)) != 0
  }

  private func requireSound(_ index: Int) throws {
    var offset = [hsize_t](repeating: 0, count: grid.count)
    var rest = index
    for axis in grid.indices.reversed() {
      offset[axis] = hsize_t(rest % grid[axis] * chunk[axis])
      rest /= grid[axis]
    }
    var stored: hsize_t = 0
    _ = try HierarchicalLibrary.check(
      H5Dget_chunk_storage_size(handle.identifier, &offset, &stored), "cannot find a chunk", at: place)
    // A chunk that was never written is not unpacked.
    guard stored > 0 else { return }
    guard stored <= fileSize else { throw damaged(offset, "\(stored) bytes in a file of \(fileSize)") }
    if packed.count < Int(stored) { packed = [UInt8](repeating: 0, count: Int(stored)) }
    var skipped: UInt32 = 0
    _ = try HierarchicalLibrary.check(
      H5Dread_chunk(handle.identifier, hid_t(H5P_DEFAULT), &offset, &skipped, &packed), "cannot read a chunk",
      at: place)
    let length = unpackedLength(packed[..<Int(stored)], skipped: skipped)
    guard length == chunkBytes else {
      throw damaged(offset, length.map { "\($0) bytes" } ?? "data that cannot be unpacked")
    }
  }

  private func damaged(_ offset: [hsize_t], _ found: String) -> Fault {
    Fault(
      "a chunk is damaged", at: place, expected: "\(chunkBytes) bytes when unpacked",
      found: "\(found) in the chunk at \(offset)", hint: "the file is damaged: copy or make it again")
  }

  /// Bytes of a chunk after its filters are undone, or nil where they cannot be.
  private func unpackedLength(_ bytes: ArraySlice<UInt8>, skipped: UInt32) -> Int? {
    var length = bytes.count
    for (index, filter) in filters.enumerated().reversed() where skipped & (1 << UInt32(index)) == 0 {
      switch filter {
      case H5Z_FILTER_FLETCHER32: length -= 4
      case H5Z_FILTER_DEFLATE:
        guard length > 0, let inflated = Self.inflatedLength(bytes.prefix(length), limit: chunkBytes + 4) else {
          return nil
        }
        length = inflated
      case StoredFilter.lzf:
        let unpacked = bytes.prefix(length).withUnsafeBufferPointer {
          chd_lzf_unpack($0.baseAddress, $0.count, nil, chunkBytes + 4)
        }
        guard unpacked >= 0 else { return nil }
        length = unpacked
      default: break
      }
    }
    return length
  }

  /// Bytes that a zlib stream unpacks to, or nil when it is damaged or exceeds the limit.
  private static func inflatedLength(_ bytes: ArraySlice<UInt8>, limit: Int) -> Int? {
    var stream = z_stream()
    guard inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
    defer { inflateEnd(&stream) }
    return bytes.withUnsafeBufferPointer { input in
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: piece) { output in
        stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        stream.avail_in = UInt32(input.count)
        while Int(stream.total_out) <= limit {
          stream.next_out = output.baseAddress
          stream.avail_out = UInt32(output.count)
          let status = inflate(&stream, Z_NO_FLUSH)
          if status == Z_STREAM_END { return Int(stream.total_out) <= limit ? Int(stream.total_out) : nil }
          guard status == Z_OK else { return nil }
        }
        return nil
      }
    }
  }
}
