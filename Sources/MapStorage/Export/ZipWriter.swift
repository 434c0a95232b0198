import CZlib
import Records

/// An archive of NumPy arrays (`.npz`): a zip file with its entries stored, in zip64 where that is needed.
///
/// PKWARE's APPNOTE 6.3.
final class ZipWriter {
  private struct Entry {
    let name: [UInt8]
    let offset: Int
    var size = 0
    var checksum: UInt32 = 0
  }

  private let sink: FileSink
  private var position = 0
  private var entries: [Entry] = []

  /// - Parameter sink: an empty file.
  init(_ sink: FileSink) { self.sink = sink }

  private func write(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try sink.write($0) }
    position += bytes.count
  }

  private static func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }

  /// Writes an array.
  ///
  /// - Parameters:
  ///   - name: its name, without `.npy`.
  ///   - element: what its elements are.
  ///   - shape: its extents.
  ///   - body: hands over the bytes of its elements, in order.
  func add(
    _ name: String, _ element: NumPyWriter.Element, _ shape: [Int], _ body: (([UInt8]) throws -> Void) throws -> Void
  ) throws {
    var entry = Entry(name: Array("\(name).npy".utf8), offset: position)
    // Sizes are known when all is written: until then they are 0, in the extra field of zip64, where there is room for any.
    try write(Self.local(entry))
    let start = position
    func add(_ bytes: [UInt8]) throws {
      entry.checksum = UInt32(truncatingIfNeeded: crc32_z(UInt(entry.checksum), bytes, bytes.count))
      try write(bytes)
    }
    try add(NumPyWriter.header(element, shape: shape))
    try body(add)
    entry.size = position - start
    try sink.rewrite(Self.local(entry), at: entry.offset)
    entries.append(entry)
  }

  private static func local(_ entry: Entry) -> [UInt8] {
    let sizes = bytes(UInt64(entry.size)) + bytes(UInt64(entry.size))
    return bytes(UInt32(0x0403_4B50)) + common(entry) + [255, 255, 255, 255, 255, 255, 255, 255]
      + bytes(UInt16(entry.name.count)) + bytes(UInt16(20)) + entry.name + bytes(UInt16(1)) + bytes(UInt16(16)) + sizes
  }

  /// Version 4.5, no flags, stored, 1 January 1980, the check sum.
  private static func common(_ entry: Entry) -> [UInt8] {
    bytes(UInt16(45)) + [0, 0, 0, 0, 0, 0, 0x21, 0] + bytes(entry.checksum)
  }

  /// Writes the directory of entries.
  func close() throws {
    let start = position
    for entry in entries {
      let numbers = bytes(of: entry)
      try write(
        Self.bytes(UInt32(0x0201_4B50)) + [45, 3] + Self.common(entry) + [255, 255, 255, 255, 255, 255, 255, 255]
          + Self.bytes(UInt16(entry.name.count)) + Self.bytes(UInt16(4 + numbers.count))
          + [0, 0, 0, 0, 0, 0] + Self.bytes(UInt32(0o100644 << 16)) + [255, 255, 255, 255] + entry.name
          + Self.bytes(UInt16(1)) + Self.bytes(UInt16(numbers.count)) + numbers)
    }
    let size = position - start
    let record = position
    let count = Self.bytes(UInt64(entries.count)), places = Self.bytes(UInt64(size)) + Self.bytes(UInt64(start))
    try write(
      Self.bytes(UInt32(0x0606_4B50)) + Self.bytes(UInt64(44)) + [45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0] + count + count
        + places)
    try write(
      Self.bytes(UInt32(0x0706_4B50)) + [0, 0, 0, 0] + Self.bytes(UInt64(record)) + Self.bytes(UInt32(1)))
    let few = Self.bytes(UInt16(entries.count))
    let short = Self.bytes(UInt32(clamping: size)) + Self.bytes(UInt32(clamping: start))
    try write(Self.bytes(UInt32(0x0605_4B50)) + [0, 0, 0, 0] + few + few + short + [0, 0])
  }

  /// What zip64 keeps of an entry in the directory: size, packed size, offset.
  private func bytes(of entry: Entry) -> [UInt8] {
    Self.bytes(UInt64(entry.size)) + Self.bytes(UInt64(entry.size)) + Self.bytes(UInt64(entry.offset))
  }
}
