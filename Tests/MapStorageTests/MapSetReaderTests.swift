import Foundation
import MapStorage
import Testing
import TestSupport

@Suite struct MapSetReaderTests {
  @Test func describesWhatOtherSoftwareWrote() throws {
    let reader = try MapSetReader(path: fixture("maps/layout.h5"))
    #expect(reader.count == Known.count)
    let description = reader.description
    #expect(description.rows == Known.rows && description.columns == Known.columns)
    #expect(description.area.spacing == 2.5 && description.area.originX == 1 && description.area.originY == 10)
    // Files from before it was stored.
    #expect(description.area.userHeight == 1.5)
    #expect(description.seed == (UInt64(1) << 63) + 5)
    #expect(description.configuration == "simulation:\n  count: 6\n")
    #expect(description.units == "dB" && description.longName == "channel power")
    #expect(
      description.layers == [MapLayer(name: "shadow_fading", longName: "shadow fading", units: "dB")])
    #expect(description.hasStations && description.hasEnvironments && description.hasValid)
  }

  @Test func readsInTheOrderAskedFor() throws {
    let reader = try MapSetReader(path: fixture("maps/layout.h5"))
    let maps = try reader.read(indices: [5, 0, 1, 3])
    #expect(maps == [5, 0, 1, 3].map(Known.map))
    var values = [Float](repeating: 0, count: 2 * 20)
    try values.withUnsafeMutableBufferPointer { try reader.read(indices: [4, 1], into: $0) }
    #expect(values == Known.map(4).values + Known.map(1).values)
    #expect(try reader.read(indices: []).isEmpty)
    #expect(try reader.stations(indices: [3, 1]) == [SIMD3(3, 30, 25), SIMD3(1, 10, 25)])
    #expect(try reader.environments(indices: [5, 0]) == [9, 7])
    let layer = try reader.read(layer: "shadow_fading", indices: [2])[0]
    #expect(zip(layer.values, Known.map(2).values).allSatisfy { abs($0 - $1 * 0.1) < 1e-5 })
  }

  /// As `cp` does it, which keeps the file and changes what is in it; a new file under the old name is another one.
  @Test func aFileThatIsWrittenOverWhileInUseIsNoticed() throws {
    let scratch = Scratch(), bytes = try Data(contentsOf: URL(filePath: fixture("maps/layout.h5")))
    let path = scratch.file("maps.h5")
    try bytes.write(to: URL(filePath: path))
    let reader = try MapSetReader(path: path)
    try bytes.write(to: URL(filePath: path), options: .atomic)
    #expect(try reader.read(indices: [1]) == [Known.map(1)])

    let again = try MapSetReader(path: path)
    #expect(try again.read(indices: [1]) == [Known.map(1)])
    usleep(50_000)
    let file = try FileHandle(forWritingTo: URL(filePath: path))
    try file.write(contentsOf: bytes)
    try file.close()
    #expect(fault { try again.read(indices: [1]) }?.what == "the file was changed while it was in use")
  }

  @Test func holesOfAMapAreNoFault() throws {
    let reader = try MapSetReader(path: fixture("maps/layout.h5"))
    let map = try reader.read(indices: [2])[0]
    #expect(map[1, 3].isNaN)
    let masks = try #require(try reader.masks(indices: [2, 0]))
    #expect(masks[0].bytes.firstIndex(of: 0) == 8 && masks[0].bytes.filter { $0 == 0 }.count == 1)
    #expect(masks[1].isAll && masks[1].count == 20)
  }

  @Test func aMapComesWithAllThatIsKnownOfIt() throws {
    let reader = try MapSetReader(path: fixture("maps/layout.h5"))
    let map = try reader.map(3)
    #expect(map.map == Known.map(3) && map.mask?.isAll == true && map.station == SIMD3(3, 30, 25))
    #expect(try map.environment == reader.environments(indices: [3])?[0])
    #expect(map.place.hasSuffix("layout.h5:/maps[3]"))
    let layer = try reader.map(2, layer: "shadow_fading")
    #expect(try [layer.map] == reader.read(layer: "shadow_fading", indices: [2]) && layer.mask?[8] == false)
    #expect(fault { _ = try reader.map(0, layer: "wall") }?.expected == "shadow_fading")
  }

  @Test func sampleThatIsNotThere() throws {
    let reader = try MapSetReader(path: fixture("maps/layout.h5"))
    #expect(fault { _ = try reader.read(indices: [6]) }?.expected == "0 to 5")
    #expect(fault { _ = try reader.read(indices: [-1]) }?.found == "-1")
    #expect(fault { _ = try reader.read(layer: "wall", indices: [0]) }?.expected == "shadow_fading")
  }

  @Test func otherFilesAreRefused() throws {
    let foreign = fault { _ = try MapSetReader(path: fixture("maps/foreign.h5")) }
    #expect(foreign?.place.hasSuffix("foreign.h5:@format") == true)
    #expect(foreign?.hint?.contains("ckm import") == true)
    #expect(fault { _ = try MapSetReader(path: "/nowhere/maps.h5") }?.place == "/nowhere/maps.h5")
    #expect(fault { _ = try MapSetReader(path: NSTemporaryDirectory()) }?.what == "this is no data set of maps")
    let scratch = Scratch()
    let text = scratch.write("text.h5", Array("this is no HDF5 file".utf8))
    #expect(fault { _ = try MapSetReader(path: text) }?.place == text)
    #expect(fault { _ = try MapSetReader(path: scratch.write("empty.h5", [])) } != nil)
  }
}
