import Essentials
import Foundation
import MapStorage
import MessagePassing
import Testing
import TestSupport

@Suite struct MapSetWriterTests {
  let scratch = Scratch()
  let communicator: Communicator

  init() throws { communicator = try Communicator.world() }

  private var description: MapSetDescription {
    MapSetDescription(
      rows: Known.rows, columns: Known.columns, area: Area(spacing: 0.25, originX: -3, originY: 7, userHeight: 10.3),
      configuration: "a: \"ü\"\n", seed: .max, softwareVersion: "0.1.0",
      layers: [MapLayer(name: "line_of_sight", longName: "line of sight", units: "1")],
      hasEnvironments: true, hasValid: true)
  }

  private func block(_ samples: Range<Int>) -> MapBlock {
    MapBlock(
      first: samples.lowerBound, maps: samples.map(Known.map),
      stations: samples.map { SIMD3(Float($0), 2, 25) }, environments: samples.map { Int32($0 / 2) },
      masks: samples.map { sample in Mask((0..<20).map { $0 != sample }) },
      layers: ["line_of_sight": samples.map { ChannelFingerprint(rows: 4, columns: 5, repeating: Float($0)) }]
    )
  }

  private func create(_ path: String, overwrite: Bool = false) throws -> MapSetWriter {
    try .create(
      path: path, description: description, count: Known.count, communicator: communicator,
      overwrite: overwrite)
  }

  @Test func whatIsWrittenIsRead() throws {
    let path = scratch.file("maps.h5")
    let writer = try create(path)
    try writer.write(block(4..<6))
    try writer.write(nil)
    try writer.write(block(0..<3))
    try writer.write(block(3..<4))
    #expect(scratch.names == ["maps.h5.partial"])
    try writer.close()
    #expect(scratch.names == ["maps.h5"])

    let reader = try MapSetReader(path: path)
    #expect(reader.description == description)
    let all = Array(0..<6)
    #expect(try reader.read(indices: all) == all.map(Known.map))
    #expect(try reader.stations(indices: all) == block(0..<6).stations)
    #expect(try reader.environments(indices: all) == block(0..<6).environments)
    #expect(try reader.masks(indices: all) == block(0..<6).masks)
    #expect(try reader.read(layer: "line_of_sight", indices: all) == block(0..<6).layers["line_of_sight"])
  }

  @Test func drawsStandBesideTheirMaps() throws {
    let path = scratch.file("fine.h5")
    let made = ReconstructionRecord(
      magnification: 4, data: "maps.h5", model: "runs/a", sampler: "ddim", steps: 20, method: "CGDM",
      estimate: "mean", draws: 3)
    let deviation = MapLayer(name: ReconstructionRecord.deviationName, longName: "deviation", units: "dB")
    let description = MapSetDescription(
      rows: 4, columns: 5, layers: [deviation], hasStations: false, reconstruction: made, draws: 3)
    func draws(_ sample: Int) -> [ChannelFingerprint] { (0..<3).map { Known.map(10 * sample + $0) } }
    func block(_ samples: Range<Int>) -> MapBlock {
      MapBlock(
        first: samples.lowerBound, maps: samples.map(Known.map), layers: ["deviation": samples.map(Known.map)],
        sampleIndices: samples.map { Int32($0) }, draws: samples.map(draws))
    }
    let writer = try MapSetWriter.create(
      path: path, description: description, count: 2, communicator: communicator)
    var short = block(0..<1)
    short.draws[0].removeLast()
    #expect(fault { try writer.write(short) }?.found == "2")
    short.draws = []
    #expect(fault { try writer.write(short) }?.place.hasSuffix("/draws") == true)
    try writer.write(block(1..<2))
    try writer.write(block(0..<1))
    try writer.close()
    let reader = try MapSetReader(path: path)
    #expect(reader.description == description)
    for sample in 0..<2 { #expect(try reader.draws(of: sample) == draws(sample)) }
    #expect(try reader.read(layer: "deviation", indices: [1]) == [Known.map(1)])
    #expect(fault { _ = try reader.draws(of: 2) } != nil)
    // Too many draws for one chunk are an error before anything is made.
    var large = description
    large.draws = 1 << 30
    let refused = fault {
      _ = try MapSetWriter.create(
        path: scratch.file("large.h5"), description: large, count: 2, communicator: communicator)
    }
    #expect(refused?.what == "cannot write so many draws of maps")
  }

  @Test func reconstructionsTellWhereTheyBelong() throws {
    let path = scratch.file("fine.h5")
    let made = ReconstructionRecord(
      magnification: 4, data: "maps.h5", model: "runs/a", sampler: "ddim", steps: 20, method: "CGDM")
    let writer = try MapSetWriter.create(
      path: path,
      description: MapSetDescription(
        rows: Known.rows, columns: Known.columns, hasStations: false, reconstruction: made),
      count: 2, communicator: communicator)
    #expect(
      fault { try writer.write(MapBlock(first: 0, maps: [Known.map(5)])) }?.what == "a block is incomplete")
    try writer.write(MapBlock(first: 0, maps: [Known.map(5), Known.map(1)], sampleIndices: [5, 1]))
    try writer.close()
    let reader = try MapSetReader(path: path)
    #expect(reader.description.reconstruction == made)
    #expect(try reader.sampleIndices(indices: [1, 0]) == [1, 5])
    #expect(try MapSetReader(path: fixture("maps/layout.h5")).sampleIndices(indices: [0]) == nil)
  }

  @Test func anExistingFileStays() throws {
    let path = scratch.write("maps.h5", [1, 2, 3])
    #expect(fault { _ = try create(path) }?.what == "the file exists")
    let writer = try create(path, overwrite: true)
    try writer.write(block(0..<6))
    #expect(FileManager.default.contents(atPath: path) == Data([1, 2, 3]))
    try writer.abandon()
    #expect(FileManager.default.contents(atPath: path) == Data([1, 2, 3]))
    #expect(scratch.names == ["maps.h5"])
  }

  @Test func twoWritersOfOneFile() throws {
    let path = scratch.file("maps.h5")
    let writer = try create(path)
    #expect(fault { _ = try create(path) }?.what == "another process is writing this file")
    try writer.write(block(0..<6))
    try writer.close()
    #expect(try MapSetReader(path: path).count == 6)
  }

  @Test func everySampleOnce() throws {
    let missing = scratch.file("missing.h5")
    var writer = try create(missing)
    try writer.write(block(0..<5))
    #expect(fault { try writer.close() }?.found == "5 written")
    writer = try create(missing)
    try writer.write(block(0..<5))
    try writer.write(block(2..<3))
    #expect(fault { try writer.close() }?.found == "6 written")
    #expect(scratch.names.isEmpty)
  }

  @Test func blocksThatDoNotFit() throws {
    let writer = try create(scratch.file("maps.h5"))
    #expect(fault { try writer.write(block(4..<7)) }?.expected == "0 to 5")
    var wrong = block(0..<2)
    wrong.stations.removeLast()
    #expect(fault { try writer.write(wrong) }?.place.hasSuffix(":/station") == true)
    wrong = block(0..<2)
    wrong.maps[1] = ChannelFingerprint(rows: 5, columns: 4, repeating: 0)
    #expect(fault { try writer.write(wrong) }?.found == "5 x 4")
    wrong = block(0..<2)
    wrong.maps[1][0, 1] = .infinity
    // Place 1 of sample 1 is masked: a hole may hold anything.
    try writer.write(wrong)
    wrong.maps[1][2, 3] = .nan
    #expect(fault { try writer.write(wrong) }?.found?.contains("sample 1, row 2, column 3") == true)
    try writer.abandon()
  }

  @Test func placesThatCannotBeWritten() throws {
    #expect(fault { _ = try create("/proc/maps.h5") }?.place.hasPrefix("/proc/maps.h5") == true)
    #expect(fault { _ = try create(scratch.file("no/such/maps.h5")) } != nil)
    #expect(
      fault {
        var wrong = description
        wrong.layers[0].name = "maps"
        _ = try MapSetWriter.create(
          path: scratch.file("a.h5"), description: wrong, count: 1, communicator: communicator)
      }?.found == "\"maps\"")
    #expect(scratch.names.isEmpty)
  }

  /// What no channel has is neither written nor read.
  @Test(arguments: [Float(3e38), -.infinity, .nan])
  func nonsenseIsRefused(value: Float) throws {
    var wild = block(0..<1)
    wild.maps[0].values[19] = value
    #expect(fault { try create(scratch.file("maps.h5")).write(wild) } != nil)
    wild = block(0..<1)
    wild.stations[0].y = value
    #expect(fault { try create(scratch.file("stations.h5")).write(wild) }?.what == "a station lies nowhere")
  }

  @Test func aLinkIsNotWrittenThrough() throws {
    let path = scratch.file("maps.h5"), elsewhere = scratch.file("elsewhere")
    try FileManager.default.createDirectory(atPath: elsewhere, withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(atPath: path + ".partial", withDestinationPath: elsewhere)
    #expect(fault { _ = try create(path) }?.found == "a link")
    try FileManager.default.removeItem(atPath: path + ".partial")
    try FileManager.default.createDirectory(atPath: path + ".partial", withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(
      atPath: path + ".partial/lock", withDestinationPath: scratch.file("made"))
    #expect(fault { _ = try create(path) }?.hint?.contains("link") == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: elsewhere).isEmpty)
    #expect(!FileManager.default.fileExists(atPath: scratch.file("made")))
  }
}
