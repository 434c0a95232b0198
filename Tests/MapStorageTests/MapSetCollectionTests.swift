import Essentials
import Foundation
import MapStorage
import MessagePassing
import Testing
import TestSupport

@Suite struct MapSetCollectionTests {
  let scratch = Scratch()

  /// Two maps of 2 x 2 whose values tell file and map.
  private func write(_ name: String, first: Float, environments: [Int32] = [], area: Area = Area()) throws -> String {
    let path = scratch.file(name)
    var description = MapSetDescription(rows: 2, columns: 2, area: area)
    description.hasEnvironments = !environments.isEmpty
    let writer = try MapSetWriter.create(
      path: path, description: description, count: 2, communicator: try Communicator.world(), overwrite: true)
    try writer.write(
      MapBlock(
        first: 0, maps: [0, 1].map { ChannelFingerprint(rows: 2, columns: 2, repeating: first + $0) },
        stations: [SIMD3(first, 0, 25), SIMD3(first, 1, 25)], environments: environments))
    try writer.close()
    return path
  }

  @Test func mapsOfAllFilesFollowOneAnother() throws {
    let maps = try MapSetCollection(paths: [write("a.h5", first: -80), write("b.h5", first: -60)])
    #expect(maps.count == 4 && maps.rows == 2)
    #expect(try (0..<4).map { try maps.map($0).map.values[0] } == [-80, -79, -60, -59])
    let last = try maps.map(3)
    #expect(last.station == SIMD3(-60, 1, 25) && last.place.hasSuffix("b.h5:/maps[1]") && last.mask == nil)
    #expect(maps.environments == nil)
  }

  @Test func environmentsOfDifferentFilesAreDifferent() throws {
    let maps = try MapSetCollection(paths: [
      write("a.h5", first: -80, environments: [3, 5]), write("b.h5", first: -60, environments: [5, 5]),
    ])
    let environments = try #require(maps.environments)
    #expect(environments[0] != environments[1] && environments[2] == environments[3])
    #expect(!environments[..<2].contains(environments[2]))
    #expect(try (0..<4).map { try maps.map($0).environment } == environments.map(Optional.init))
  }

  /// Numbers of any size are one file's own; those of several must all differ.
  @Test func environmentsOfAnyNumbers() throws {
    let great = try write("a.h5", first: -80, environments: [0, .max]), own = [Int32.min, Int32.max]
    let wide = try write("b.h5", first: -60, environments: own)
    #expect(try MapSetCollection(paths: [wide]).environments == own)
    for (paths, place) in [([great, wide], wide), ([wide, great], wide)] {
      #expect(fault { _ = try MapSetCollection(paths: paths) }?.place == "\(place):/environment")
    }
  }

  @Test func filesThatDoNotBelongTogetherAreSaid() throws {
    let first = try write("a.h5", first: -80), other = try write("b.h5", first: -60, area: Area(spacing: 2))
    let fault = fault { _ = try MapSetCollection(paths: [first, other]) }
    #expect(fault?.place == other && fault?.expected?.contains("1.0 m") == true && fault?.found == "2.0 m")
    let high = try write("c.h5", first: -60, area: Area(userHeight: 10))
    #expect(TestSupport.fault { _ = try MapSetCollection(paths: [first, high]) }?.found == "10.0 m")
    #expect(throws: Fault.self) { try MapSetCollection(paths: []) }
    let again = scratch.path + "/./a.h5"
    #expect(TestSupport.fault { _ = try MapSetCollection(paths: [first, again]) }?.place == again)
  }
}
