import CKernels
import Computing
import Essentials

/// What a city's stations share: the corners around which a path can bend, which of them see each other past their buildings,
/// and the places that each can light.
final class CornerGraph: Sendable {
  /// A way from a corner to another, in one direction.
  struct Way: Sendable {
    let target: Int32
    /// On which side of the way the building at its begin, and at its end, lies: 1 left, -1 right.
    let sideAtBegin: Int8
    let sideAtEnd: Int8
    /// [grid units]
    let length: Float
    /// Of length 1.
    let direction: SIMD2<Float>
  }

  let city: City
  /// The vertices that are corners.
  let vertices: [Int]
  /// The ways that begin at corner k: `ways[firstWay[k]..<firstWay[k + 1]]`.
  let firstWay: [Int]
  let ways: [Way]
  /// By corner, the places out of doors beyond it with the building on its left, on its right.
  let reaches: [(left: [ck_run], right: [ck_run])]

  /// What is known of one corner.
  private struct Corner: Sendable {
    var ways = [Way]()
    var reach = (left: [ck_run](), right: [ck_run]())
  }

  /// Prepares a city: the longer part of a map's work, once for all stations.
  ///
  /// - Parameters:
  ///   - city: the city.
  ///   - threads: the workers among which corners are shared; nil: this one alone.
  init(_ city: City, threads: Threads? = nil) {
    self.city = city
    let inside = (x: -0.4...Double(city.grid.columns) - 0.6, y: -0.4...Double(city.grid.rows) - 0.6)
    vertices = city.x.indices.filter { vertex in
      let before = Int(city.previous[vertex]), after = Int(city.next[vertex])
      let arriving = SIMD2(city.x[vertex] - city.x[before], city.y[vertex] - city.y[before])
      let leaving = SIMD2(city.x[after] - city.x[vertex], city.y[after] - city.y[vertex])
      // Convex, and no edge of the area, behind which nothing is known.
      return arriving.x * leaving.y - arriving.y * leaving.x > 1e-9 && inside.x.contains(city.x[vertex])
        && inside.y.contains(city.y[vertex])
    }
    let vertices = vertices, threads = threads ?? Threads(count: 1)
    var corners = [Corner](repeating: Corner(), count: vertices.count)
    corners.withUnsafeMutableBufferPointer { corners in
      // Each job writes corners of its own.
      nonisolated(unsafe) let corners = corners
      let jobs = min(vertices.count, 16 * threads.count)
      threads.run(jobs) { job, _ in
        // Room for every other place: what is kept is a small part of it.
        var room = [ck_run](repeating: ck_run(), count: city.grid.rows * (city.grid.columns + 1) / 2)
        for begin in stride(from: job, to: vertices.count, by: jobs) {
          let vertex = vertices[begin]
          let horizon = city.horizon(x: city.x[vertex], y: city.y[vertex], vertex: vertex), lit = horizon.lit
          corners[begin] = Corner(
            ways: Self.ways(from: begin, horizon, among: vertices, city),
            reach: (
              left: Self.reach(vertex, 1, lit, city, &room), right: Self.reach(vertex, -1, lit, city, &room)
            ))
        }
      }
    }
    var firstWay = [0]
    for corner in corners { firstWay.append(firstWay.last! + corner.ways.count) }
    (ways, self.firstWay, reaches) = (corners.flatMap(\.ways), firstWay, corners.map(\.reach))
  }

  private static func ways(from begin: Int, _ horizon: Horizon, among vertices: [Int], _ city: City) -> [Way] {
    let vertex = vertices[begin]
    return horizon.withSight { sees in
      city.withOutlines { outlines in
        vertices.enumerated().compactMap { end, other in
          guard end != begin else { return nil }
          let isWall = Int(city.next[vertex]) == other || Int(city.previous[vertex]) == other
          guard isWall || sees(other) else { return nil }
          let offset = SIMD2(city.x[other] - city.x[vertex], city.y[other] - city.y[vertex])
          let length = offset.squaredLength.squareRoot(), direction = offset / length
          let atBegin = ck_passes(outlines, vertex, direction.x, direction.y)
          guard atBegin != 0 else { return nil }
          let atEnd = ck_passes(outlines, other, direction.x, direction.y)
          guard atEnd != 0 else { return nil }
          return Way(
            target: Int32(end), sideAtBegin: Int8(atBegin), sideAtEnd: Int8(atEnd), length: Float(length),
            direction: SIMD2<Float>(direction))
        }
      }
    }
  }

  private static func reach(
    _ vertex: Int, _ side: Int32, _ lit: [UInt64], _ city: City, _ room: inout [ck_run]
  ) -> [ck_run] {
    let count = city.withOutlines {
      ck_corner_runs($0, vertex, side, city.grid.rows, city.grid.columns, lit, &room)
    }
    return Array(room[..<count])
  }
}
