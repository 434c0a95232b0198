import Essentials
import Foundation
import MapStorage
import MessagePassing
import Testing
import TestSupport

@Suite struct ImportTests {
  let scratch = Scratch()

  private func open(_ name: String, _ options: ImportOptions = ImportOptions()) throws -> ImportedMaps {
    try ImportedMaps(path: fixture("maps/\(name)"), options: options)
  }

  private func requireKnown(_ maps: ImportedMaps) throws {
    #expect(maps.count == Known.count && maps.rows == Known.rows && maps.columns == Known.columns)
    #expect(try maps.read(0..<6).map(\.map) == (0..<6).map(Known.map))
    #expect(try maps.read(4..<5).map(\.map) == [Known.map(4)])
  }

  /// The known maps, rounded half to even as the integer fixtures are.
  private func rounded(_ sample: Int) -> ChannelFingerprint {
    let map = Known.map(sample)
    return ChannelFingerprint(
      rows: map.rows, columns: map.columns, values: map.values.map { $0.rounded(.toNearestOrEven) })
  }

  @Test(arguments: ["NLOS/path_power", "/NLOS/path_power", "NLOS/power_f8_big", "soft"])
  func dataSetsOfHDF5(name: String) throws {
    try requireKnown(try open("foreign.h5", ImportOptions(maps: name)))
  }

  @Test(arguments: ["c.npy", "fortran.npy", "packed.npz"])
  func arraysOfNumPy(name: String) throws { try requireKnown(try open(name)) }

  @Test func integersAndOneMap() throws {
    #expect(try open("big_i2.npy").read(0..<6).map(\.map) == (0..<6).map(rounded))
    #expect(try open("foreign.h5", ImportOptions(maps: "NLOS/power_i2")).read(1..<2).map(\.map) == [rounded(1)])
    for maps in [try open("single.npy"), try open("foreign.h5", ImportOptions(maps: "NLOS/single"))] {
      #expect(maps.count == 1)
      #expect(try maps.read(0..<1).map(\.map) == [Known.map(0)])
    }
  }

  @Test func stationsMasksAndEnvironments() throws {
    let hdf5 = try open(
      "foreign.h5",
      ImportOptions(
        maps: "NLOS/with_nan", stations: "NLOS/bs_xy", valid: "NLOS/mask", stationHeight: 25))
    let positions = (0..<6).map { SIMD3(Float($0), 10 * Float($0), 25) }
    #expect(try hdf5.read(0..<6).map(\.station) == positions)
    #expect(try hdf5.read(1..<3).map { $0.mask?.flags.firstIndex(of: false) } == [nil, 8])
    #expect(try hdf5.read(2..<3)[0].map[1, 3].isNaN)
    let numpy = try open(
      "nan.npy", ImportOptions(stations: fixture("maps/stations.npy"), valid: fixture("maps/mask.npy")))
    #expect(try numpy.read(2..<4).map(\.station) == Array(positions[2..<4]))
    #expect(try numpy.read(0..<6).count == 6)
    let archive = try open(
      "stored.npz", ImportOptions(maps: "maps", stations: "bs", environments: "env", stationHeight: 25))
    try requireKnown(archive)
    #expect(try archive.read(0..<6).map(\.station) == positions)
    #expect(try archive.read(0..<6).map(\.environment) == [7, 7, 8, 8, 9, 9])
    let own = try open("layout.h5")
    #expect(own.hasStations && own.hasValid && own.hasEnvironments)
    #expect(try own.read(5..<6).map(\.map) == [Known.map(5)])
  }

  @Test func powersBecomeDecibels() throws {
    let maps = try open("foreign.h5", ImportOptions(maps: "NLOS/linear", units: .linear))
    let read = try maps.read(0..<6)
    for sample in 0..<6 {
      // One rounding of a power in float32 is 5e-7 dB; of -100 dB in float32, 8e-6.
      let difference = zip(read[sample].map.values, Known.map(sample).values).map { abs($0 - $1) }.max()
      #expect(difference ?? 1 < 2e-5)
    }
    let wrong = try open("c.npy", ImportOptions(units: .linear))
    #expect(fault { _ = try wrong.read(0..<1) }?.hint?.contains("`units` dB") == true)
  }

  @Test func picturesInNaturalOrder() throws {
    var pictures = ImportOptions()
    pictures.greyRange = .init(black: -147, white: -47.84)
    let eight = try open("grey8", pictures)
    #expect(eight.count == 11)
    let maps = try eight.read(0..<11)
    for sample in 0..<11 {
      // Of 99 dB in 255 steps, float32 rounds 1e-5 dB.
      let wanted: Float = -147 + 99.16 / 255 * Float(10 * sample + 5 * 2 + 3)
      #expect(abs(maps[sample].map[2, 3] - wanted) < 3e-5)
    }
    let sixteen = try open("grey16", pictures)
    let wanted: Float = -147 + 99.16 / 65535 * 31504
    let corner = try sixteen.read(2..<3)[0].map[3, 4]
    #expect(abs(corner - wanted) < 3e-5)
    #expect(try open("grey8/map3.png", pictures).count == 1)
    #expect(fault { _ = try open("grey8") }?.hint == "`picture_range` -147,-47.84")
    #expect(
      fault { _ = try ImportedMaps(path: scratch.path, options: pictures) } != nil)
  }

  @Test func valuesThatAreNoNumbers() throws {
    let numpy = try open("nan.npy")
    #expect(try numpy.read(0..<2).count == 2)
    #expect(fault { _ = try numpy.read(0..<6) }?.found == "nan in sample 2, row 1, column 3")
    let hdf5 = try open("foreign.h5", ImportOptions(maps: "NLOS/with_nan"))
    let found = fault { _ = try hdf5.read(2..<3) }
    #expect(found?.place.hasSuffix("foreign.h5:/NLOS/with_nan") == true)
    #expect(found?.found == "nan in sample 2, row 1, column 3")
  }

  @Test(arguments: [
    ("NLOS/four", "the maps have the wrong shape"), ("NLOS/bs_xyz", "the file has no such data set"),
    ("", "the file has no such data set"), ("NLOS", "this is a group of data sets"),
    ("NLOS/text", "the data set holds no plain numbers"),
    ("outside/maps", "the link leads out of the file"),
    ("external", "external storage is refused"), ("virtual", "virtual data sets are refused"),
    ("claims", "the data set declares more than the file holds"),
    ("soft_out", "cannot read the file: it is damaged or lacks what was asked for"),
    ("loop", "cannot read the file: it is damaged or lacks what was asked for"),
  ])
  func dataSetsThatAreRefused(name: String, what: String) {
    let found = fault { _ = try open("foreign.h5", ImportOptions(maps: name)) }
    #expect(found?.what == what)
    #expect(found?.place.contains("foreign.h5") == true)
  }

  @Test func shapesThatDoNotMatch() {
    let stations = ImportOptions(maps: "NLOS/path_power", stations: "NLOS/single")
    #expect(fault { _ = try open("foreign.h5", stations) }?.expected == "[6, 2] or [6, 3]")
    let masks = ImportOptions(maps: "NLOS/single", valid: "NLOS/mask")
    #expect(fault { _ = try open("foreign.h5", masks) }?.found == "[6, 4, 5]")
    #expect(fault { _ = try open("stored.npz") } == nil)
    #expect(fault { _ = try open("../brought/masked.npz") }?.what == "the archive has several arrays")
    #expect(fault { _ = try open("stored.npz", ImportOptions(maps: "map")) }?.expected == "maps, bs, env")
    #expect(fault { _ = try open("c.npy", ImportOptions(maps: "map")) } != nil)
  }

  @Test func importedDataSet() throws {
    let target = scratch.file("maps.h5")
    let options = ImportOptions(
      maps: "NLOS/with_nan", stations: "NLOS/bs_xy", valid: "NLOS/mask", stationHeight: 25)
    try MapImporter.run(
      path: fixture("maps/foreign.h5"), options: options, target: target,
      area: Area(spacing: 2, originX: 0, originY: 0, userHeight: 3), softwareVersion: "9",
      communicator: try Communicator.world())
    let reader = try MapSetReader(path: target)
    #expect(reader.count == 6 && reader.description.area.spacing == 2)
    #expect(reader.description.area.userHeight == 3)
    #expect(reader.description.configuration.contains("maps: \"NLOS/with_nan\""))
    #expect(try reader.read(indices: [0, 5]) == [Known.map(0), Known.map(5)])
    #expect(try reader.read(indices: [2])[0][1, 3].isNaN)
    #expect(try reader.stations(indices: [4]) == [SIMD3(4, 40, 25)])
    // A failing import leaves what was there, and nothing of its own.
    let wrong = ImportOptions(maps: "NLOS/with_nan")
    let before = FileManager.default.contents(atPath: target)
    _ = fault {
      try MapImporter.run(
        path: fixture("maps/foreign.h5"), options: wrong, target: target, communicator: try Communicator.world(),
        overwrite: true)
    }
    #expect(FileManager.default.contents(atPath: target) == before)
    #expect(scratch.names == ["maps.h5"])
  }

  @Test func layersBesideTheMaps() throws {
    let target = scratch.file("layered.h5")
    let options = ImportOptions(
      maps: "NLOS/path_power", stations: "NLOS/bs_xy",
      layers: [.init(name: "coherent_power", source: "NLOS/power_f8_big"), .init(name: "seen", source: "NLOS/mask")])
    try MapImporter.run(
      path: fixture("maps/foreign.h5"), options: options, target: target, area: Area(originY: 2),
      communicator: try Communicator.world())
    let reader = try MapSetReader(path: target)
    #expect(reader.description.layers.map(\.name) == ["coherent_power", "seen"])
    #expect(reader.description.area.originX == 1 && reader.description.area.originY == 2)
    #expect(reader.description.configuration.contains("    seen: \"NLOS/mask\"\n"))
    #expect(try reader.read(layer: "coherent_power", indices: [3]) == [Known.map(3)])
    #expect(try reader.read(layer: "seen", indices: [1, 2]).map { $0.values.firstIndex(of: 0) } == [nil, 8])
    let small = ImportOptions(maps: "NLOS/single", layers: [.init(name: "seen", source: "NLOS/mask")])
    #expect(fault { _ = try open("foreign.h5", small) }?.what == "a layer has the wrong shape")
    let missing = ImportOptions(maps: "NLOS/single", layers: [.init(name: "seen", source: "NLOS/none")])
    #expect(fault { _ = try open("foreign.h5", missing) }?.place.contains("NLOS/none") == true)
    let taken = ImportOptions(maps: "NLOS/path_power", layers: [.init(name: "valid", source: "NLOS/mask")])
    let name = fault {
      try MapImporter.run(
        path: fixture("maps/foreign.h5"), options: taken, target: scratch.file("taken.h5"),
        communicator: try Communicator.world())
    }
    #expect(name?.what == "a layer cannot have this name")
  }
}
