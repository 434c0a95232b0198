import Essentials
import Foundation
@testable import MapStorage
import MessagePassing
import Pictures
import Records
import Testing
import TestSupport

/// The archive as it was published, from the real maps of its city 0.
@Suite struct RadioMapSeerTests {
  let scratch = Scratch()
  private static let side = 256

  private func archive(_ cities: [Int] = [0], layers: [String] = []) throws -> PublishedArchive {
    try PublishedArchive(at: scratch.file("RadioMapSeer"), cities: cities, layers: layers)
  }

  private func open(
    _ path: String, _ part: RadioMapSeerPart = RadioMapSeerPart(), _ change: (inout ImportOptions) -> Void = { _ in }
  ) throws -> ImportedMaps {
    var options = ImportOptions()
    options.radioMapSeer = part
    change(&options)
    return try ImportedMaps(path: path, options: options)
  }

  /// The greys of a real picture, rows from the south.
  private func greys(_ name: String) throws -> [UInt16] {
    let image = try GreyImage.read(fixture("radiomapseer/\(name)"))
    return (0..<Self.side).flatMap { image.samples[(Self.side - 1 - $0) * Self.side..<(Self.side - $0) * Self.side] }
  }

  @Test func everyValueIsTheLaws() throws {
    let maps = try open(try archive([3, 12]).root)
    #expect(maps.count == 12 && maps.rows == Self.side && maps.columns == Self.side && maps.units == "dB")
    #expect(maps.area == Area(spacing: 1, originX: 0, originY: 0, userHeight: 1.5))
    #expect(maps.layers.map(\.name) == ["buildings"])
    let read = try maps.read(0..<12), layers = try maps.layers(0..<12)
    let built = try greys("buildings_0.png")
    for (sample, map) in read.enumerated() {
      let transmitter = PublishedArchive.transmitters[sample % 6]
      let antenna = try #require(PublishedArchive.antennas[transmitter])
      #expect(map.station == SIMD3(Float(antenna.x), Float(antenna.y), 1.5))
      #expect(map.environment == (sample < 6 ? 3 : 12))
      #expect(abs(map.map[antenna.y, antenna.x] + 47.84) < 1e-4)
      let greys = try greys("0_\(transmitter).png")
      let worst = zip(map.map.values, greys).map { abs($0 - (-147 + Float($1) / 255 * (147 - 47.84))) }.max() ?? 1
      #expect(worst < 1e-4)
      #expect(map.mask == Mask(built.map { $0 == 0 }))
      #expect(layers["buildings"]?[sample].values == built.map { $0 == 0 ? 0 : 1 })
    }
  }

  /// A house in the north west and an antenna in the south: what is built, what is received and where it is sent from lie as the
  /// archive's picture shows them, and as pictures do that are imported one by one.
  @Test func yPointsUp() throws {
    let archive = try archive()
    var city = [UInt16](repeating: 0, count: Self.side * Self.side), gain = city
    for row in 0..<Self.side {
      for column in 0..<Self.side {
        let isHouse = row < 10 && column < 30
        city[row * Self.side + column] = isHouse ? 255 : 0
        gain[row * Self.side + column] = isHouse ? 0 : UInt16(250 - (abs(row - 200) + abs(column - 50)) / 2)
      }
    }
    gain[200 * Self.side + 50] = 255
    func write(_ samples: [UInt16], _ name: String) throws {
      try GreyImage(width: Self.side, height: Self.side, bitDepth: 8, samples: samples).write(to: archive.file(name))
    }
    try write(gain, "gain/DPM/0_0.png")
    try write(city, "png/buildings_complete/0.png")
    try archive.write(PublishedArchive.table([[50, 55]]), "antenna/0.json")
    let part = RadioMapSeerPart(transmitters: [0])
    let map = try open(archive.root, part).read(0..<1)[0]
    #expect(map.station == SIMD3(50, 55, 1.5))
    #expect(abs(map.map[55, 50] + 47.84) < 1e-4)
    #expect(map.map.values.max() == map.map[55, 50])
    #expect(map.mask?[250 * Self.side + 20] == false && map.mask?[5 * Self.side + 20] == true)
    let moved = try open(archive.root, part) { $0.origin = SIMD2(1000, 2000) }
    #expect(try moved.read(0..<1)[0].station == SIMD3(1050, 2055, 1.5))
    #expect(moved.area == Area(originX: 1000, originY: 2000))
    var options = ImportOptions(
      stations: scratch.write("column,row,height\n50,200,1.5\n", to: "stations.csv"),
      valid: nil)
    options.greyRange = ImportOptions.GreyRange(black: -147, white: -47.84)
    options.orientation = MapOrientation(transposes: false, flipsX: false, flipsY: true)
    options.holes = archive.file("png/buildings_complete/0.png")
    let alone = try ImportedMaps(path: archive.file("gain/DPM/0_0.png"), options: options).read(0..<1)[0]
    #expect(alone.map == map.map && alone.mask == map.mask && alone.station == map.station)
  }

  @Test func otherLawsAndAThreshold() throws {
    let root = try archive().root
    let plain = try open(root).read(0..<1)[0]
    let rounded = try open(root) { $0.greyRange = ImportOptions.GreyRange(black: -147, white: -47) }.read(0..<1)[0]
    let cut = try open(root) { $0.threshold = -127 }.read(0..<1)[0]
    var lower = 0
    for (index, grey) in try greys("0_0.png").enumerated() where plain.mask?[index] == true {
      // BS-1-to-N: 0.01 for each dB.
      #expect(abs(rounded.map.values[index] - (Float(grey) / 255 * 100 - 147)) < 1e-4)
      #expect(cut.map.values[index] == max(-127, plain.map.values[index]))
      lower += plain.map.values[index] < -127 ? 1 : 0
    }
    #expect(lower > 1000)
  }

  @Test func missingFilesAreNamed() throws {
    let archive = try archive([0, 1, 2], layers: ["cars"])
    try archive.remove("gain/DPM/1_10.png", "gain/DPM/1_11.png", "antenna/2.json", "png/cars/0.png")
    let found = fault { try open(archive.root) }
    #expect(found?.place == archive.root && found?.expected == "transmitters 0-1,10-13 in each of the cities 0-2")
    #expect(found?.found == "3 missing: gain/DPM/1_10.png, gain/DPM/1_11.png, antenna/2.json")
    #expect(found?.hint?.contains("`allow_missing`") == true)
    func layer(_ options: inout ImportOptions) { options.layers = [.init(name: "vehicles", source: "cars")] }
    #expect(fault { try open(archive.root, RadioMapSeerPart(), layer) }?.found?.contains("4 missing") == true)
    // What has all that belongs to it.
    var part = RadioMapSeerPart(allowsMissing: true)
    let rest = try open(archive.root, part)
    #expect(rest.count == 10)
    #expect(try rest.read(6..<8).map(\.environment) == [1, 1])
    #expect(rest.report(ImportTally()).warnings.first?.contains("gain/DPM/1_10.png") == true)
    let cars = try open(archive.root, part, layer)
    #expect(cars.count == 4 && cars.layers.map(\.name) == ["buildings", "vehicles"])
    part.cities = [2]
    #expect(fault { try open(archive.root, part) }?.what == "no map of the archive is left")
    // A part that is whole asks for nothing; one that is asked for has to be there.
    #expect(try open(archive.root, RadioMapSeerPart(cities: [0])).count == 6)
    #expect(try open(archive.root, RadioMapSeerPart(cities: [1, 0], transmitters: [13, 0])).count == 4)
    let lacking = fault { try open(archive.root, RadioMapSeerPart(cities: [0], transmitters: Array(0...11))) }
    #expect(
      lacking?.found
        == "8 missing: gain/DPM/0_2.png, gain/DPM/0_3.png, gain/DPM/0_4.png, gain/DPM/0_5.png, gain/DPM/0_6.png, …")
  }

  @Test func damagedFilesAreNamed() throws {
    let archive = try archive()
    func refused(_ name: String, _ expected: String, location: SourceLocation = #_sourceLocation) {
      let found = fault { _ = try open(archive.root).read(0..<6) }
      #expect(
        found?.place.hasPrefix(archive.file(name)) == true && found?.description.contains(expected) == true,
        "\(String(describing: found))", sourceLocation: location)
    }
    let gain = "gain/DPM/0_11.png"
    try archive.cut(gain)
    refused(gain, "a whole PNG file")
    try Data().write(to: URL(fileURLWithPath: archive.file(gain)))
    refused(gain, "PNG")
    try GreyImage(width: 128, height: 256, bitDepth: 8, samples: [UInt16](repeating: 9, count: 128 * 256))
      .write(to: archive.file(gain))
    refused(gain, "128 x 256, grey of 8 bits")
    try GreyImage(width: 256, height: 256, bitDepth: 16, samples: [UInt16](repeating: 9, count: 256 * 256))
      .write(to: archive.file(gain))
    refused(gain, "256 x 256, grey of 16 bits")
    try ColourImage(width: 256, height: 256, fill: Colour(red: 1, green: 2, blue: 3)).write(to: archive.file(gain))
    refused(gain, "colours")
    try archive.copy("0_11.png", gain)
    let buildings = "png/buildings_complete/0.png"
    try archive.copy("0_11.png", buildings)
    #expect(fault { _ = try open(archive.root).read(0..<1) }?.found?.contains("(0.png)") == true)
    try archive.cut(buildings)
    refused(buildings, "a whole PNG file")
    try archive.copy("buildings_0.png", buildings)
    let antenna = "antenna/0.json"
    for (text, told) in [
      ("[[1, 2], [3, 4]]", "too few antennas"), ("{\"a\": 1}", "no table of antennas"), ("[[1, 2, 3]]", "[1,2,3]"),
      ("[[1, 256], [1, 2]]", "off its map"), ("[[1,", "0.json"),
    ] {
      try archive.write(text, antenna)
      refused(antenna, told)
    }
  }

  @Test func whatIsNoArchiveIsTold() throws {
    let archive = try archive()
    try archive.copy("0_0.png", "gain/IRT2/0_0.png")
    #expect(fault { try open(archive.root) }?.expected == "`method`, one of DPM, IRT2")
    #expect(try open(archive.root, RadioMapSeerPart(method: "IRT2")).count == 1)
    let other = fault { try open(archive.root, RadioMapSeerPart(method: "IRT4")) }
    #expect(other?.place == archive.file("gain") && other?.expected == "DPM, IRT2" && other?.found == "IRT4")
    // From a folder above; other files are left out, and told.
    try archive.write("", "gain/IRT2/Thumbs.db")
    let above = try open(scratch.path, RadioMapSeerPart(method: "IRT2"))
    #expect(above.report(ImportTally()).notes.contains { $0.contains("1 files of other names, such as Thumbs.db") })
    _ = try PublishedArchive(at: scratch.file("second"))
    #expect(fault { try open(scratch.path) }?.found == "RadioMapSeer, second")
    #expect(fault { try open(archive.file("png")) }?.found == "buildings_complete")
    #expect(fault { try open(archive.file("antenna/0.json")) }?.what == "this is no archive of RadioMapSeer")
    #expect(
      fault {
        try open(archive.root, RadioMapSeerPart(method: "DPM")) { $0.layers = [.init(name: "a", source: "roads")] }
      }?
      .expected == "buildings_complete")
    try archive.remove("gain/DPM", "gain/IRT2")
    try archive.copy("0_0.png", "gain/0_0.png")
    #expect(fault { try open(archive.root) }?.found?.contains("RadioMap3DSeer") == true)
  }

  /// An import that ends at a damaged file keeps what it has, and goes on when the file is mended.
  @Test func goesOnWhereItWas() throws {
    let archive = try archive(Array(0..<4)), world = try Communicator.world()
    let console = Console(isEnabled: false)
    func take(_ name: String, _ change: (inout ImportOptions) -> Void = { _ in }) throws {
      var options = ImportOptions()
      options.radioMapSeer = RadioMapSeerPart()
      change(&options)
      _ = try MapImporter.runInBlocks(
        path: archive.root, options: options, target: scratch.file(name), communicator: world, console: console)
    }
    try take("whole.h5")
    try archive.cut("gain/DPM/3_13.png")
    let damage = fault { try take("maps.h5") }
    #expect(damage?.place == archive.file("gain/DPM/3_13.png"))
    #expect(scratch.names.contains("maps.h5.partial") && !scratch.names.contains("maps.h5"))
    try archive.copy("0_13.png", "gain/DPM/3_13.png")
    let other = fault { try take("maps.h5") { $0.threshold = -127 } }
    #expect(other?.what == "an interrupted run has left parts of another data set")
    // What it has is not read again.
    try archive.cut("gain/DPM/0_0.png")
    try take("maps.h5")
    #expect(FileManager.default.contentsEqual(atPath: scratch.file("whole.h5"), andPath: scratch.file("maps.h5")))
    #expect(scratch.names == ["RadioMapSeer", "maps.h5", "whole.h5"])
    let reader = try MapSetReader(path: scratch.file("maps.h5"))
    #expect(reader.count == 24 && reader.description.configuration.contains("cities: \"0-3\""))
    #expect(reader.description.longName == "channel gain by DPM" && reader.description.area.userHeight == 1.5)
    #expect(try reader.environments(indices: [0, 23]) == [0, 3])
  }
}
