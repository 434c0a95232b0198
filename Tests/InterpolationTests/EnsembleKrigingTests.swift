import Computing
import Essentials
import Foundation
import Testing

@testable import Interpolation

@Suite struct MapEnsembleTests {
  static let truth = MapEnsemble(
    trend: [-60, -22], nugget: 0.5,
    structures: [
      .init(isSmooth: false, length: 6, variance: 2), .init(isSmooth: true, length: 9, variance: 12),
    ])
  static let station = SIMD3<Float>(3, 5, 25)

  @Test func differencesAreCountedByHand() {
    let map = ChannelFingerprint(rows: 2, columns: 3, values: [1, 2, 4, 7, 11, 16])
    var sums = MapEnsembleSums(trend: [5], extent: 2, area: Area())
    sums.add(StationMap(map))
    sums.add(StationMap(map, mask: Mask([true, true, false, true, true, true])))
    // Along the axes at distance 1: across 1, 2, 4, 5 and down 6, 9, 12; without the third pixel 1, 4, 5, 6, 9.
    let first: [Double] = [1, 4, 16, 25, 36, 81, 144], second: [Double] = [1, 16, 25, 36, 81]
    #expect(sums.sums[0] == (first + second).reduce(0, +) && sums.sums[1] == 12)
    // Along the diagonals: 10, 14 and 5, 7; without the third pixel 10, 14 and 5.
    #expect(sums.sums[2] == 100 + 196 + 25 + 49 + 100 + 196 + 25 && sums.sums[3] == 7)
  }

  @Test func aVariogramIsFollowed() throws {
    var sums = MapEnsembleSums(trend: [0], extent: 64, area: Area(spacing: 2))
    let lags = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32]
    #expect(sums.sums.count == 4 * lags.count)
    for (number, lag) in (lags.map(Double.init) + lags.map { Double($0) * 2.0.squareRoot() }).enumerated() {
      sums.sums[2 * number] = 2 * 10 * Self.truth.variogram(2 * lag)
      sums.sums[2 * number + 1] = 10
    }
    let found = try sums.ensemble()
    #expect(found.nugget >= 0 && found.structures.allSatisfy { $0.variance > 0 })
    // The lengths that are tried lie a quarter apart: between two of them the fit is not exact.
    for (distance, value) in sums.variogram { #expect(abs(found.variogram(distance) / value - 1) < 0.01) }
  }

  @Test func theTrendIsThePolynomialOfTheMaps() throws {
    let area = Area()
    var sums = MapEnsembleSums.Trend(hasStations: true, area: area)
    for station in [Self.station, SIMD3(20, 30, 25)] {
      var map = ChannelFingerprint(rows: 24, columns: 40, repeating: 0)
      for (pixel, distance) in area.logDistances(rows: 24, columns: 40, station).enumerated() {
        map.values[pixel] = Float(Self.truth.mean(distance))
      }
      sums.add(StationMap(map, station: station))
    }
    let found = MapEnsemble(trend: try sums.coefficients(), nugget: 0, structures: [])
    // Maps are in single precision, 4e-6 at -95 dB; the powers of lg d of 24 x 40 places are nearly collinear.
    for distance in stride(from: 1.38, to: 1.7, by: 0.04) {
      #expect(abs(found.mean(distance) - Self.truth.mean(distance)) < 1e-4)
    }
  }

  @Test func constantMapsAreRefused() throws {
    var sums = MapEnsembleSums(trend: [0], extent: 8, area: Area())
    sums.add(StationMap(ChannelFingerprint(rows: 8, columns: 8, repeating: -70)))
    #expect(throws: Fault.self) { try sums.ensemble() }
  }
}

@Suite struct EnsembleKrigingTests {
  static let side = 24

  /// Maps of the very process.
  static func maps(_ count: Int) throws -> [ChannelFingerprint] {
    let truth = MapEnsembleTests.truth, area = Area()
    let mean = area.logDistances(rows: side, columns: side, MapEnsembleTests.station).map(truth.mean)
    var factor = DoubleMatrix(rows: side * side, columns: side * side) { one, other in
      let apart = SIMD2(Double(one / side - other / side), Double(one % side - other % side))
      return truth.variance - truth.variogram((apart * apart).sum().squareRoot())
    }
    try factor.factorise(what: "the process")
    return (0..<count).map { number in
      let noise = RandomStream(seed: 7, purpose: .test, layer: number).gaussian(side * side)
      return ChannelFingerprint(
        rows: side, columns: side,
        values: (0..<side * side).map { row in
          Float((0...row).reduce(mean[row]) { $0 + factor[row, $1] * Double(noise[$1]) })
        })
    }
  }

  @Test(arguments: [false, true])
  func itsDeviationsAreTrueAndNothingIsBetter(masked: Bool) throws {
    let grid = try SamplingGrid(rows: Self.side, columns: Self.side, magnification: 3, offset: 1)
    let ensemble = try EnsembleKriging(grid: grid, ensemble: MapEnsembleTests.truth)
    let own = try Kriging(grid: grid)
    let valid = masked ? (0..<grid.samples).map { $0 % 5 != 2 } : nil
    var (errors, other, standardised, count) = (0.0, 0.0, 0.0, 0.0)
    for map in try Self.maps(masked ? 10 : 40) {
      let coarse = StationMap(grid.decimate(map), mask: valid.map { Mask($0) }, station: MapEnsembleTests.station)
      let result = try ensemble.interpolate(coarse), rival = try own.interpolate(coarse).map
      let deviation = try #require(result.deviation)
      for (sample, pixel) in grid.samplePixels.enumerated() where valid?[sample] ?? true {
        #expect(result.map.values[pixel] == map.values[pixel] && deviation.values[pixel] == 0)
      }
      for pixel in map.values.indices where deviation.values[pixel] > 0 {
        let error = Double(result.map.values[pixel] - map.values[pixel])
        errors += error * error
        other += pow(Double(rival.values[pixel] - map.values[pixel]), 2)
        standardised += pow(error / Double(deviation.values[pixel]), 2)
        count += 1
      }
    }
    // Some 20 independent patches a map: the mean square of 800 (200) has a standard error of 5 % (10 %).
    #expect(abs(standardised / count - 1) < (masked ? 0.3 : 0.15))
    #expect(errors < other)
  }

  @Test func whatItCannotDoIsSaid() throws {
    let grid = try SamplingGrid(rows: 8, columns: 8, magnification: 2)
    let kriging = try EnsembleKriging(grid: grid, ensemble: MapEnsembleTests.truth)
    let map = ChannelFingerprint(rows: 4, columns: 4, repeating: -80)
    let none = [Bool](repeating: false, count: 16)
    #expect(throws: Fault.self) { try kriging.interpolate(StationMap(map)) }
    #expect(throws: Fault.self) {
      try kriging.interpolate(StationMap(map, mask: Mask(none), station: MapEnsembleTests.station))
    }
    let large = try SamplingGrid(rows: 132, columns: 132, magnification: 2)
    #expect(throws: Fault.self) { try EnsembleKriging(grid: large, ensemble: MapEnsembleTests.truth) }
  }
}
