import Computing
import Essentials
import Foundation
import MapStorage
import Testing

@testable import ChannelModels

/// What varies between cities and stations, and what does not.
@Suite struct UrbanVarietyTests {
  private static let size = 96

  private static func maps(
    stations: Int = 6, environments: Int = 2, _ change: (inout UrbanVariety) -> Void = { _ in }
  ) throws -> MapBlock {
    var configuration = UrbanConfiguration()
    configuration.grid = AreaGrid(columns: size, rows: size, spacing: 2)
    configuration.stationsEach = stations
    configuration.seed = 11
    configuration.layers = [.gain, .expectedGain, .lineOfSight, .pathLength]
    configuration.law.weakest = 300
    configuration.law.overRoofs = false
    change(&configuration.variety)
    let simulator = try UrbanSimulator(configuration, footprints: [], stations: nil, threads: Threads(count: 2))
    return try simulator.block(0..<stations * environments)
  }

  private static func differences(
    _ one: MapBlock, _ other: MapBlock, map: Int, isDirect: Bool
  ) -> [(place: Int, value: Double)] {
    let states = one.layers["line_of_sight"]![map].values
    return states.indices.compactMap { place in
      let gains = (one.maps[map].values[place], other.maps[map].values[place])
      guard one.masks[map][place], (states[place] == 1) == isDirect, gains.1 > -299 else { return nil }
      return (place, Double(gains.0 - gains.1))
    }
  }

  private static func deviation(_ values: [Double]) -> Double {
    (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
  }

  @Test func shadowsHaveTheirDeviationAndWhatIsCommon() throws {
    let plain = try Self.maps(stations: 20, environments: 3)
    let shadowed = try Self.maps(stations: 20, environments: 3) {
      ($0.shadowing, $0.shadowingDirect, $0.shadowingCommon, $0.shadowingDistance) = (6, 2, 0.3, 10)
    }
    var bent = [Double](), direct = [Double](), products = [Double]()
    for map in 0..<60 {
      let own = Self.differences(shadowed, plain, map: map, isDirect: false)
      bent += own.map(\.value)
      direct += Self.differences(shadowed, plain, map: map, isDirect: true).map(\.value)
      guard map % 20 < 19 else { continue }
      let next = Dictionary(
        uniqueKeysWithValues: Self.differences(shadowed, plain, map: map + 1, isDirect: false).map {
          ($0.place, $0.value)
        })
      products += own.compactMap { one in next[one.place].map { $0 * one.value } }
    }
    #expect(abs(Self.deviation(bent) - 6) < 0.4)
    #expect(abs(Self.deviation(direct) - 2) < 0.25)
    let common = products.reduce(0, +) / Double(products.count) / 36
    #expect(abs(common - 0.3) < 0.1)
  }

  @Test func citiesHaveLawsOfTheirOwn() throws {
    let plain = try Self.maps()
    let varied = try Self.maps { ($0.intercepts, $0.exponents, $0.clutter) = (4, 0.2, 10) }
    var laws = [[Double]]()
    for map in 0..<12 {
      // In line of sight the difference is one of the law: a + b 10 lg d + c d.
      let lengths = plain.layers["path_length"]![map].values
      let found = Self.differences(varied, plain, map: map, isDirect: true).filter { lengths[$0.place] > 4 }
      let near = found.min { lengths[$0.place] < lengths[$1.place] }!.value
      let far = found.max { lengths[$0.place] < lengths[$1.place] }!.value
      laws.append([near, far])
      let most = 4 + 2 * log10(280.0) + 28
      for one in found { #expect(abs(one.value) <= most) }
    }
    // The same for all stations of a city: no place differs by more than the law's own terms allow; other cities differ.
    #expect(Set(laws.map { ($0[0] * 10).rounded() }).count > 1)
    let again = try Self.maps { ($0.intercepts, $0.exponents, $0.clutter) = (4, 0.2, 10) }
    for map in 0..<12 { #expect(again.maps[map].values == varied.maps[map].values) }
  }

  /// What is expected knows the mask alone: it does not vary, is the map of a law without variety where the station is seen, and
  /// of another place where that is off.
  @Test func whatIsExpectedDoesNotVary() throws {
    let plain = try Self.maps()
    let varied = try Self.maps { ($0.intercepts, $0.shadowing, $0.texture, $0.antennas) = (4, 3, 1, 1) }
    let moved = try Self.maps { $0.stationOffset = 3 }
    for map in 0..<12 {
      let expected = plain.layers["expected_gain"]![map].values
      let direct = plain.layers["line_of_sight"]![map].values, gains = plain.maps[map].values
      let seen = expected.indices.filter { direct[$0] == 1 }
      let equal = seen.count { abs(expected[$0] - gains[$0]) < 0.01 }
      #expect(5 * equal > 4 * seen.count, "\(equal) of \(seen.count) places in line of sight")
      #expect(varied.layers["expected_gain"]![map].values == expected)
      #expect(moved.maps[map].values == plain.maps[map].values)
    }
    #expect(
      (0..<12).contains { moved.layers["expected_gain"]![$0].values != plain.layers["expected_gain"]![$0].values })
  }

  @Test func antennasLookIntoOneDirection() throws {
    let plain = try Self.maps()
    let sector = try Self.maps { ($0.antennas, $0.leastWidth, $0.greatestWidth, $0.tilt) = (1, 60, 60, 0) }
    for map in 0..<12 {
      let lost = Self.differences(plain, sector, map: map, isDirect: true)
      #expect(lost.allSatisfy { $0.value > -1e-3 && $0.value < 30.001 })
      // Opposite directions lose 30 dB in one of them at least: 12 (90 / 60)^2 = 27 dB beside.
      #expect(lost.map(\.value).max()! > 3)
    }
    let antenna = SectorAntenna(azimuth: 90, tilt: 10, width: 60)
    let halfway = SIMD2(0.5, 0.75.squareRoot())
    #expect(abs(antenna.azimuthLoss(SIMD2(0, 1))) < 1e-5)
    #expect(abs(antenna.azimuthLoss(halfway) - 3) < 1e-3)
    #expect(antenna.azimuthLoss(SIMD2(0, -1)) == 30)
    let expected: Float = 12 * 100 / 4225
    #expect(abs(antenna.elevationLoss(rise: 0, length: 10) - expected) < 1e-5)
    let pattern = antenna.pattern
    #expect(abs(pattern.dx) < 1e-6 && abs(pattern.rate - 12.0 / 3600) < 1e-9)
  }

  @Test func heightsAreDrawnFromTheirRange() throws {
    let varied = try Self.maps(stations: 12) { $0.stationHeights = 30 }
    let heights = varied.stations.map(\.z)
    #expect(heights.allSatisfy { $0 >= 1.5 && $0 <= 31.5 })
    #expect(heights.max()! - heights.min()! > 10)
  }
}
