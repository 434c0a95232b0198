import Essentials
import Foundation
@testable import MapStorage
import MessagePassing
import Testing
import TestSupport

/// Files that could be taken for something else than they are (`Fixtures/brought/make.py`): what they say is listened to,
/// and what they do not say is asked for, or told.
@Suite struct BroughtDoubtsTests: BroughtFiles {
  let scratch = Scratch()

  private func report(_ path: String, _ change: (inout ImportOptions) -> Void = { _ in }) throws -> ImportReport {
    var options = ImportOptions()
    change(&options)
    return try MapImporter.run(
      path: path.hasPrefix("/") ? path : brought(path), options: options, target: scratch.file("report.h5"),
      communicator: try Communicator.world(), overwrite: true
    ).report
  }

  /// The greatest error over valid places, and how many are not.
  private func compare(_ maps: ImportedMaps) throws -> (error: Float, invalid: Int) {
    #expect(maps.rows == 8 && maps.columns == 6)
    var error: Float = 0, invalid = 0
    for (sample, map) in try maps.read(0..<maps.count).enumerated() {
      for (place, value) in map.map.values.enumerated() {
        if map.mask?[place] == false {
          invalid += 1
        } else {
          error = max(error, abs(value - truth(sample, place / 6, place % 6)))
        }
      }
    }
    return (error, invalid)
  }

  // MARK: - Axes that the file names

  @Test func dimensionScalesAreAxes() throws {
    let named = try bring("scales_nxy.h5") { $0.maps = "power" }
    #expect(try compare(named) == (0, 0) && named.count == 3)
    #expect(
      abs(named.area.spacing - 5) < 1e-9 && abs(named.area.originX - 100) < 1e-9 && abs(named.area.originY - 200) < 1e-9
    )
    // Dimensions without lines have an order, and no places.
    let bare = try bring("scales_xyn.h5")
    #expect(try compare(bare) == (0, 0) && bare.count == 3 && bare.area == Area(spacing: 1, originX: 0, originY: 0))
    #expect(try report("scales_xyn.h5").notes.contains("shape: the file's axes are xyn, as it says"))
    // The user's word goes before the file's.
    #expect(try bring("scales_xyn.h5") { $0.axes = AxisOrder("yxn") }.rows == 6)
    let degrees = refusal("scales_degrees.h5") { $0.maps = "power" }
    #expect(
      degrees?.found == "its axes are in degrees_east and degrees_north" && degrees?.hint?.contains("`spacing`") == true
    )
    #expect(
      try compare(
        bring("scales_degrees.h5") {
          $0.maps = "power"
          $0.spacing = 1
        }) == (0, 0))
  }

  /// Masks lie as their maps do, whether they say so or not, and stations' rows are counted in the file.
  @Test func masksLieAsTheirMaps() throws {
    let mask = scratch.write("mask.npy", numPy(shape: [8, 6]) { isHole(7 - $0 / 6, $0 % 6) ? 0 : 1 })
    let stations = scratch.write("stations.npy", numPy(shape: [1, 2]) { [1, 2][$0] })
    for source in ["outdoor", "bare", mask] {
      let maps = try bring("scales_north_up.h5") {
        ($0.maps, $0.valid, $0.stations, $0.stationCoordinates) = ("power", source, stations, .columnRow)
      }
      #expect(try compare(maps) == (0, 4), "\(source)")
      let map = try maps.read(0..<1)[0]
      #expect(map.mask?.flags.indices.allSatisfy { map.mask?[$0] == !isHole($0 / 6, $0 % 6) } == true, "\(source)")
      #expect(map.station == SIMD3(5, 25, 0))
    }
    let twice = try report("scales_north_up.h5") {
      $0.maps = "power"
      $0.orientation = MapOrientation(transposes: false, flipsX: false, flipsY: true)
    }
    #expect(twice.warnings.count == 1 && twice.warnings[0].hasPrefix("the file says itself that its y falls"))
  }

  // MARK: - Numbers

  @Test func otherNamesOfAttributes() throws {
    let maps = try bring("other_names.h5")
    #expect(maps.units == "dBm")
    #expect(try compare(maps) == (0, 12))
  }

  @Test func placesThatNobodyWrote() throws {
    let (error, invalid) = try compare(bring("unwritten.h5"))
    #expect(error < 1e-5 && invalid == 12)
    // A fill value of 0 says nothing: a mask or a layer is made so.
    #expect(try !bring("boolean.h5") { $0.maps = "power" }.hasValid)
  }

  @Test func valuesThatStandAlone() throws {
    let warnings = try report("lone.npy").warnings
    #expect(
      warnings.count == 1 && warnings[0].hasPrefix("12 places of 3 maps have exactly 0, 60 dB from all other values"))
    #expect(warnings[0].hasSuffix("`nodata` 0"))
    #expect(try report("lone.npy") { $0.nodata = [.value(0)] }.warnings.isEmpty)
    #expect(try report("north_up.npy").warnings.isEmpty)
  }

  @Test func masksTheOtherWayAbout() throws {
    let report = try report("boolean.h5") { ($0.maps, $0.valid) = ("power", "buildings") }
    #expect(report.notes.contains("masks: 132 of 144 places hold nothing"))
    #expect(report.warnings == ["the masks hide 91 % of all places: if they are the other way about: `holes` instead"])
  }

  @Test(arguments: ["real_part.h5", "unit_range.npy", "grey_levels.npy"])
  func numbersThatAreHardlyGains(name: String) throws {
    let found = refusal(name)
    #expect(
      found?.what == "it cannot be known what the numbers are" && found?.hint?.contains("`picture_range`") == true)
    if name == "real_part.h5" { #expect(try bring(name) { $0.units = .decibel }.read(0..<3).count == 3) }
  }

  @Test func rangesOfArrays() throws {
    #expect(try compare(bring("unit_range.npy") { $0.greyRange = .init(black: -100, white: 0) }).error < 1e-4)
    #expect(try compare(bring("grey_levels.npy") { $0.greyRange = .init(black: -100, white: -50) }).error < 0.1)
    #expect(try compare(bring("hundredths.npy") { $0.scale = 0.01 }) == (0, 0))
    #expect(refusal("hundredths.npy") { $0.greyRange = .init(black: -100, white: 0) }?.found == "int16")
    #expect(refusal("hundredths.npy")?.hint?.contains("`scale_factor`") == true)
    let beyond = refusal("north_up.npy") { $0.greyRange = .init(black: -100, white: 0) }
    #expect(beyond?.what == "a number is beyond those that `picture_range` is for")
    let twice = refusal("unit_range.npy") { ($0.greyRange, $0.scale) = (.init(black: -100, white: 0), 2) }
    #expect(twice?.what == "what the numbers are is said twice")
  }

  @Test func fewLevelsOfManyBits() throws {
    let warnings = try report("low_levels") { $0.greyRange = .init(black: -100, white: 155) }.warnings
    #expect(warnings.count == 1 && warnings[0].hasSuffix("`picture_range` -100.0,65435.0"))
    #expect(try compare(bring("low_levels") { $0.greyRange = .init(black: -100, white: 65435) }).error <= 0.5)
  }

  // MARK: - Stations

  /// Maps that fall off from their stations, whose numbers are something else than metres.
  @Test(arguments: [
    (StationCoordinates.columnRow, 4.0, "`station_coordinates` column-row would mend it" as String?),
    (.rowColumn, 4, "`station_coordinates` row-column would mend it"), (.xy, 4, nil),
  ])
  func stationsInOtherCoordinates(coordinates: StationCoordinates, spacing: Double, advice: String?) throws {
    let places: [(x: Int, y: Int)] = [(13, 6), (35, 14), (9, 21), (40, 3)]
    let maps = scratch.write("maps.npy", falling(places, rows: 24, columns: 48))
    let scale = coordinates == .xy ? spacing : 1
    let stations = scratch.write(
      "stations.npy",
      numPy(shape: [4, 2]) {
        let isX = ($0 % 2 == 0) != (coordinates == .rowColumn)
        return Float(scale) * Float(isX ? places[$0 / 2].x : places[$0 / 2].y)
      })
    let warnings = try report(maps) { ($0.stations, $0.spacing) = (stations, spacing) }.warnings
    #expect(warnings.count == (advice == nil ? 0 : 1), "\(warnings)")
    if let advice { #expect(warnings.first?.hasSuffix(advice) == true, "\(warnings)") }
    let mended = try report(maps) {
      ($0.stations, $0.spacing, $0.stationCoordinates) = (stations, spacing, coordinates)
    }
    #expect(mended.warnings.isEmpty, "\(mended.warnings)")
  }

  @Test func powerThatRises() throws {
    let places: [(x: Int, y: Int)] = [(13, 6), (35, 14), (9, 21), (40, 3)]
    let maps = scratch.write("losses.npy", falling(places, rows: 24, columns: 48, sign: -1))
    let stations = scratch.write(
      "stations.npy", numPy(shape: [4, 2]) { Float($0 % 2 == 0 ? places[$0 / 2].x : places[$0 / 2].y) })
    let warnings = try report(maps) {
      ($0.stations, $0.units, $0.limits) = (stations, .decibel, ValueRange(minimum: -250, maximum: 200))
    }.warnings
    #expect(warnings.count == 1 && warnings[0].hasPrefix("power rises with the distance"), "\(warnings)")
  }

  private func falling(_ places: [(x: Int, y: Int)], rows: Int, columns: Int, sign: Double = 1) -> [UInt8] {
    numPy(shape: [places.count, rows, columns]) { index in
      let (sample, place) = (index / (rows * columns), index % (rows * columns))
      let x = Double(place % columns - places[sample].x), y = Double(place / columns - places[sample].y)
      return Float(sign * (-40 - 30 * log10(max(1, (x * x + y * y).squareRoot()))))
    }
  }

  @Test func degreesFarFromTheirOrigin() {
    let found = refusal("north_up.npy") {
      $0.stations = brought("stations_degrees.npy")
      ($0.stationCoordinates, $0.geographicOrigin) = (.lonLat, SIMD2(52.52, 13.405))
    }
    #expect(found?.what == "a station lies far from the place that degrees are counted from")
    #expect(found?.hint?.hasPrefix("is it `station_coordinates` lat-lon?") == true)
  }

  // MARK: - What to do instead

  @Test func hintsThatWork() throws {
    #expect(refusal("parts.npy")?.hint?.contains("array[:, :, :, 0] + 1j * array[:, :, :, 1]") == true)
    #expect(refusal("four_axes.npy")?.hint?.contains("array[:, 0, ...]") == true)
    #expect(refusal("grouped.h5")?.found == "the group run")
    #expect(refusal("grouped.h5") { $0.maps = "run" }?.what == "this is a group of data sets")
    #expect(try bring("grouped.h5") { $0.maps = "run/power" }.count == 3)
    #expect(refusal("one_map_each.h5")?.hint?.contains("numpy.stack") == true)
    let folder = scratch.file("arrays")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: brought("half.npy"), toPath: folder + "/map1.npy")
    let arrays = refusal(folder) { $0.greyRange = .init(black: -100, white: 0) }
    #expect(arrays?.found == "1 of .npy" && arrays?.hint?.contains("numpy.stack") == true)
  }

  @Test(arguments: [
    ("1.5,2\n3,4\n", "loadtxt('FILE', delimiter=',')"), ("1.5 2\n3 4\n", "loadtxt('FILE')"),
    ("a;b\n3;4\n", "loadtxt('FILE', delimiter=';', skiprows=1)"), ("[[1, 2], [3, 4]]", "json.load(open('FILE'))"),
    ("x,y,rsrp\n0,0,-80\n", "m[y, x] = t[:, 2]"), ("ncols 3\nnrows 2\n", "gdal_translate -of GTiff FILE maps.tif"),
  ])
  func tablesOfText(text: String, way: String) {
    let path = scratch.write("table.txt", Array(text.utf8))
    let hint = refusal(path)?.hint
    #expect(hint?.contains(way.replacingOccurrences(of: "FILE", with: path)) == true, "\(hint ?? "none")")
  }

  @Test func filesWithoutAnything() {
    #expect(refusal(scratch.write("empty.npy", []))?.found == "an empty file")
  }
}
