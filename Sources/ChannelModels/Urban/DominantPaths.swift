import CKernels
import Essentials
import Foundation

/// The dominant path model: the loss at a place is that of the path of least loss among those that see it, directly or bent
/// around any number of corners.
///
/// Line of sight: `intercept + 10 exponent lg d`. Bent: another intercept and exponent over the unfolded length, a term for each
/// degree that it turns (up to a largest angle at a corner), and one for each corner after the first. Over roofs: the same over the
/// straight way in plan, its degrees those at roofs' edges, and a cost; a place that sees the station over them is in line of
/// sight. Calibrated on maps of RadioMapSeer (Yapar, Levie, Kutyniok, Caire 2022), whose dominant path model is WinProp's.
struct DominantPaths {
  /// A path of least loss up to a corner.
  private struct Path {
    var bent: ck_bent_path
    var corner: Int32
    var side: Int8
    var isDominated = false
  }

  /// What a station gives.
  struct Result {
    /// [dB] `[y, x]`; infinite where no path leads.
    var loss: [Float]
    /// The path's length [m].
    var length: [Float]
    /// The corners, and edges of roofs, that it bends around; -1 where no path leads.
    var corners: [Float]
    /// 1 where it leads over roofs.
    var roofs: [Float]
  }

  let graph: CornerGraph
  let law: UrbanLaw
  let heights: ck_heights
  private let antenna: SectorAntenna?
  private var paths = [Path]()
  /// By way, the last path over it that no other dominates; behind each path the one before.
  private var newest: [Int32]
  private var older = [Int32]()

  init(_ graph: CornerGraph, _ law: UrbanLaw, _ heights: UrbanHeights = UrbanHeights(), antenna: SectorAntenna? = nil) {
    (self.graph, self.law, self.antenna) = (graph, law, antenna)
    self.heights = ck_heights(
      station: Float(heights.station), user: Float(heights.user), roofs: Float(heights.buildings))
    newest = [Int32](repeating: -1, count: graph.ways.count)
  }

  /// All places' losses from a station.
  ///
  /// - Parameter station: in grid units.
  mutating func losses(from station: SIMD2<Double>) -> Result {
    let city = graph.city, grid = city.grid, spacing = Float(grid.spacing)
    var result = Result(
      loss: [Float](repeating: .infinity, count: grid.count), length: [Float](repeating: 0, count: grid.count),
      corners: [Float](repeating: -1, count: grid.count), roofs: [Float](repeating: 0, count: grid.count))
    let horizon = city.horizon(x: station.x, y: station.y)
    findPaths(from: station, horizon)
    let bentLaw = ck_distance_law(
      intercept: Float(law.bentIntercept), slope: Float(10 * law.bentExponent))
    for ((corner, side), bent) in groups() {
      let vertex = graph.vertices[corner], reach = graph.reaches[corner]
      let runs = side > 0 ? reach.left : reach.right
      ck_bent_losses(
        city.x[vertex], city.y[vertex], Int32(side), runs, runs.count, bent, bent.count, spacing, bentLaw,
        Float(law.turn), Float(law.largestTurn), grid.columns, &result.loss, &result.length, &result.corners)
    }
    let pattern = antenna?.pattern ?? ck_pattern()
    let directLaw = ck_distance_law(intercept: Float(law.directIntercept), slope: Float(10 * law.directExponent))
    if law.overRoofs {
      var first = [Float](repeating: 0, count: grid.count), last = first
      ck_walls_between(station.x, station.y, grid.rows, grid.columns, city.outdoorBits, &first, &last)
      ck_roof_losses(
        station.x, station.y, spacing, Float(UrbanLaw.nearest), heights, pattern, bentLaw, directLaw, Float(law.turn),
        Float(law.roofs), grid.rows, grid.columns, first, last, &result.loss, &result.length, &result.corners,
        &result.roofs)
    }
    ck_direct_losses(
      station.x, station.y, spacing, Float(UrbanLaw.nearest), heights, pattern, directLaw, grid.rows, grid.columns,
      horizon.lit, &result.loss, &result.length, &result.corners)
    return result
  }

  /// Paths in the end, by corner and side.
  private func groups() -> [((corner: Int, side: Int), [ck_bent_path])] {
    var groups = [[ck_bent_path]](repeating: [], count: 2 * graph.vertices.count)
    for path in paths where !path.isDominated {
      groups[2 * Int(path.corner) + (path.side > 0 ? 0 : 1)].append(path.bent)
    }
    return groups.indices.filter { !groups[$0].isEmpty }.map {
      ((corner: $0 / 2, side: $0 % 2 == 0 ? 1 : -1), groups[$0])
    }
  }

  /// Corner by corner farther from the station, until all that is new is weaker than what counts.
  private mutating func findPaths(from station: SIMD2<Double>, _ horizon: Horizon) {
    let city = graph.city
    horizon.withSight { sees in
      city.withOutlines { outlines in
        for (corner, vertex) in graph.vertices.enumerated() where sees(vertex) {
          let offset = SIMD2(city.x[vertex] - station.x, city.y[vertex] - station.y)
          let length = offset.squaredLength.squareRoot(), direction = offset / length
          guard length > 1e-9 else { continue }
          let side = ck_passes(outlines, vertex, direction.x, direction.y)
          guard side != 0 else { continue }
          let bent = ck_bent_path(
            length: Float(length), weight: antenna?.azimuthLoss(direction) ?? 0, dx: Float(direction.x),
            dy: Float(direction.y), corners: 1)
          add(Path(bent: bent, corner: Int32(corner), side: Int8(side)))
        }
      }
    }
    var begin = 0
    while begin < paths.count {
      let end = paths.count
      for index in begin..<end where !paths[index].isDominated && Int(paths[index].bent.corners) < law.mostCorners {
        extend(paths[index])
      }
      begin = end
    }
  }

  private mutating func add(_ path: Path) {
    paths.append(path)
    older.append(-1)
  }

  private mutating func extend(_ path: Path) {
    let corner = Int(path.corner), spacing = graph.city.grid.spacing
    for index in graph.firstWay[corner]..<graph.firstWay[corner + 1] {
      let way = graph.ways[index]
      guard way.sideAtBegin == path.side else { continue }
      let turn = (path.bent.dx * way.direction.y - path.bent.dy * way.direction.x) * Float(path.side)
      guard turn >= -1e-5 else { continue }
      let along = path.bent.dx * way.direction.x + path.bent.dy * way.direction.y
      let angle = min(Double(atan2f(max(turn, 0), along)) * 180 / .pi, law.largestTurn)
      let length = path.bent.length + way.length
      let weight = path.bent.weight + Float(law.turn * angle + law.furtherCorner)
      // Nothing behind can lose less.
      guard Double(weight) + law.bentIntercept + 10 * law.bentExponent * log10(Double(length) * spacing) <= law.weakest
      else {
        continue
      }
      guard dominate(index, length, weight) else { continue }
      let bent = ck_bent_path(
        length: length, weight: weight, dx: way.direction.x, dy: way.direction.y, corners: path.bent.corners + 1)
      add(Path(bent: bent, corner: way.target, side: way.sideAtEnd))
      older[paths.count - 1] = newest[index]
      newest[index] = Int32(paths.count - 1)
    }
  }

  /// Whether a path over a way is better in length or in weight than each that is known; those that it beats in both are marked.
  /// Both orders hold on to the end, since what comes behind is the same.
  private mutating func dominate(_ way: Int, _ length: Float, _ weight: Float) -> Bool {
    var other = newest[way]
    while other >= 0 {
      let known = paths[Int(other)]
      if !known.isDominated {
        if known.bent.length <= length, known.bent.weight <= weight { return false }
        if length <= known.bent.length, weight <= known.bent.weight { paths[Int(other)].isDominated = true }
      }
      other = older[Int(other)]
    }
    return true
  }
}
