import Foundation
import TestSupport
import Testing

/// Maps of cities, as users make them.
@Suite(.serialized) struct SimulateUrbanTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func urban(_ out: String, _ more: String...) -> [String] {
    ["simulate", "urban", "--out", folder.place(out)] + more
  }

  private func succeed(
    _ arguments: [String], ranks: Int = 1, location: SourceLocation = #_sourceLocation
  ) throws -> Command.Outcome {
    let outcome = try Command.launch(ranks: ranks, arguments, patience: 100)
    #expect(outcome.code == 0, "\(outcome.transcript)", sourceLocation: location)
    return outcome
  }

  /// Ranks and threads have no part in what is made.
  @Test func allRanksMakeTheSame() throws {
    let what = [
      "--environments", "3", "--stations", "4", "--size", "48", "--layers", "gain,corners,path_length,buildings",
      "--set", "variety.shadowing=4", "--set", "variety.exponents=0.1", "--set", "variety.antennas=0.5", "--set",
      "variety.texture=1",
    ]
    _ = try succeed(urban("one.h5", "--threads", "1") + what)
    _ = try succeed(urban("two.h5", "--threads", "2") + what, ranks: 2)
    #expect(FileManager.default.contentsEqual(atPath: folder.place("one.h5"), andPath: folder.place("two.h5")))
    let told = try succeed(["inspect", "data", folder.place("one.h5")])
    #expect(told.output.contains(/environments +3\n/) && told.output.contains("12 of 48 x 48"))
  }

  private func geoJSON(_ name: String, _ rings: String) throws -> String {
    let text = """
      {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry":
      {"type": "Polygon", "coordinates": [\(rings)]}}]}
      """
    try Data(text.utf8).write(to: URL(filePath: folder.place(name)))
    return folder.place(name)
  }

  /// The same house in metres and in degrees, and a station of one's own beside it.
  @Test func footprintsAreTakenInMetresAndInDegrees() throws {
    let metres = try geoJSON(
      "metres.geojson", "[[0, 0], [0, 30], [40, 30], [40, 0], [0, 0]], [[5, 5], [30, 5], [30, 25], [5, 25], [5, 5]]")
    try Data("x,y\n20,20\n".utf8).write(to: URL(filePath: folder.place("yard.csv")))
    _ = try succeed(
      urban(
        "metres.h5", "--footprints", metres, "--size", "60", "--stations", folder.place("yard.csv"), "--layers",
        "gain,line_of_sight"))
    let told = try succeed(["inspect", "data", folder.place("metres.h5")])
    #expect(told.output.contains("1 of 60 x 60") && told.output.contains(/station x +20 to 20 m/))
    #expect(told.output.contains("layer line_of_sight"))
    let degrees = try geoJSON(
      "degrees.geojson", "[[11.5, 48.1], [11.5, 48.1003], [11.5006, 48.1003], [11.5006, 48.1], [11.5, 48.1]]")
    _ = try succeed(urban("degrees.h5", "--footprints", degrees, "--size", "70", "--stations", "2"))
    let other = try succeed(["inspect", "data", folder.place("degrees.h5")])
    #expect(other.output.contains("2 of 70 x 70"))
  }

  /// A folder of cities, one after the other, and what they look like beside drawn ones.
  @Test func aFolderHasACityForEachEnvironment() throws {
    try FileManager.default.createDirectory(atPath: folder.place("cities"), withIntermediateDirectories: true)
    _ = try geoJSON("cities/b.geojson", "[[10, 10], [10, 40], [50, 40], [50, 10], [10, 10]]")
    _ = try geoJSON("cities/a.geojson", "[[0, 0], [0, 20], [64, 20], [64, 0], [0, 0]]")
    _ = try succeed(
      urban("cities.h5", "--footprints", folder.place("cities"), "--size", "64", "--stations", "2"), ranks: 2)
    _ = try succeed(urban("drawn.h5", "--environments", "3", "--size", "64", "--stations", "2"))
    let told = try succeed(
      [
        "inspect", "data", folder.place("cities.h5"), "--against", folder.place("drawn.h5"), "--out", folder.place("r"),
      ],
      ranks: 2)
    #expect(told.output.contains(/environments +2\n/) && told.output.contains("statistic of 2 cities"))
    #expect(told.output.contains(/\| building share +\| .* 0\.\d+ to 0\.\d+ \|/), "\(told.transcript)")
    let json = try String(contentsOfFile: folder.place("r/statistics.json"), encoding: .utf8)
    #expect(json.contains("\"cities\": 2") && json.contains("\"cities\": 3"))
    // A third environment is the first city again.
    _ = try succeed(
      urban(
        "more.h5", "--footprints", folder.place("cities"), "--size", "64", "--stations", "2", "--environments", "3"))
    let more = try succeed(["inspect", "data", folder.place("more.h5")])
    #expect(more.output.contains("6 of 64 x 64") && more.output.contains("statistic of 3 cities"))
    try Data("x,y\n5,50\n".utf8).write(to: URL(filePath: folder.place("one.csv")))
    let refused = try Command.run(
      urban("x.h5", "--footprints", folder.place("cities"), "--stations", folder.place("one.csv")))
    #expect(refused.code == 1 && refused.errors.contains("several cities"), "\(refused.transcript)")
    try FileManager.default.createDirectory(atPath: folder.place("none"), withIntermediateDirectories: true)
    let empty = try Command.run(urban("x.h5", "--footprints", folder.place("none")))
    #expect(empty.code == 1 && empty.errors.contains("no footprints"), "\(empty.transcript)")
  }

  @Test func whatIsWrongIsTold() throws {
    let open = try geoJSON("open.geojson", "[[0, 0], [0, 30], [40, 30], [40, 0]]")
    let house = try geoJSON("house.geojson", "[[10, 10], [10, 30], [40, 30], [40, 10], [10, 10]]")
    let point = try geoJSON("text.geojson", "[[0, 0], [0, \"a\"], [40, 30], [0, 0]]")
    try Data("{\"type\": \"FeatureCollection\", \"features\": []}".utf8).write(
      to: URL(filePath: folder.place("empty.json")))
    try Data("x,y\n20,20\n".utf8).write(to: URL(filePath: folder.place("inside.csv")))
    try Data("x,y\n20,200\n".utf8).write(to: URL(filePath: folder.place("outside.csv")))
    let cases: [([String], [String])] = [
      (["--footprints", open], ["open.geojson, feature 0, ring 0", "a ring is not closed"]),
      (["--footprints", point], ["a corner is no position", "[0,\"a\"]"]),
      (["--footprints", folder.place("empty.json")], ["the file has no buildings"]),
      (["--footprints", folder.place("none.geojson")], ["none.geojson"]),
      (
        ["--footprints", house, "--size", "64", "--stations", folder.place("inside.csv")],
        ["stands in a building", "row 0"]
      ),
      (
        ["--footprints", house, "--size", "64", "--stations", folder.place("outside.csv")],
        ["outside the area", "(20.0, 200.0)"]
      ),
      (["--footprints", fixture("radiomapseer/buildings_0.png"), "--size", "64"], ["256 x 256", "another size"]),
      (["--set", "law.turns=2"], ["law.turns"]), (["--size", "5000"], ["grid.columns"]),
      (["--set", "city.least_street=30"], ["city.greatest_street", "the range ends before it begins"]),
    ]
    for (options, told) in cases {
      let outcome = try Command.run(urban("x.h5") + options)
      #expect(outcome.code == 1, "\(options): \(outcome.transcript)")
      for words in told { #expect(outcome.errors.contains(words), "\(words) in \(outcome.transcript)") }
      #expect(!FileManager.default.fileExists(atPath: folder.place("x.h5")))
    }
  }
}
