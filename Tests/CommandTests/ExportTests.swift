import Foundation
import TestSupport
import Testing

/// Maps written for other tools, and taken in again.
@Suite(.serialized) struct ExportTests {
  private let folder: TemporaryDirectory
  private let maps: String

  init() throws {
    folder = try TemporaryDirectory()
    maps = folder.place("maps.h5")
    let array = try folder.file(
      "maps.npy",
      numPy(shape: [3, 12, 20]) {
        $0 % 240 >= 200 && $0 % 3 == 0 ? .nan : -70 - 0.37 * Float($0 % 240) - Float($0 / 240)
      })
    let stations = try folder.file("stations.csv", "y,x,z\n5803,1007,25\n5804,1009,25\n5805,1011,25\n")
    let buildings = try folder.file("buildings.npy", numPy(shape: [12, 20]) { Float($0 % 2) })
    try succeed([
      "import", array, "--nodata", "nan", "--stations", stations, "--spacing", "2.5", "--origin", "1001.25,5801.25",
      "--layer",
      "buildings=\(buildings)", "-o", maps,
    ])
  }

  @discardableResult
  private func succeed(_ arguments: [String], location: SourceLocation = #_sourceLocation) throws -> String {
    let outcome = try Command.run(arguments)
    try #require(outcome.code == 0, "\(outcome.transcript)", sourceLocation: location)
    return outcome.output
  }

  private func failure(_ arguments: [String]) throws -> String {
    let outcome = try Command.run(arguments)
    #expect(outcome.code == 1, "\(outcome.transcript)")
    return outcome.errors
  }

  private func isSame(_ other: String, _ parts: [String]) throws -> Bool {
    try parts.allSatisfy { try Command.start(["h5diff", "-q", maps, other, $0, $0]).code == 0 }
  }

  /// The values of a data set, NaN in its holes.
  private func values(_ dataSet: String) throws -> [Float] {
    let array = folder.place("values.npy")
    try succeed(["export", dataSet, "-o", array, "--overwrite"])
    let bytes = try Data(contentsOf: URL(fileURLWithPath: array))
    try FileManager.default.removeItem(atPath: array)
    let start = 10 + Int(bytes[8]) + Int(bytes[9]) << 8
    return bytes.dropFirst(start).withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
  }

  /// The greatest difference of values; infinite where holes differ.
  private func difference(_ first: [Float], _ second: [Float]) -> Float {
    guard first.count == second.count else { return .infinity }
    return zip(first, second).map { $0.isNaN && $1.isNaN ? 0 : $0.isNaN || $1.isNaN ? .infinity : abs($0 - $1) }.max()
      ?? 0
  }

  @Test(arguments: [
    ("again.npy", ["--nodata", "nan", "--spacing", "2.5", "--origin", "1001.25,5801.25"]),
    ("again.npz", []),
    ("again.tif", []),
  ])
  func roundTripsToTheBit(name: String, options: [String]) throws {
    let file = folder.place(name), again = folder.place("again.h5")
    #expect(try succeed(["export", maps, "-o", file]) == "\(file): 3 maps of 12 x 20, dB\n")
    try succeed(["import", file, "-o", again] + options)
    #expect(try difference(values(maps), values(again)) == 0)
    #expect(try isSame(again, ["/x", "/y"] + (name.hasSuffix("z") ? ["/station"] : [])))
    #expect(folder.contents == ["again.h5", name, "buildings.npy", "maps.h5", "maps.npy", "stations.csv"])
  }

  /// Within half a level of 65535 over about 90 dB.
  @Test func roundTripsOfPictures() throws {
    let pictures = folder.place("pictures/"), again = folder.place("again.h5")
    let told = try succeed(["export", maps, "-o", pictures])
    let line = try #require(told.split(separator: "\n").last)
    try succeed(["import", pictures, "--stations", pictures + "stations.csv", "-o", again])
    #expect(try isSame(again, ["/x", "/y", "/station"]))
    let resolution: Float = 90.0 / 65534 / 2 + 1e-5
    #expect(try (1e-6...resolution).contains(difference(values(maps), values(again))))
    // As it is told, for pictures that have lost their note: the same maps, though not their place.
    let words = try #require(line.split(separator: ": ").last).split(separator: " ").dropFirst().map(String.init)
    try succeed(words.dropLast() + [again, "--overwrite"])
    #expect(try difference(values(maps), values(again)) <= resolution)
    // A picture of another range beside them.
    try succeed(["export", maps, "-o", pictures + "odd.png", "--select", "1"])
    #expect(
      try failure(["import", pictures, "-o", again, "--overwrite"]).contains("say different things of themselves"))
    #expect(try failure(["export", maps, "-o", pictures, "--overwrite"]).contains("odd.png"))
    try FileManager.default.removeItem(atPath: pictures + "odd.png")
    try succeed(["export", maps, "-o", pictures, "--overwrite", "--select", "2,0", "--png-range", "0,-255"])
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: pictures).sorted()
        == ["map-0.png", "map-1.png", "range.json", "stations.csv"])
    #expect(
      try String(contentsOfFile: pictures + "stations.csv", encoding: .utf8).hasPrefix("x,y,z\n1011.0,5805.0,25.0\n"))
  }

  @Test func layersAreWrittenAsTheyAre() throws {
    let file = folder.place("buildings.tif")
    try succeed(["export", maps, "-o", file, "--maps", "buildings", "--select", "0-1"])
    let again = folder.place("again.h5")
    try succeed(["import", file, "-o", again, "--ignore-attributes", "--units", "dB"])
    #expect(try values(again) == (0..<480).map { Float($0 % 2) })
  }

  @Test(.enabled(if: (try? Command.start(["gdalinfo", "--version"]).code) == 0, "gdalinfo of gdal-bin is not there"))
  func gdalReadsTheRaster() throws {
    let file = folder.place("maps.tif")
    try succeed(["export", maps, "-o", file, "--epsg", "25832"])
    let info = try Command.start(["gdalinfo", "-stats", file], environment: ["GDAL_PAM_ENABLED": "NO"])
    for text in [
      "Size is 20, 12", "Origin = (1000.000000000000000,5830.000000000000000)",
      "Pixel Size = (2.500000000000000,-2.500000000000000)", "AREA_OR_POINT=Area", "ID[\"EPSG\",25832]]",
      "Band 3 Block=20x12 Type=Float32", "NoData Value=nan", "Unit Type: dB",
      "Description = sample 1, station 1009.0, 5804.0, 25.0 m", "COMPRESSION=DEFLATE", "STATISTICS_MAXIMUM=-70\n",
      "STATISTICS_VALID_PERCENT=94.58",
    ] { #expect(info.output.contains(text), "\(text) in \(info.transcript)") }
  }

  @Test func whatCannotBeExported() throws {
    for (arguments, text) in [
      (["-o", "maps.mat"], "found: .mat"), (["-o", "maps.jpg"], ".h5, .npy, .npz, .png (one map), .tif, or NAME/"),
      (["-o", "maps.png"], "at most 1"), (["-o", "maps.h5x"], "in this format already"),
      (["-o", "no/maps.npy"], "No such file"),
      (["-o", "a.npy", "--maps", "deviation"], "expected: buildings"),
      (["-o", "a.npy", "--select", "1,3"], "found: 3"),
      (["-o", "a.npz", "--maps", "buildings"], "no --maps"), (["-o", "a.npy", "--epsg", "25832"], "expected: .tif"),
      (["-o", "a.tif", "--epsg", "4326"], "a projected coordinate system"),
      (["-o", "a.tif", "--png-range", "-9,0"], "expected: .png"),
      (["-o", "a.png", "--select", "0", "--png-range", "-80,-60"], "outside the pictures' range"),
      (["-o", "stations.csv/"], "no folder"),
      (["-o", "maps.npy"], "the file exists"),
    ] {
      var arguments = arguments
      arguments[1] = folder.place(arguments[1])
      let errors = try failure(["export", maps] + arguments)
      #expect(errors.contains(text), "\(arguments): \(errors)")
    }
    #expect(try Command.run(["export", maps, "-o", folder.place("a.npy"), "--select", "1,1"]).code == 64)
    #expect(folder.contents == ["buildings.npy", "maps.h5", "maps.npy", "stations.csv"])
  }

  /// The ending of a result's name says its form, on any number of ranks.
  @Test(arguments: [1, 2])
  func reconstructionsInTheFormThatTheirNameSays(ranks: Int) throws {
    let start = ["reconstruct", "--method", "bilinear", "--data", maps, "--magnification", "2", "--threads", "1", "-o"]
    let names = ["fine.h5", "fine.npy", "fine.npz", "fine.tif", "fine/"]
    for name in names {
      let outcome = try Command.launch(ranks: ranks, start + [folder.place(name)], patience: 30)
      #expect(outcome.code == 0, "\(outcome.transcript)")
    }
    #expect(
      folder.contents == [
        "buildings.npy", "fine", "fine.h5", "fine.npy", "fine.npz", "fine.tif", "maps.h5", "maps.npy", "stations.csv",
      ])
    let again = folder.place("again.h5")
    for name in names.dropFirst() {
      try succeed(
        ["import", folder.place(name), "--overwrite", "-o", again] + (name.hasSuffix("y") ? ["--nodata", "nan"] : []))
      let difference = try difference(values(folder.place("fine.h5")), values(again))
      #expect(difference <= (name.hasSuffix("/") ? 1e-3 : 0), "\(name)")
    }
    for (name, text) in [
      ("fine.png", "at most 1"), ("fine.csv", "found: .csv"), ("no/fine.npy", "No such file"),
      ("fine.npy", "the file exists"),
    ] {
      let outcome = try Command.run(ranks: ranks, start + [folder.place(name)])
      #expect(
        outcome.rankCodes == [Int32](repeating: 1, count: ranks) && outcome.errors.contains(text),
        "\(outcome.transcript)")
    }
  }

  @Test func dataSetsAreHDF5() throws {
    for command in [
      ["import", folder.place("maps.npy"), "--nodata", "nan"],
      ["simulate", "uma", "--scenario", "los", "--count", "1"],
    ] {
      let errors = try failure(command + ["-o", folder.place("set.npz")])
      #expect(errors.contains("ckm export maps.h5 --out") && errors.contains("a name that ends in .h5"), "\(errors)")
      #expect(try failure(command + ["-o", folder.place("set.pt")]).contains("found: .pt"))
    }
  }
}
