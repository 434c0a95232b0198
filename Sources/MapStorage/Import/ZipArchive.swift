import CZlib
import Essentials
import Foundation
import Records

/// A zip archive as NumPy writes it (`.npz`): entries stored or deflated, with zip64 where NumPy uses it.
///
/// PKWARE's APPNOTE 6.3; no encryption, no archives in parts.
final class ZipArchive {
  /// An entry, as the central directory has it.
  struct Entry: Equatable {
    var name: String
    /// 0 stored, 8 deflated.
    var method: Int
    var checksum: UInt32
    var packedSize: Int
    var size: Int
    var headerOffset: Int
  }

  /// Deflate's largest ratio.
  private static let largestRatio = 1032
  private static let mostEntries = 65_536
  private static let piece = 1 << 18

  let entries: [Entry]
  private let file: ByteFile

  /// Reads the central directory of an archive.
  init(_ file: ByteFile) throws {
    self.file = file
    let (offset, size, count) = try Self.directory(of: file)
    guard offset >= 0, size >= 0, offset <= file.size - size, count <= Self.mostEntries else {
      throw Self.damaged(file.path, "a directory of \(size) bytes at \(offset)")
    }
    let bytes = try file.bytes(offset..<offset + size)
    var entries: [Entry] = []
    var position = 0
    for _ in 0..<count {
      guard let entry = Self.entry(bytes, &position), entry.packedSize >= 0, entry.size >= 0 else {
        throw Self.damaged(file.path, "a directory that ends after \(entries.count) of \(count) entries")
      }
      entries.append(entry)
    }
    self.entries = entries
  }

  private static func damaged(_ path: String, _ found: String) -> Fault {
    Fault("the archive is damaged", at: path, expected: "a zip archive (.npz)", found: found)
  }

  /// The end record lies within the last 64 KiB, before a comment.
  private static func directory(of file: ByteFile) throws -> (offset: Int, size: Int, count: Int) {
    let start = max(0, file.size - 65_557)
    let tail = try file.bytes(start..<file.size)
    let signature: [UInt8] = [0x50, 0x4B, 0x05, 0x06]
    guard tail.count >= 22,
      let end = (0...tail.count - 22).last(where: { tail[$0..<$0 + 4].elementsEqual(signature) })
    else { throw damaged(file.path, "no directory at its end") }
    let count: Int = littleEndian(tail[end + 10..<end + 12])
    let size: Int = littleEndian(tail[end + 12..<end + 16])
    let offset: Int = littleEndian(tail[end + 16..<end + 20])
    guard count == 0xFFFF || size == 0xFFFF_FFFF || offset == 0xFFFF_FFFF else {
      return (offset, size, count)
    }
    // The zip64 end record, found through its locator just before.
    guard end >= 20, littleEndian(tail[end - 20..<end - 16], UInt32.self) == 0x0706_4B50 else {
      return (offset, size, count)
    }
    let place: UInt64 = littleEndian(tail[end - 12..<end - 4])
    guard place < file.size - 56 else { throw damaged(file.path, "a zip64 record outside the file") }
    let record = try file.bytes(Int(place)..<Int(place) + 56)
    guard littleEndian(record[0..<4], UInt32.self) == 0x0606_4B50 else {
      throw damaged(file.path, "no zip64 record where one should be")
    }
    return (
      Int(clamping: littleEndian(record[48..<56], UInt64.self)),
      Int(clamping: littleEndian(record[40..<48], UInt64.self)),
      Int(clamping: littleEndian(record[32..<40], UInt64.self))
    )
  }

  private static func entry(_ bytes: [UInt8], _ position: inout Int) -> Entry? {
    guard position + 46 <= bytes.count,
      littleEndian(bytes[position..<position + 4], UInt32.self) == 0x0201_4B50
    else { return nil }
    func number(_ offset: Int, _ size: Int) -> Int {
      littleEndian(bytes[position + offset..<position + offset + size])
    }
    let (nameLength, extraLength, commentLength) = (number(28, 2), number(30, 2), number(32, 2))
    let end = position + 46 + nameLength + extraLength + commentLength
    guard end <= bytes.count else { return nil }
    let nameEnd = position + 46 + nameLength
    var entry = Entry(
      name: String(decoding: bytes[position + 46..<nameEnd], as: UTF8.self), method: number(10, 2),
      checksum: UInt32(number(16, 4)), packedSize: number(20, 4), size: number(24, 4),
      headerOffset: number(42, 4))
    // Encrypted entries are shown as a method that is not known.
    if number(8, 2) & 1 != 0 { entry.method = -1 }
    widen(&entry, bytes[nameEnd..<nameEnd + extraLength])
    position = end
    return entry
  }

  /// The zip64 extra field has those of the sizes that did not fit, in this order.
  private static func widen(_ entry: inout Entry, _ extra: ArraySlice<UInt8>) {
    var rest = extra
    while rest.count >= 4 {
      let kind: Int = littleEndian(rest.prefix(2))
      let length: Int = littleEndian(rest.dropFirst(2).prefix(2))
      var field = rest.dropFirst(4).prefix(length)
      rest = rest.dropFirst(4 + length)
      guard kind == 1 else { continue }
      for path in [\Entry.size, \Entry.packedSize, \Entry.headerOffset]
      where entry[keyPath: path] == 0xFFFF_FFFF && field.count >= 8 {
        entry[keyPath: path] = Int(clamping: littleEndian(field.prefix(8), UInt64.self))
        field = field.dropFirst(8)
      }
    }
  }

  /// An entry's content as (a part of) a file: the archive itself where it is stored, a nameless unpacked file where it
  /// is deflated.
  ///
  /// - Parameters:
  ///   - entry: which one.
  ///   - look: is given what an entry begins with before the rest is unpacked, and the size that it claims; throws where
  ///     that cannot be right.
  func open(_ entry: Entry, _ look: (_ beginning: [UInt8], _ size: Int) throws -> Void) throws -> (
    file: ByteFile, range: Range<Int>
  ) {
    let place = "\(file.path):\(entry.name)"
    let damaged = Self.damaged(place, "an entry that does not lie within the file")
    guard entry.headerOffset <= file.size - 30 else { throw damaged }
    let header = try file.bytes(entry.headerOffset..<entry.headerOffset + 30)
    guard littleEndian(header[0..<4], UInt32.self) == 0x0403_4B50 else { throw damaged }
    let nameAndExtra: Int = littleEndian(header[26..<28]) + littleEndian(header[28..<30])
    let start = entry.headerOffset + 30 + nameAndExtra
    guard start <= file.size, entry.packedSize <= file.size - start else { throw damaged }
    switch entry.method {
    case 0:
      guard entry.size == entry.packedSize else { throw damaged }
      try requireChecksum(entry, from: start, at: place)
      return (file, start..<start + entry.size)
    case 8:
      guard entry.size / Self.largestRatio <= entry.packedSize else {
        throw Fault(
          "the archive claims more than it can hold", at: place,
          expected: "at most \(Self.largestRatio) times \(entry.packedSize) bytes",
          found: "\(entry.size) bytes")
      }
      var beginning: [UInt8]? = []
      let unpacked = try ByteFile(temporaryFor: place) { write in
        try inflate(entry, from: start, at: place) { bytes in
          beginning?.append(contentsOf: bytes)
          if let known = beginning, known.count >= min(NumPyHeader.mostBytes, entry.size) {
            try look(known, entry.size)
            try Self.requireRoom(entry.size, at: place)
            beginning = nil
          }
          try write(bytes)
        }
      }
      return (unpacked, 0..<unpacked.size)
    default:
      throw Fault(
        "the archive's packing is not supported", at: place, expected: "stored or deflated, not encrypted",
        found: "method \(entry.method)", hint: "write it with numpy.savez or numpy.savez_compressed")
    }
  }

  private static func requireRoom(_ bytes: Int, at place: String) throws {
    let folder = NSTemporaryDirectory()
    guard let free = Files.freeBytes(at: folder), free < bytes else { return }
    throw Fault(
      "there is no room to unpack the archive", at: place, expected: "\(Units.bytes(bytes)) in \(folder)",
      found: Units.bytes(free), hint: "give another folder in TMPDIR, or write it with numpy.savez")
  }

  private func requireChecksum(_ entry: Entry, from start: Int, at place: String) throws {
    var (done, checksum) = (0, crc32(0, nil, 0))
    while done < entry.size {
      let bytes = try file.bytes(start + done..<start + min(done + Self.piece, entry.size))
      checksum = crc32(checksum, bytes, UInt32(bytes.count))
      done += bytes.count
    }
    guard checksum == entry.checksum else { throw Self.damaged(place, "content that differs from its checksum") }
  }

  /// Unpacks an entry piece by piece; size and checksum must be what the directory says.
  private func inflate(
    _ entry: Entry, from start: Int, at place: String, _ write: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    var stream = z_stream()
    guard inflateInit2_(&stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw Fault("cannot unpack the archive: no memory", at: place)
    }
    defer { inflateEnd(&stream) }
    var output = [UInt8](repeating: 0, count: Self.piece)
    var (taken, made, checksum, ended) = (0, 0, crc32(0, nil, 0), false)
    while !ended {
      guard taken < entry.packedSize else { throw Self.damaged(place, "packed data that has no end") }
      var input = try file.bytes(start + taken..<start + min(taken + Self.piece, entry.packedSize))
      taken += input.count
      try input.withUnsafeMutableBufferPointer { input in
        stream.next_in = input.baseAddress
        stream.avail_in = UInt32(input.count)
        repeat {
          let count = try output.withUnsafeMutableBufferPointer { output in
            stream.next_out = output.baseAddress
            stream.avail_out = UInt32(output.count)
            let status = CZlib.inflate(&stream, Z_NO_FLUSH)
            guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
              throw Self.damaged(place, "packed data that cannot be unpacked")
            }
            ended = status == Z_STREAM_END
            let count = output.count - Int(stream.avail_out)
            checksum = crc32(checksum, output.baseAddress, UInt32(count))
            return count
          }
          made += count
          guard made <= entry.size else {
            throw Self.damaged(place, "more than the \(entry.size) bytes it claims")
          }
          try output.withUnsafeBytes { try write(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        } while stream.avail_out == 0 && !ended
      }
    }
    guard made == entry.size, checksum == entry.checksum else {
      throw Self.damaged(place, "content that differs from its checksum")
    }
  }
}
