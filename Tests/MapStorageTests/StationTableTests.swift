import Essentials
@testable import MapStorage
import Testing
import TestSupport

/// Stations in tables, as spreadsheets, GIS tools, pandas and NumPy write them.
@Suite struct StationTableTests {
  let scratch = Scratch()

  private func table(_ text: String) throws -> StationTable {
    try StationTable(scratch.write(text, to: "stations.csv"))
  }

  private func numbers(_ table: StationTable) throws -> [[Double]] {
    let values = try table.doubles(rows: 0..<table.shape[0])
    return (0..<table.shape[0]).map { Array(values[$0 * table.shape[1]..<($0 + 1) * table.shape[1]]) }
  }

  private static let places = [[1.5, 2, 25], [-3, 4.25, 30]]

  @Test(arguments: [
    // Plain, with a header, in another order, with what is no place, as spreadsheets of Europe and of America write it.
    "x,y,z\n1.5,2,25\n-3,4.25,30\n",
    "\u{FEFF}Name;Northing [m];Easting [m];Height (m)\r\n\"Mast; old\";2,0;1,5;25\r\n\"Mast \"\"B\"\"\";4,25;-3,0;30\r\n",
    "z\ty\tx\n25\t2\t1.5\n30\t4.25\t-3\n",
    "# x y z\n1.5 2 25\n-3   4.25 30\n",
    "# made by hand\nBS_X, BS_Y, BS_ALT\n\n1.5, 2.0, 25.0\n# a comment\n-3, 4.25, 3e1\n",
    "sample,x,y,height,power\n4,1.5,2,25,40\n7,-3,4.25,30,43\n",
    "id,utm_x,utm_y,h_m,environment\nB7,1.5,2,25,1\nA3,-3,4.25,30,1\n",
    #"[{"x": 1.5, "y": 2, "z": 25}, {"z": 30, "y": 4.25, "x": -3}]"#,
    #"{"stations": [{"y": 2, "x": 1.5, "alt": 25}, {"x": -3, "y": 4.25, "alt": 30}]}"#,
    #"{"x": [1.5, -3], "y": [2, 4.25], "z": [25, 30]}"#,
  ])
  func namedColumns(text: String) throws {
    let table = try table(text)
    #expect(try numbers(table) == Self.places)
    #expect(table.facts.coordinates == .xy)
  }

  @Test(arguments: [
    "1.5,2,25\n-3,4.25,30\n", "1,5;2;25\n-3;4,25;30", "1.5 2 25\n-3 4.25 30", "A,1.5,2,25\nB,-3,4.25,30\n",
    "[[1.5, 2, 25], [-3, 4.25, 30]]",
  ])
  func columnsWithoutNames(text: String) throws {
    let table = try table(text)
    #expect(try numbers(table) == Self.places)
    #expect(table.facts.coordinates == nil && table.facts.type.hasPrefix("columns without names"))
  }

  @Test func degreesAndPixels() throws {
    for text in [
      "lat,lon\n52.5,13.4\n52.6,13.5\n", "Longitude (deg);Latitude (deg)\n13,4;52,5\n13,5;52,6\n",
      #"{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": {"type": "Point", "coordinates": [13.4, 52.5]}}, {"type": "Feature", "properties": {"h": 3}, "geometry": {"type": "Point", "coordinates": [13.5, 52.6]}}]}"#,
    ] {
      let table = try table(text)
      #expect(try numbers(table) == [[13.4, 52.5], [13.5, 52.6]])
      #expect(table.facts.coordinates == .lonLat)
    }
    let pixels = try table("row,col\n3,4\n")
    #expect(try numbers(pixels) == [[4, 3]] && pixels.facts.coordinates == .columnRow)
  }

  @Test(arguments: [
    ("x,y\n1,2\n3,four\n", "line 3, column 2 (y)", "\"four\""), ("x,y\n1,2\n3\n", "line 3", "1"),
    ("x,y\n1,2\n,4\n", "line 3, column 1 (x)", "nothing"), ("x;y\n1;2\n\"3;4\n", "line 3", nil),
    ("0,10,20\n1,30,40\n", "stations.csv", "0, 1, ..."), ("1,2,3,4\n", "stations.csv", "4 columns of numbers"),
    ("id,x,y\n1,5,6\n0,7,8\n", "line 3, column 1", "0.0 after 1.0"),
    ("map,x,y\n4,5,6\n2,7,8\n", "line 3, column 1", "2.0 after 4.0"),
    ("tx_x,tx_y,rx_x,rx_y\n1,2,3,4\n", "stations.csv", "tx_x, rx_x"), ("x,power\n1,2\n", "stations.csv", "x, power"),
    ("x [km],y [km]\n1,2\n", "column 1", "\"km\" in \"x [km]\""), ("\n# nothing\n", "stations.csv", nil),
    ("1,5 2,5\n3,5 4,5\n", "line 1, column 2", "\"5 2\""), ("[[1, 2], 3]", "item 1", "3"),
    (#"[{"x": 1, "y": 2}, {"x": 1}]"#, "item 1, column 2 (y)", "nothing"),
    (#"{"a": 1}"#, "stations.csv", "an object of a"),
  ])
  func refusals(text: String, place: String, found: String?) {
    let fault = fault { try table(text) }
    #expect(fault?.place.contains(place) == true && fault?.found == found, "\(String(describing: fault))")
  }

  /// Who says of named columns in which order the file has them is not to have them swapped.
  @Test func orderIsNotSaidTwice() throws {
    var options = ImportOptions()
    options.stations = scratch.write("lat,lon\n52.0001,13\n52.0001,13\n", to: "degrees.csv")
    options.geographicOrigin = SIMD2(52, 13)
    let maps = scratch.write("maps.npy", numPy(shape: [2, 32, 32]) { -60 - Float($0 % 32) })
    for coordinates: StationCoordinates? in [nil, .latLon, .lonLat] {
      options.stationCoordinates = coordinates
      let station = try #require(try ImportedMaps(path: maps, options: options).read(0..<1)[0].station)
      #expect(station.x == 0 && abs(station.y - 11.1) < 0.1, "\(String(describing: coordinates))")
    }
  }

  /// A table beside maps, and environments out of the same file.
  @Test func besideMaps() throws {
    let maps = scratch.write("maps.npy", numPy(shape: [2, 8, 8]) { -60 - Float($0 % 8) })
    var options = ImportOptions()
    options.stations = scratch.write("z;y;x;environment\n25;2;1,5;3\n30;4,25;3;4\n", to: "sites.csv")
    options.environments = options.stations
    let read = try ImportedMaps(path: maps, options: options).read(0..<2)
    #expect(read.map(\.station) == [SIMD3(1.5, 2, 25), SIMD3(3, 4.25, 30)] && read.map(\.environment) == [3, 4])
    options.environments = scratch.file("sites.csv") + ":z"
    #expect(try ImportedMaps(path: maps, options: options).read(0..<2).map(\.environment) == [25, 30])
    options.environments = scratch.file("sites.csv") + ":site"
    #expect(fault { try ImportedMaps(path: maps, options: options) }?.found == "z, y, x, environment")
    options.environments = nil
    options.stations = scratch.write("x,y\n1,2\n", to: "one.csv")
    #expect(fault { try ImportedMaps(path: maps, options: options) }?.hint?.contains("each of them") == true)
    options.stations = scratch.write("lat,lon\n52,13\n52,13\n", to: "degrees.csv")
    #expect(fault { try ImportedMaps(path: maps, options: options) }?.hint?.contains("geo_origin") == true)
    #expect(fault { try StationList.read(scratch.file("degrees.csv")) }?.found == "lon-lat")
  }
}
