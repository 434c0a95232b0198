import CKernels
import Computing
import Essentials
import Foundation
import Testing

@testable import ChannelModels

/// Paths over roofs.
@Suite struct RoofPathTests {
  private static func slab(_ columns: Int, _ range: ClosedRange<Int>) -> City {
    City(isBuilt: (0..<columns).map { range.contains($0) }, grid: AreaGrid(columns: columns, rows: 1))
  }

  private static func walls(_ city: City, _ station: SIMD2<Double>) -> (first: [Float], last: [Float]) {
    var first = [Float](repeating: 0, count: city.grid.count), last = first
    ck_walls_between(
      station.x, station.y, city.grid.rows, city.grid.columns, city.outdoorBits, &first, &last)
    return (first, last)
  }

  /// One slab 25 m high between a station and a place: two edges, and the law of the way in plan.
  @Test func aSlabIsClimbed() {
    let city = Self.slab(80, 20...39), law = UrbanLaw()
    var paths = DominantPaths(CornerGraph(city), law)
    let result = paths.losses(from: SIMD2(5, 0))
    // Walls at 19.5 and 39.5.
    let turn = (atan2(23.5, 14.5) + atan2(23.5, 20.5)) * 180 / .pi
    let expected = 48.2 + 28.8 * log10(55) + law.turn * turn + law.roofs
    #expect(abs(Double(result.loss[60]) - expected) < 0.005)
    #expect(result.corners[60] == 2 && result.roofs[60] == 1 && result.length[60] == 55)
    #expect(result.corners[10] == 0 && result.roofs[10] == 0)
    #expect(result.loss[30] == .infinity && result.corners[30] == -1)
    var flat = law
    flat.overRoofs = false
    var without = DominantPaths(CornerGraph(city), flat)
    #expect(without.losses(from: SIMD2(5, 0)).loss[60] == .infinity)
  }

  /// From a mast of 40 m, places behind the slab are in sight as soon as the line clears its far edge.
  @Test func aMastLooksOverTheRoofs() {
    let city = Self.slab(200, 50...59), law = UrbanLaw()
    var paths = DominantPaths(CornerGraph(city), law, UrbanHeights(station: 40, user: 1.5, buildings: 25))
    let result = paths.losses(from: SIMD2(5, 0))
    // Edge at 59.5: 54.5 m from the mast, 15 m below it; the line falls 23.5 m more in 85.4 m.
    let seen = 59.5 + 23.5 * 54.5 / 15
    for place in 60..<200 {
      #expect(result.corners[place] == (Double(place) > seen ? 0 : 1), "\(place)")
      #expect(result.roofs[place] == 1)
      let plan = Double(place - 5), straight = (plan * plan + 38.5 * 38.5).squareRoot()
      let behind = Double(place) - 59.5
      let turn = (atan2(23.5, behind) - atan2(15, 54.5)) * 180 / .pi
      let expected =
        Double(place) > seen
        ? 47.88 + 24.98 * log10(straight) : 48.2 + 28.8 * log10(plan) + law.turn * turn + law.roofs
      #expect(abs(Double(result.loss[place]) - expected) < 0.005, "\(place)")
    }
    // And in front of the slab the mast's height counts too.
    #expect(abs(Double(result.loss[20]) - (47.88 + 24.98 * log10((15.0 * 15 + 38.5 * 38.5).squareRoot()))) < 1e-3)
  }

  /// Around a station in a closed yard every place is behind walls; the rays leave none out.
  @Test func everyPlaceIsReached() {
    let grid = AreaGrid(columns: 131, rows: 97)
    for (number, station) in [SIMD2(40.0, 30.0), SIMD2(64.37, 50.81), SIMD2(7.5, 88.5), SIMD2(126.2, 6.9)].enumerated()
    {
      let ring = (0..<grid.count).map { place in
        let x = abs(Double(place % grid.columns) - station.x), y = abs(Double(place / grid.columns) - station.y)
        return (2.6...4.2).contains(max(x, y))
      }
      let city = City(isBuilt: ring, grid: grid), found = Self.walls(city, station)
      for place in 0..<grid.count where city.outdoors[place] {
        let x = Double(place % grid.columns) - station.x, y = Double(place / grid.columns) - station.y
        #expect((found.first[place] > 0) == (max(abs(x), abs(y)) > 2.6), "\(number), \(place)")
        #expect(Double(found.first[place] + found.last[place]) < (x * x + y * y).squareRoot() + 0.01)
      }
    }
  }

  /// Distances to walls are those of a march in small steps, but for rounding to places.
  @Test func wallsStandWhereAMarchMeetsThem() {
    let grid = AreaGrid(columns: 120, rows: 100)
    var compared = 0, apart = 0
    for environment in 0..<4 {
      let city = CityGenerator.city(CitySection(), grid: grid, seed: 3, environment: environment)
      let outside = city.outdoors.flags.indices.filter { city.outdoors[$0] }
      let start = outside[outside.count / 2]
      let station = SIMD2(Double(start % grid.columns), Double(start / grid.columns))
      let found = Self.walls(city, station)
      for place in outside where place % 7 == 0 {
        let way = SIMD2(Double(place % grid.columns), Double(place / grid.columns)) - station
        let length = way.squaredLength.squareRoot()
        var first = 0.0, last = 0.0
        for step in stride(from: 0.0, to: length, by: 0.05) {
          let point = station + way * (step / length)
          guard !city.outdoors[Int(point.y.rounded()) * grid.columns + Int(point.x.rounded())] else { continue }
          if first == 0 { first = step }
          last = length - step
        }
        compared += 1
        if abs(Double(found.first[place]) - first) > 1.2 || abs(Double(found.last[place]) - last) > 1.2 { apart += 1 }
      }
    }
    // A ray passes a corner that the next one cuts: half a place to either side.
    #expect(compared > 2000 && Double(apart) < 0.08 * Double(compared), "\(apart) of \(compared)")
  }
}
