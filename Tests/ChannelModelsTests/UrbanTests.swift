import CKernels
import Computing
import Essentials
import Foundation
import Pictures
import TestSupport
import Testing

@testable import ChannelModels

/// Light, shadow and least losses in cities, against what is slow and certain.
@Suite struct UrbanTests {
  private static let grid = AreaGrid(columns: 96, rows: 80, spacing: 1)

  private static func city(_ environment: Int, _ grid: AreaGrid = Self.grid) -> City {
    CityGenerator.city(CitySection(), grid: grid, seed: 5, environment: environment)
  }

  /// A few blocks, so that every order of corners can be tried.
  private static func village(_ number: Int) -> City {
    let stream = RandomStream(seed: UInt64(number), purpose: .test)
    let grid = AreaGrid(columns: 40, rows: 40, spacing: 1)
    let buildings = (0..<4).map { index -> [[SIMD2<Double>]] in
      let numbers = stream.uniform(5, sample: index).map(Double.init)
      let middle = SIMD2(8 + 24 * Double(index % 2) + 4 * numbers[0], 8 + 24 * Double(index / 2) + 4 * numbers[1])
      let turn = SIMD2(cos(numbers[2] * 3), sin(numbers[2] * 3)), across = SIMD2(-turn.y, turn.x)
      let (long, wide) = (4 + 5 * numbers[3], 2 + 4 * numbers[4])
      return [
        [
          middle + turn * long + across * wide, middle - turn * long + across * wide,
          middle - turn * long - across * wide,
          middle + turn * long - across * wide,
        ]
      ]
    }
    return City(buildings: buildings, grid: grid)
  }

  /// Whether a segment crosses a wall, by the signs of four areas in double precision; walls that end in its own corners do not
  /// count.
  private static func isBlocked(
    _ from: SIMD2<Double>, _ to: SIMD2<Double>, _ city: City, except corners: [Int] = []
  ) -> Bool {
    func area(_ a: SIMD2<Double>, _ b: SIMD2<Double>, _ c: SIMD2<Double>) -> Double {
      (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)
    }
    return city.x.indices.contains { vertex in
      let next = Int(city.next[vertex])
      guard !corners.contains(vertex), !corners.contains(next) else { return false }
      let one = SIMD2(city.x[vertex], city.y[vertex]), other = SIMD2(city.x[next], city.y[next])
      return area(from, to, one) * area(from, to, other) < 0 && area(one, other, from) * area(one, other, to) < 0
    }
  }

  /// But for pairs that graze a corner.
  @Test func lineOfSightIsThatOfSegments() throws {
    var differing = 0, pairs = 0
    for environment in 0..<6 {
      let city = Self.city(environment), grid = city.grid
      let stations = city.outdoors.flags.indices.filter { city.outdoors[$0] && $0 % 331 == 7 }
      for station in stations {
        // Off the raster on which corners lie: what passes through one exactly has no answer.
        let from = SIMD2(Double(station % grid.columns) + 0.01234, Double(station / grid.columns) - 0.02171)
        let lit = city.horizon(x: from.x, y: from.y).lit, words = (grid.columns + 63) / 64
        for place in 0..<grid.count where city.outdoors[place] {
          let (column, row) = (place % grid.columns, place / grid.columns)
          let isLit = lit[row * words + column / 64] >> UInt64(column % 64) & 1 == 1
          pairs += 1
          if isLit == Self.isBlocked(from, SIMD2(Double(column), Double(row)), city) { differing += 1 }
        }
      }
    }
    #expect(pairs > 300_000)
    #expect(Double(differing) < 3e-4 * Double(pairs), "\(differing) of \(pairs)")
  }

  /// The loss of one sequence of corners to a place; nil where it is no path.
  private static func loss(
    _ station: SIMD2<Double>, _ corners: [Int], _ place: SIMD2<Double>, _ city: City, _ law: UrbanLaw
  ) -> Double? {
    let points = [station] + corners.map { SIMD2(city.x[$0], city.y[$0]) } + [place]
    var length = 0.0, turns = 0.0
    for index in 1..<points.count {
      let step = points[index] - points[index - 1]
      length += step.squaredLength.squareRoot()
      let ends = [index - 2, index - 1].filter(corners.indices.contains).map { corners[$0] }
      let isWall = ends.count == 2 && (Int(city.next[ends[0]]) == ends[1] || Int(city.previous[ends[0]]) == ends[1])
      if !isWall, isBlocked(points[index - 1], points[index], city, except: ends) { return nil }
    }
    for index in 1..<points.count - 1 {
      let arriving = points[index] - points[index - 1], leaving = points[index + 1] - points[index]
      let vertex = corners[index - 1]
      func side(_ direction: SIMD2<Double>) -> Double? {
        let walls = [Int(city.next[vertex]), Int(city.previous[vertex])].map { neighbour -> Double in
          let wall = SIMD2(city.x[neighbour], city.y[neighbour]) - points[index]
          return direction.x * wall.y - direction.y * wall.x
        }
        if walls.allSatisfy({ $0 >= -1e-6 }) { return 1 }
        return walls.allSatisfy { $0 <= 1e-6 } ? -1 : nil
      }
      let turn = arriving.x * leaving.y - arriving.y * leaving.x
      guard let one = side(arriving), let other = side(leaving), one == other,
        turn * one >= -1e-3 * arriving.squaredLength.squareRoot()
      else { return nil }
      let angle = atan2(abs(turn), arriving.x * leaving.x + arriving.y * leaving.y) * 180 / .pi
      turns += min(angle, law.largestTurn)
    }
    return law.bentIntercept + 10 * law.bentExponent * log10(length * city.grid.spacing) + law.turn * turns
      + law.furtherCorner * Double(corners.count - 1)
  }

  /// Every sequence of up to three corners.
  @Test func leastLossIsThatOfAllSequencesOfCorners() throws {
    var law = UrbanLaw()
    law.overRoofs = false
    law.mostCorners = 3
    law.weakest = 400
    var compared = 0
    for number in 1...4 {
      let city = Self.village(number), graph = CornerGraph(city), grid = city.grid
      #expect(graph.vertices.count >= 12 && graph.vertices.count <= 40)
      let station = SIMD2(20.01234, 19.97829)
      var paths = DominantPaths(graph, law)
      let result = paths.losses(from: station)
      let places = stride(from: 0, to: grid.count, by: 13).filter { city.outdoors[$0] && result.corners[$0] != 0 }
      let vertices = graph.vertices
      let sequences =
        vertices.map { [$0] } + vertices.flatMap { a in vertices.filter { $0 != a }.map { [a, $0] } }
        + vertices.flatMap { a in
          vertices.flatMap { b in vertices.filter { $0 != b && $0 != a && a != b }.map { [a, b, $0] } }
        }
      // Sequences that lead to their last corner at all.
      let begun = sequences.filter { corners in
        let end = SIMD2(city.x[corners[corners.count - 1]], city.y[corners[corners.count - 1]])
        return corners.count == 1
          ? !Self.isBlocked(station, end, city, except: corners)
          : Self.loss(station, Array(corners.dropLast()), end, city, law) != nil
      }
      for place in places {
        let point = SIMD2(Double(place % grid.columns), Double(place / grid.columns))
        let least = begun.compactMap { Self.loss(station, $0, point, city, law) }.min() ?? .infinity
        guard least < 400 || result.loss[place] < 400 else { continue }
        compared += 1
        #expect(abs(Double(result.loss[place]) - least) < 0.01, "village \(number), \(point), \(result.corners[place])")
      }
    }
    #expect(compared > 40)
  }

  /// Six real maps, one set of coefficients. Without paths over roofs it is 2.28 dB.
  @Test func lossesAreThoseOfRealMaps() throws {
    let buildings = try GreyImage.read(fixture("radiomapseer/buildings_0.png"))
    let side = 256, grid = AreaGrid(columns: side, rows: side)
    func upright(_ image: GreyImage) -> [Float] {
      (0..<side).reversed().flatMap { row in image.samples[row * side..<(row + 1) * side].map(Float.init) }
    }
    let city = City(isBuilt: upright(buildings).map { $0 > 0 }, grid: grid), graph = CornerGraph(city)
    var errors = [Double](), byCorners = [Int: [Double]]()
    for name in ["0_0", "0_1", "0_10", "0_11", "0_12", "0_13"] {
      let grey = upright(try GreyImage.read(fixture("radiomapseer/\(name).png")))
      let brightest = grey.indices.max { grey[$0] < grey[$1] }!
      var paths = DominantPaths(graph, UrbanLaw())
      let result = paths.losses(from: SIMD2(Double(brightest % side), Double(brightest / side)))
      for place in 0..<grid.count where city.outdoors[place] {
        let real = Double(grey[place]) / 255 * 99.16 - 147
        let error = Double(-min(result.loss[place], 147)) - real
        errors.append(error)
        byCorners[Int(result.corners[place]), default: []].append(error)
      }
    }
    func deviation(_ errors: [Double]) -> Double {
      (errors.reduce(0) { $0 + $1 * $1 } / Double(errors.count)).squareRoot()
    }
    #expect(deviation(errors) < 2.2, "\(deviation(errors))")
    #expect(errors.map(abs).sorted()[errors.count / 2] < 0.45)
    #expect(deviation(byCorners[0]!) < 0.8 && deviation(byCorners[1]!) < 1.6 && deviation(byCorners[2]!) < 3)
    #expect((byCorners[-1]?.count ?? 0) < errors.count / 2000)
  }

  /// A wall of slanting steps is straight, and a courtyard is a ring of its own.
  @Test func outlinesAreStraight() {
    let grid = AreaGrid(columns: 64, rows: 64)
    let turned = ConvexPolygon(around: SIMD2(33, 33), side: 40, along: SIMD2(cos(0.4), sin(0.4)))
    let yard = turned.shrunk(by: 12)
    let city = City(buildings: [[turned.corners, yard.corners.reversed()]], grid: grid)
    #expect(city.rings.count == 2)
    for ring in city.rings { #expect(ring.count == 4, "\(ring)") }
    for corner in turned.corners {
      let nearest = city.rings.joined().map { ($0 + 1 - corner).squaredLength.squareRoot() }.min()!
      #expect(nearest < 0.8)
    }
    #expect(abs(city.buildingShare * 4096 - (1600 - 256)) < 30)
    #expect(city.outdoors[32 * 64 + 32] && !city.outdoors[32 * 64 + 16])
  }

  /// A ring that crosses itself encloses what an odd number of its loops do, whichever way they run.
  @Test func aRingMayCrossItself() {
    let bow: [SIMD2<Double>] = [SIMD2(10, 10), SIMD2(50, 40), SIMD2(50, 10), SIMD2(10, 40)]
    let city = City(buildings: [[bow]], grid: AreaGrid(columns: 64, rows: 64))
    #expect(abs(city.buildingShare * 4096 - 600) < 30)
    #expect(city.rings.count == 2 && !city.outdoors[24 * 64 + 14] && !city.outdoors[24 * 64 + 44])
    #expect(city.outdoors[12 * 64 + 29] && city.outdoors[36 * 64 + 29])
  }

  @Test func aCityWithoutBuildingsHasLineOfSightEverywhere() {
    let city = City(buildings: [], grid: AreaGrid(columns: 70, rows: 3))
    var paths = DominantPaths(CornerGraph(city), UrbanLaw())
    let result = paths.losses(from: SIMD2(0, 1))
    #expect(result.corners.allSatisfy { $0 == 0 })
    #expect(abs(result.loss[70 + 64] - Float(47.88 + 24.98 * log10(64))) < 1e-3)
    #expect(result.loss[70] == 47.88)
  }
}
