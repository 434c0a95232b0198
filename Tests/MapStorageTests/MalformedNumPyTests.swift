import CZlib
import Essentials
import Foundation
import MapStorage
import Testing
import TestSupport

@Suite struct MalformedNumPyTests {
  let scratch = Scratch()

  private func array(_ header: String, version: UInt8 = 1, data: Int = 480) -> [UInt8] {
    let text = Array(header.utf8)
    let length = version == 1 ? 2 : 4
    let size = (0..<length).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + size + text + [UInt8](repeating: 0, count: data)
  }

  private func open(_ bytes: [UInt8]) throws -> ImportedMaps {
    try ImportedMaps(path: scratch.write("array.npy", bytes), options: ImportOptions(units: .decibel))
  }

  @Test(arguments: [UInt8(1), 2, 3])
  func versionsAreRead(version: UInt8) throws {
    let header = "{\"shape\": (6, 4, 5), 'fortran_order': False, 'descr': '<f4', }   \n"
    #expect(try open(array(header, version: version)).read(0..<6).count == 6)
  }

  @Test(arguments: [
    "{'descr': '<f4', 'fortran_order': False, 'shape': (500000, 1000, 500), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 4, 5), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4, 5), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-6, 4, 5), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 4, 5), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 4, 5)",
    "{'descr': '<f4', 'fortran_order': False, 'shape': [6, 4, 5], }",
    "{'descr': '<f4', 'fortran_order': 0, 'shape': (6, 4, 5), }",
    "{'descr': '<f4', 'shape': (6, 4, 5), }",
    "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6, 4, 5), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 4, 5), 'more': 'x', }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 4, 5), } more",
    "{'descr': '|O', 'fortran_order': False, 'shape': (6, 4, 5), }",
    "{'descr': '|f4', 'fortran_order': False, 'shape': (6, 4, 5), }",
    "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6, 4, 5), }",
    "", "{", "{'descr",
  ])
  func headersThatLie(header: String) {
    let found = fault { _ = try open(array(header)) }
    #expect(found?.place.contains("array.npy") == true)
  }

  @Test func everyPrefixIsRefused() throws {
    let whole = try Array(Data(contentsOf: URL(fileURLWithPath: fixture("maps/c.npy"))))
    for length in 0..<whole.count { _ = fault { _ = try open(Array(whole[..<length])) } }
  }

  @Test func headerLengthThatLies() {
    for claim in [UInt8](arrayLiteral: 0x7F, 0xFF) {
      let bytes = [0x93] + Array("NUMPY".utf8) + [2, 0, 0xFF, 0xFF, 0xFF, claim]
      _ = fault { _ = try open(bytes) }
    }
  }

  @Test(arguments: ["stored.npz", "packed.npz"])
  func archivesWithOneChangedByte(name: String) throws {
    let whole = try Array(Data(contentsOf: URL(fileURLWithPath: fixture("maps/\(name)"))))
    let options = ImportOptions(maps: "maps")
    for position in whole.indices {
      var bytes = whole
      bytes[position] ^= 0xFF
      let path = scratch.write("array.npz", bytes)
      // A fault, or maps that are whole: no crash, no hang.
      do {
        let maps = try ImportedMaps(path: path, options: options)
        _ = try maps.read(0..<maps.count)
      } catch {
        #expect(error is Fault)
      }
    }
    for length in stride(from: 0, to: whole.count, by: 7) {
      let path = scratch.write("array.npz", whole[..<length])
      _ = fault { _ = try ImportedMaps(path: path, options: options) }
    }
  }

  @Test func archiveThatClaimsATerabyte() throws {
    var bytes = try Array(Data(contentsOf: URL(fileURLWithPath: fixture("maps/packed.npz"))))
    let signature: [UInt8] = [0x50, 0x4B, 0x01, 0x02]
    let directory = try #require(bytes.indices.last { bytes[$0...].starts(with: signature) })
    bytes.replaceSubrange(directory + 24..<directory + 28, with: [0xFE, 0xFF, 0xFF, 0xFF])
    let found = fault { _ = try ImportedMaps(path: scratch.write("array.npz", bytes)) }
    #expect(found?.what == "the archive claims more than it can hold")
  }

  /// An archive of one array, as `zip` writes it; `sum` nil: the right one.
  private func archive(_ content: [UInt8], packed: [UInt8]? = nil, sum: UInt32? = nil) -> [UInt8] {
    func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
      withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }
    let stored = packed ?? content, name = Array("maps.npy".utf8)
    let sum = sum ?? content.withUnsafeBufferPointer { UInt32(crc32(0, $0.baseAddress, UInt32($0.count))) }
    let common =
      bytes(UInt16(20)) + bytes(UInt16(0)) + bytes(UInt16(packed == nil ? 0 : 8)) + bytes(UInt32(0)) + bytes(sum)
      + bytes(UInt32(stored.count)) + bytes(UInt32(content.count)) + bytes(UInt16(name.count)) + bytes(UInt16(0))
    let local = [0x50, 0x4B, 3, 4] + common + name + stored
    let entry = [0x50, 0x4B, 1, 2] + bytes(UInt16(20)) + common + [UInt8](repeating: 0, count: 14) + name
    let end =
      [0x50, 0x4B, 5, 6] + bytes(UInt32(0)) + bytes(UInt16(1)) + bytes(UInt16(1)) + bytes(UInt32(entry.count))
      + bytes(UInt32(local.count)) + bytes(UInt16(0))
    return local + entry + end
  }

  private let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 4, 5), }"

  @Test func storedEntriesAreHeldAgainstTheirSums() throws {
    let sound = ImportOptions(maps: "maps", units: .decibel)
    let right = scratch.write("right.npz", archive(array(header)))
    #expect(try ImportedMaps(path: right, options: sound).read(0..<6).count == 6)
    let wrong = scratch.write("wrong.npz", archive(array(header), sum: 7))
    let found = fault { _ = try ImportedMaps(path: wrong, options: sound) }
    #expect(found?.found == "content that differs from its checksum")
  }

  /// Zeros pack a thousandfold: what they begin with tells before the rest is unpacked.
  @Test(arguments: [false, true]) func bombsAreNotUnpacked(isArray: Bool) throws {
    let content = (isArray ? array(header, data: 0) : []) + [UInt8](repeating: 0, count: 64 << 20)
    var packed = [UInt8](repeating: 0, count: 1 << 20), size = packed.count
    size = try #require(Self.deflate(content, into: &packed))
    let path = scratch.write("bomb.npz", archive(content, packed: Array(packed[..<size])))
    let found = fault { _ = try ImportedMaps(path: path, options: ImportOptions(maps: "maps", units: .decibel)) }
    #expect(
      found?.what == (isArray ? "the array's size does not match its header" : "this is no NumPy array"))
  }

  private static func deflate(_ content: [UInt8], into packed: inout [UInt8]) -> Int? {
    var stream = z_stream()
    guard
      deflateInit2_(
        &stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        == Z_OK
    else { return nil }
    defer { deflateEnd(&stream) }
    var content = content
    let room = packed.count
    let ended = content.withUnsafeMutableBufferPointer { input in
      packed.withUnsafeMutableBufferPointer { output in
        stream.next_in = input.baseAddress
        stream.avail_in = UInt32(input.count)
        stream.next_out = output.baseAddress
        stream.avail_out = UInt32(output.count)
        return CZlib.deflate(&stream, Z_FINISH) == Z_STREAM_END
      }
    }
    return ended ? room - Int(stream.avail_out) : nil
  }
}
