import Essentials
import Foundation
@testable import MapStorage
import MessagePassing
import Testing
import TestSupport

/// Files as people bring them (`Fixtures/brought/make.py`): how they lie, and where their stations stand.
@Suite struct BroughtPlacesTests: BroughtFiles {
  let scratch = Scratch()

  // MARK: - Orientation and axes

  @Test func axesInAnyOrder() throws {
    try requireTruth(
      try bring("north_up.npy") { $0.orientation = MapOrientation(transposes: false, flipsX: false, flipsY: true) })
    try requireTruth(try bring("map_last.npy") { $0.axes = AxisOrder("yxn") })
    try requireTruth(try bring("transposed.npy") { $0.axes = AxisOrder("n,x,y") })
    try requireTruth(
      try bring("transposed.npy") { $0.orientation = MapOrientation(transposes: true, flipsX: false, flipsY: false) })
    #expect(refusal("map_last.npy") { $0.axes = AxisOrder("yx") }?.what == "the order of axes does not fit the array")
    #expect(AxisOrder("nxx") == nil && AxisOrder("ny") == nil && AxisOrder("abc") == nil)
  }

  @Test func matlabKeepsAxesInReverse() throws {
    let found = refusal("matlab_v73.mat") { $0.maps = "A" }
    #expect(found?.hint == "`axes` nxy for A(y,x,map), `axes` nyx for A(x,y,map)")
    let maps = try bring("matlab_v73.mat") {
      $0.maps = "A"
      $0.axes = AxisOrder("nxy")
      $0.stations = "bs"
    }
    try requireTruth(maps)
    #expect(try maps.read(0..<3).map(\.station) == [SIMD3(1, 2, 25), SIMD3(2, 3, 25), SIMD3(4, 5, 25)])
  }

  @Test func placesOfTheFile() throws {
    let maps = try bring("axes.h5")
    try requireTruth(maps)
    #expect(maps.area == Area(spacing: 5, originX: 100, originY: 205))
    let told = try bring("axes.h5") {
      $0.spacing = 2
      $0.origin = SIMD2(1, 1)
    }
    #expect(told.area == Area(spacing: 2, originX: 1, originY: 1))
  }

  @Test func stationsInOtherCoordinates() throws {
    func station(_ file: String, _ coordinates: StationCoordinates?, _ change: (inout ImportOptions) -> Void = { _ in })
      throws
      -> SIMD3<Float>?
    {
      try bring("north_up.npy") {
        $0.orientation = MapOrientation(transposes: false, flipsX: false, flipsY: true)
        $0.spacing = 2
        $0.stations = brought(file)
        $0.stationCoordinates = coordinates
        change(&$0)
      }.read(2..<3)[0].station
    }
    #expect(try station("stations.npy", nil) == SIMD3(4, 5, 25))
    #expect(try station("stations_yx.npy", .yx) == SIMD3(4, 5, 25))
    // Row 5 of 8 in a file whose first row is the greatest y: 7 - 5 rows of 2 m up.
    #expect(try station("stations.npy", .columnRow) == SIMD3(8, 4, 25))
    #expect(try station("stations_yx.npy", .rowColumn) == SIMD3(8, 4, 25))
    #expect(fault { _ = try station("stations_degrees.npy", nil) }?.what == "the stations look like degrees")
    #expect(fault { _ = try station("stations_degrees.npy", .latLon) }?.hint == "`geo_origin` 52.5200,13.4050")
    let place = try station("stations_degrees.npy", .latLon) { $0.geographicOrigin = SIMD2(52.52, 13.405) }
    // WGS 84 at 52.52 degrees: 111,267 m a degree of latitude, 67,880 m of longitude.
    #expect(abs((place?.x ?? 0) - 2.036) < 0.01 && abs((place?.y ?? 0) - 4.451) < 0.01)
    #expect(fault { _ = try station("stations_of_one.npy", nil) }?.hint?.contains("each of them") == true)
  }

  /// A map that falls off from its station, beside its images.
  @Test(arguments: [
    (MapOrientation(transposes: false, flipsX: false, flipsY: true), "`flip` y would mend it"),
    (MapOrientation(transposes: false, flipsX: true, flipsY: true), "`flip` xy would mend it"),
    (MapOrientation(transposes: true, flipsX: false, flipsY: false), "`transpose` would mend it"),
    (MapOrientation(), nil),
  ])
  func mapsThatLieOtherwiseThanTheirStations(turn: MapOrientation, advice: String?) throws {
    let places: [(x: Int, y: Int)] = [(3, 20), (25, 14), (9, 4)]
    let maps = scratch.write(
      "turned.npy",
      numPy(shape: [3, 32, 32]) { index in
        let (sample, place) = (index / 1024, index % 1024)
        let seen = turn.place(row: place / 32, column: place % 32, rows: 32, columns: 32)
        let x = Double(seen.column - places[sample].x), y = Double(seen.row - places[sample].y)
        return Float(-40 - 30 * log10(max(1, (x * x + y * y).squareRoot())))
      })
    let stations = scratch.write(
      "stations.npy", numPy(shape: [3, 2]) { Float($0 % 2 == 0 ? places[$0 / 2].x : places[$0 / 2].y) })
    var options = ImportOptions()
    options.stations = stations
    let target = scratch.file("turned.h5")
    let world = try Communicator.world()
    let report: ImportReport = try MapImporter.run(
      path: maps, options: options, target: target, communicator: world, overwrite: true
    ).report
    #expect(report.warnings.count == (advice == nil ? 0 : 1), "\(report.warnings)")
    if let advice { #expect(report.warnings.first?.hasSuffix(advice) == true, "\(report.warnings)") }
    guard advice != nil else { return }
    // The flag that it names does mend it. Turning and turning back are the same but for a transposed flip.
    options.orientation = turn
    let mended = try MapImporter.run(
      path: maps, options: options, target: target, communicator: world, overwrite: true
    ).report
    #expect(mended.warnings.isEmpty, "\(mended.warnings)")
  }

  @Test func stationsOffTheirMaps() throws {
    let stations = scratch.write("stations.npy", numPy(shape: [3, 2]) { [300, 10, 20, 30, 40, 50][$0] })
    var options = ImportOptions()
    options.stations = stations
    let report = try MapImporter.run(
      path: brought("north_up.npy"), options: options, target: scratch.file("off.h5"),
      communicator: try Communicator.world()
    ).report
    #expect(
      report.warnings.first?.hasPrefix("3 of 3 stations lie off their maps, by up to 295 m") == true,
      "\(report.warnings)")
  }

  // MARK: - Shapes

  @Test func axesOfOneElement() throws {
    try requireTruth(try bring("channel.npy"))
    try requireTruth(try bring("one_picture.npy"), count: 1)
    #expect(refusal("four_axes.npy")?.found == "[3, 2, 8, 6]")
    #expect(refusal("four_axes.npy")?.hint?.contains("numpy.save") == true)
  }

  @Test func picturesOfSeveralSizes() {
    let found = refusal("mixed_sizes") { $0.greyRange = .init(black: -147, white: -47) }
    #expect(found?.place.hasSuffix("2.png") == true && found?.found == "1 of 4 x 4, 2 of 6 x 8")
  }

  @Test func mapsWithoutAnyValue() throws {
    let maps = try bring("all_holes.npy") { $0.nodata = [.value(.nan)] }
    let found = fault { _ = try maps.read(0..<3) }
    #expect(found?.what == "a map has no valid place" && found?.found == "none in sample 1")
  }
}
