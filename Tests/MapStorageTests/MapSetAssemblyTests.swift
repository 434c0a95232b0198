import Essentials
import Foundation
import MapStorage
import MessagePassing
import Testing
import TestSupport

/// Data sets made in blocks, interrupted in every way, by one process.
@Suite struct MapSetAssemblyTests {
  let scratch = Scratch()
  let communicator: Communicator
  private let count = 23
  private let description = MapSetDescription(
    rows: Known.rows, columns: Known.columns, area: Area(spacing: 0.5),
    configuration: "scenario: uma  # tables\nk: 1\n",
    seed: 7, softwareVersion: "0.1.0", layers: [MapLayer(name: "wide", longName: "wide", units: "1")],
    hasEnvironments: true, hasValid: true)

  init() throws { communicator = try Communicator.world() }

  private func block(_ samples: Range<Int>) -> MapBlock {
    MapBlock(
      first: samples.lowerBound, maps: samples.map(Known.map),
      stations: samples.map { SIMD3(Float($0), 2, 25) }, environments: samples.map { Int32($0 / 2) },
      masks: samples.map { sample in Mask((0..<20).map { $0 != sample }) },
      layers: ["wide": samples.map { ChannelFingerprint(rows: 4, columns: 5, repeating: Float($0)) }])
  }

  private func open(
    _ path: String, _ changed: MapSetDescription? = nil, count: Int? = nil, overwrite: Bool = false,
    restart: Bool = false
  ) throws -> MapSetAssembly {
    try .open(
      path: path, description: changed ?? description, count: count ?? self.count, communicator: communicator,
      overwrite: overwrite, restart: restart)
  }

  /// The file that the collective writer makes of the same samples.
  private func expected() throws -> String {
    let path = scratch.file("expected.h5")
    let writer = try MapSetWriter.create(
      path: path, description: description, count: count, communicator: communicator)
    try writer.write(block(0..<count))
    try writer.close()
    return path
  }

  private func parts(_ path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path + ".partial").filter { $0.hasPrefix("samples-") }
  }

  private func expectEqual(_ path: String, location: SourceLocation = #_sourceLocation) throws {
    let (one, other) = (try MapSetReader(path: path), try MapSetReader(path: try expected()))
    let all = Array(0..<count)
    #expect(one.description == other.description && one.count == count, sourceLocation: location)
    #expect(try one.read(indices: all) == other.read(indices: all), sourceLocation: location)
    #expect(
      try one.read(layer: "wide", indices: all) == other.read(layer: "wide", indices: all),
      sourceLocation: location)
    #expect(try one.stations(indices: all) == other.stations(indices: all), sourceLocation: location)
    #expect(try one.environments(indices: all) == other.environments(indices: all), sourceLocation: location)
    #expect(try one.masks(indices: all) == other.masks(indices: all), sourceLocation: location)
  }

  /// Byte by byte: neither the cut into blocks nor their order shows.
  @Test func blocksOfAnySizeInAnyOrder() throws {
    let (one, other) = (scratch.file("one.h5"), scratch.file("other.h5"))
    var assembly = try open(one)
    #expect(assembly.missing == [0..<count] && assembly.keptCount == 0)
    try assembly.write(block(0..<count))
    try assembly.assemble()
    try expectEqual(one)
    assembly = try open(other)
    for samples in [20..<23, 0..<1, 9..<20, 1..<9] { try assembly.write(block(samples)) }
    var merged: [Int] = []
    try assembly.assemble { merged.append($0) }
    #expect(merged == [1, 9, 20, 23])
    #expect(FileManager.default.contentsEqual(atPath: one, andPath: other))
    #expect(scratch.names == ["expected.h5", "one.h5", "other.h5"])
  }

  @Test func interruptedJobGoesOn() throws {
    let path = scratch.file("maps.h5")
    var assembly = try open(path)
    for samples in [2..<5, 10..<17] { try assembly.write(block(samples)) }
    try assembly.leave()
    // What a process that was killed leaves.
    for name in ["unfinished-0-1.h5", "maps.h5", "manifest.json.12.partial"] {
      _ = scratch.write("maps.h5.partial/" + name, [1, 2, 3])
    }
    assembly = try open(path)
    #expect(assembly.missing == [0..<2, 5..<10, 17..<23])
    #expect(assembly.keptCount == 10 && assembly.damagedCount == 0)
    #expect(fault { try assembly.assemble() }?.found == "none from 0 to 1")
    #expect(try assembly.leave())
    assembly = try open(path)
    // The last overlaps with what is there: its author was thought dead.
    for samples in [0..<2, 5..<10, 16..<23] { try assembly.write(block(samples)) }
    try assembly.assemble()
    try expectEqual(path)
    #expect(scratch.names == ["expected.h5", "maps.h5"])
  }

  @Test func damagedBlocksAreMadeAnew() throws {
    let path = scratch.file("maps.h5")
    var assembly = try open(path)
    for samples in [0..<8, 8..<16, 16..<23] { try assembly.write(block(samples)) }
    try assembly.leave()
    let names = try parts(path).map { path + ".partial/" + $0 }
    let flipped = try #require(names.first { $0.contains("samples-8-8-") })
    var bytes = try Data(contentsOf: URL(fileURLWithPath: flipped))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(fileURLWithPath: flipped))
    let cut = try #require(names.first { $0.contains("samples-16-7-") })
    #expect(truncate(cut, 100) == 0)
    assembly = try open(path)
    #expect(assembly.missing == [8..<23] && assembly.damagedCount == 2)
    try assembly.write(block(8..<23))
    try assembly.assemble()
    try expectEqual(path)
  }

  @Test func blockThatIsDamagedBeforeTheMerge() throws {
    let path = scratch.file("maps.h5")
    let assembly = try open(path)
    try assembly.write(block(0..<12))
    try assembly.write(block(12..<23))
    let last = try #require(try parts(path).first { $0.contains("samples-12-") })
    #expect(truncate(path + ".partial/" + last, 5000) == 0)
    let found = fault { try assembly.assemble() }
    #expect(found?.place.hasSuffix(last) == true && found?.hint != nil)
    #expect(try assembly.leave())
    #expect(!FileManager.default.fileExists(atPath: path))
    #expect(try open(path).missing == [12..<23])
  }

  @Test func partsOfAnotherDataSetStay() throws {
    let path = scratch.file("maps.h5")
    var assembly = try open(path)
    try assembly.write(block(0..<5))
    try assembly.leave()
    var changed = description
    changed.seed = 8
    let seed = fault { _ = try open(path, changed) }
    #expect(seed?.expected == "seed 8" && seed?.found == "seed 7", "\(seed as Any)")
    #expect(seed?.place == path + ".partial" && seed?.hint?.contains("`restart`") == true)
    #expect(fault { _ = try open(path, count: 24) }?.found == "count 23")
    changed = description
    changed.configuration = "scenario: umi  # tables\nk: 1\n"
    let configuration = fault { _ = try open(path, changed) }
    #expect(configuration?.expected == "scenario: umi" && configuration?.found == "scenario: uma")
    changed.configuration = description.configuration + "stations:\n"
    #expect(fault { _ = try open(path, changed) }?.found == "another one")
    assembly = try open(path)
    #expect(assembly.keptCount == 5)
    try assembly.leave()
    assembly = try open(path, changed, restart: true)
    #expect(assembly.keptCount == 0)
    #expect(try parts(path).isEmpty)
    try assembly.leave()
    #expect(scratch.names.isEmpty)
  }

  @Test func manifestThatIsNone() throws {
    let path = scratch.file("maps.h5")
    let assembly = try open(path)
    try assembly.write(block(0..<5))
    try assembly.leave()
    _ = scratch.write("maps.h5.partial/manifest.json", Array("{\"count\": 23".utf8))
    #expect(fault { _ = try open(path) }?.place.hasSuffix("manifest.json") == true)
    #expect(try parts(path).count == 1)
    #expect(try open(path, restart: true).keptCount == 0)
  }

  @Test func existingFileAndOtherJobs() throws {
    let path = scratch.write("maps.h5", [1, 2, 3])
    #expect(fault { _ = try open(path) }?.what == "the file exists")
    let assembly = try open(path, overwrite: true)
    #expect(fault { _ = try open(path, overwrite: true) }?.what == "another process is writing this file")
    try assembly.write(block(0..<count))
    #expect(FileManager.default.contents(atPath: path) == Data([1, 2, 3]))
    try assembly.assemble()
    try expectEqual(path)
    #expect(fault { try assembly.assemble() }?.what == "the job has ended")
  }

  @Test func blocksThatDoNotFit() throws {
    let assembly = try open(scratch.file("maps.h5"))
    #expect(fault { try assembly.write(block(20..<24)) }?.expected == "0 to 22")
    var wrong = block(0..<2)
    wrong.maps[1][2, 3] = .nan
    #expect(fault { try assembly.write(wrong) }?.found?.contains("sample 1, row 2, column 3") == true)
    #expect(try !assembly.leave())
    #expect(scratch.names.isEmpty)
    #expect(fault { _ = try open("/proc/maps.h5") }?.place.hasPrefix("/proc/maps.h5") == true)
    #expect(fault { _ = try open(scratch.file("no/maps.h5")) } != nil)
    #expect(fault { _ = try open(scratch.file("none.h5"), count: 0) } != nil)
    #expect(scratch.names.isEmpty)
  }
}
