import Essentials
import Testing

@testable import Conditioning

/// Scenes of several stations: maps and stations turn together, and grey levels are those of the archive.
@Suite struct StationSceneTests {
  @Test(arguments: GridSymmetry.allCases) func stationsTurnWithTheirMaps(_ symmetry: GridSymmetry) {
    // A map that is 1 where the station stands and 0 elsewhere.
    let side = 7
    for place in [0, 5, 17, 48] {
      var grey = [Float](repeating: 0, count: side * side)
      grey[place] = 1
      let view = StationView(
        grey: grey, mask: Mask(grey.map { $0 > 0 }), position: SIMD2(Double(place / side), Double(place % side)))
      let scene = StationScene(rows: side, columns: side, sources: [view], targets: [view]).seen(as: symmetry)
      for view in scene.sources + scene.targets {
        let (row, column) = (Int(view.position.x), Int(view.position.y))
        #expect(view.grey[row * side + column] == 1 && view.grey.reduce(0, +) == 1)
        #expect(view.mask?[row * side + column] == true)
      }
    }
  }

  @Test func greyLevels() {
    let range = GreySection().range
    #expect(range.grey(-147) == 0 && range.grey(-47) == 1 && range.grey(-200) == 0 && range.grey(0) == 1)
    #expect(abs(range.grey(-97) - 0.5) < 1e-6 && range.decibels(grey: 0.25) == -122)
    let map = StationMap(
      ChannelFingerprint(rows: 1, columns: 2, values: [-97, -97]), mask: Mask([true, false]),
      station: SIMD3(12, 20, 3))
    #expect(range.grey(map) == [0.5, 0])
    let area = Area(spacing: 2, originX: 10, originY: 20)
    #expect(area.position(of: SIMD3(12, 20, 3)) == SIMD2(0, 1))
    #expect(throws: Fault.self) { try area.position(of: SIMD3(12, 18.5, 3), rows: 1, columns: 2, at: "here") }
    #expect((try? map.view(range, in: area))?.position == SIMD2(0, 1))
  }

  /// The environment's own order, whatever else is in the data.
  @Test func sceneIndex() {
    let index = SceneIndex(environments: [7, 3, 7, 3, 9], among: [0, 1, 2, 3])
    #expect(index.entries.map(\.environment) == [3, 7] && index.entries.map(\.maps) == [[1, 3], [0, 2]])
    #expect(throws: Fault.self) { try index.require(stations: 3, at: "data") }
    #expect(SceneChoice.order(index.entries[1]).sorted() == [0, 2])
  }

  /// A plane stays nearly one under a hole, a lone value is everywhere, and what is there stays.
  @Test func holesAreFilledFromAround() {
    let (rows, columns) = (13, 10)
    let plane = (0..<rows * columns).map { Float($0 / columns) + 2 * Float($0 % columns) }
    let mask = Mask(plane.indices.map { !(4..<8).contains($0 / columns) || !(3..<7).contains($0 % columns) })
    let holed = plane.indices.map { mask[$0] ? plane[$0] : 0 }
    let whole = filled(holed, mask, rows: rows, columns: columns)
    for place in plane.indices {
      #expect(mask[place] ? whole[place] == plane[place] : abs(whole[place] - plane[place]) < 6)
    }
    let lone = Mask(plane.indices.map { $0 == 57 })
    #expect(filled(plane, lone, rows: rows, columns: columns).allSatisfy { abs($0 - plane[57]) < 1e-4 })
    let none = Mask([Bool](repeating: false, count: rows * columns))
    #expect(filled(plane, none, rows: rows, columns: columns) == plane)
    var section = GreySection()
    let map = StationMap(ChannelFingerprint(rows: 1, columns: 2, values: [-97, -147]), mask: Mask([true, false]))
    #expect(section.drawn(map) == [0.5, 0])
    section.holes = .filled
    #expect(section.drawn(map) == [0.5, 0.5])
  }
}
