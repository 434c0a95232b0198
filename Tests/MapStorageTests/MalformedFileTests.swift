import Essentials
import Foundation
import MapStorage
import Testing
import TestSupport

/// Damaged HDF5 files end in a fault, or are read when what was damaged is not used: never a crash or a hang.
@Suite(.serialized) struct MalformedFileTests {
  let scratch = Scratch()

  /// Every so many bytes are changed; a smaller number, for a longer run, comes from the environment.
  private func step(_ usual: Int) -> Int {
    ProcessInfo.processInfo.environment["CHANNELTWIN_FUZZ_STEP"].flatMap(Int.init) ?? usual
  }

  private func whole(_ name: String) throws -> [UInt8] {
    try Array(Data(contentsOf: URL(fileURLWithPath: fixture("maps/\(name)"))))
  }

  /// Opens and reads all of a file; returns the fault, or nil when all went well.
  private func readAll(_ bytes: [UInt8]) -> Fault? {
    do {
      let reader = try MapSetReader(path: scratch.write("maps.h5", bytes))
      let all = Array(0..<reader.count)
      _ = try reader.read(indices: all)
      _ = try reader.stations(indices: all)
      _ = try reader.environments(indices: all)
      for layer in reader.description.layers { _ = try reader.read(layer: layer.name, indices: all) }
    } catch let fault as Fault {
      return fault
    } catch {
      Issue.record("not a Fault: \(error)")
    }
    return nil
  }

  /// A size in a global heap that overflows: libhdf5 looped on it now and then, after the child had passed it.
  @Test func impossibleSizesInAHeapAreRefused() throws {
    for _ in 0..<8 {
      let found = fault { try ImportedMaps(path: fixture("fuzz/hdf5/heap-sizes.h5")) }
      #expect(found?.found == "a global heap with impossible sizes")
    }
  }

  @Test func truncatedFilesAreRefused() throws {
    let bytes = try whole("layout.h5")
    for length in stride(from: 0, to: bytes.count, by: 1009) {
      let fault = readAll(Array(bytes[..<length]))
      #expect(fault != nil, "cut to \(length) bytes")
      if length >= 100 { #expect(fault?.hint == "the file is cut short: copy or make it again") }
    }
  }

  /// 20,000 bytes at a few milliseconds each: the usual step visits every kind of record.
  @Test(arguments: [UInt8(0xFF), 0x01, 0x80])
  func changedBytes(mask: UInt8) throws {
    let bytes = try whole("layout.h5")
    var refused = 0
    for position in stride(from: Int(mask) % step(331), to: bytes.count, by: step(331)) {
      var changed = bytes
      changed[position] ^= mask
      if readAll(changed) != nil { refused += 1 }
    }
    #expect(refused > 3)
  }

  /// Sizes and addresses are eight bytes wide: runs of ones make them as large as they get.
  @Test func hugeNumbers() throws {
    let bytes = try whole("layout.h5")
    for position in stride(from: 8, to: bytes.count - 8, by: step(304)) {
      var changed = bytes
      changed.replaceSubrange(position..<position + 8, with: [UInt8](repeating: 0xFF, count: 7) + [0x7F])
      _ = readAll(changed)
    }
  }

  /// Checked content: a changed byte in a packed map cannot pass unseen.
  @Test func changedContentIsSeen() throws {
    let bytes = try whole("layout.h5")
    let reader = try MapSetReader(path: fixture("maps/layout.h5"))
    let maps = try reader.read(indices: [0, 1, 3, 4, 5])
    // zlib streams begin with 0x78 (deflate, 32 KiB window).
    let streams = bytes.indices.filter { $0 + 20 < bytes.count && bytes[$0] == 0x78 && bytes[$0 + 1] == 0x5E }
    #expect(!streams.isEmpty)
    for stream in streams {
      var changed = bytes
      changed[stream + 12] ^= 0x10
      let path = scratch.write("maps.h5", changed)
      guard let damaged = try? MapSetReader(path: path) else { continue }
      if let read = try? damaged.read(indices: [0, 1, 3, 4, 5]) { #expect(read == maps) }
    }
  }

  /// libhdf5 itself reads beyond its buffer where a chunk unpacks to less than a chunk.
  @Test func chunksOfTheWrongSize() throws {
    let reader = try MapSetReader(path: fixture("maps/chunks.h5"))
    #expect(try reader.read(indices: [1])[0].values == [Float](repeating: -90, count: 20))
    for (sample, found) in [(0, "40 bytes in the chunk at [0, 0, 0]"), (2, "data that cannot be unpacked")] {
      let fault = fault { _ = try reader.read(indices: [sample]) }
      #expect(fault?.what == "a chunk is damaged" && fault?.expected == "80 bytes when unpacked")
      #expect(fault?.found?.hasPrefix(found) == true)
    }
  }
}
