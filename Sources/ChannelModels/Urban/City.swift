import CKernels
import Essentials

/// Buildings seen from above, and where one stands beside them.
public final class City: Sendable {
  /// The places.
  public let grid: AreaGrid
  /// The buildings' outlines in grid units, place (column, row) at (column, row); buildings on the left, courtyards as rings of
  /// their own.
  public let rings: [[SIMD2<Double>]]
  /// Whether a place is out of doors.
  public let outdoors: Mask
  let x: [Double]
  let y: [Double]
  let next: [Int32]
  let previous: [Int32]
  /// The places out of doors, as the kernels take them.
  let outdoorBits: [UInt64]

  /// A city out of a raster; one that is finer than the places is outlined first, and its outlines say what is out of doors.
  init(_ grid: AreaGrid, _ fine: FootprintRaster) {
    self.grid = grid
    rings = fine.outlines(tolerance: fine.fineness > 1 ? Self.fineTolerance : Self.coarseTolerance)
    var raster = fine
    if fine.fineness > 1 {
      raster = FootprintRaster(grid, fineness: 1)
      raster.paint(rings)
    }
    let points = rings.flatMap { $0 }
    (x, y) = (points.map(\.x), points.map(\.y))
    var next = [Int32](), previous = [Int32]()
    for ring in rings {
      let first = next.count
      for index in ring.indices {
        next.append(Int32(first + (index + 1) % ring.count))
        previous.append(Int32(first + (index + ring.count - 1) % ring.count))
      }
    }
    (self.next, self.previous) = (next, previous)
    let words = (grid.columns + 63) / 64, flags = raster.isBuilt.map { !$0 }
    var bits = [UInt64](repeating: 0, count: grid.rows * words)
    for place in flags.indices where flags[place] {
      let column = place % grid.columns
      bits[place / grid.columns * words + column / 64] |= 1 << UInt64(column % 64)
    }
    (outdoors, outdoorBits) = (Mask(flags), bits)
  }

  /// A city out of rings, whatever way they run; a place in an odd number of rings of one building is built on.
  ///
  /// - Parameters:
  ///   - buildings: each building's rings [m], courtyards among them.
  ///   - grid: the places, the first at (spacing, spacing).
  public convenience init(buildings: [[[SIMD2<Double>]]], grid: AreaGrid) {
    var raster = FootprintRaster(grid, fineness: Self.fineness(grid))
    for rings in buildings { raster.paint(rings.map { $0.map { $0 / grid.spacing - 1 } }) }
    self.init(grid, raster)
  }

  /// A city out of a raster of one cell a place.
  ///
  /// - Parameter isBuilt: whether a place is built on `[y, x]`.
  public convenience init(isBuilt: [Bool], grid: AreaGrid) {
    self.init(grid, FootprintRaster(grid, isBuilt: isBuilt))
  }

  /// Of outlines of fine cells: steps along a slanting wall are at most 1.42 cells apart.
  private static let fineTolerance = 1.5
  /// Of outlines of places: more would move walls; chosen on real maps, whose losses it fits best.
  private static let coarseTolerance = 0.5

  /// Cells of a quarter of a metre, as far as they can be held; two of a place at least.
  static func fineness(_ grid: AreaGrid) -> Int {
    let wanted = max(2, Int(min(grid.spacing / 0.25, 1e4).rounded(.up)))
    return max(2, min(wanted, 8192 / max(grid.columns, grid.rows)))
  }

  /// The share of the area that is built on.
  public var buildingShare: Double { 1 - Double(outdoors.flags.count { $0 }) / Double(max(grid.count, 1)) }

  /// The outlines as the kernels take them.
  func withOutlines<Result>(_ body: (UnsafePointer<ck_outlines>) -> Result) -> Result {
    x.withUnsafeBufferPointer { x in
      y.withUnsafeBufferPointer { y in
        next.withUnsafeBufferPointer { next in
          previous.withUnsafeBufferPointer { previous in
            var outlines = ck_outlines(
              count: x.count, x: x.baseAddress, y: y.baseAddress, next: next.baseAddress, previous: previous.baseAddress
            )
            return body(&outlines)
          }
        }
      }
    }
  }

  /// Looks around from a point.
  ///
  /// - Parameters:
  ///   - x: the point, in grid units.
  ///   - y: the point, in grid units.
  ///   - vertex: the vertex that it is; -1: none.
  func horizon(x: Double, y: Double, vertex: Int = -1) -> Horizon {
    var parts = ck_horizon(), walls = [Int32](repeating: 0, count: self.x.count)
    withOutlines { outlines in
      ck_look_around(outlines, x, y, vertex, &parts)
      walls.removeLast(walls.count - ck_seen_walls(outlines, &parts, &walls))
    }
    return Horizon(city: self, parts: parts, walls: walls)
  }
}

/// What a point of a city sees.
struct Horizon {
  let city: City
  fileprivate let parts: ck_horizon
  /// The walls that it sees.
  fileprivate let walls: [Int32]

  /// The places out of doors that it sees.
  var lit: [UInt64] {
    var bits = city.outdoorBits
    withUnsafePointer(to: parts) { parts in
      city.withOutlines {
        ck_take_shadows($0, parts, walls, walls.count, city.grid.rows, city.grid.columns, &bits)
      }
    }
    return bits
  }

  /// Asks many times whether vertices are seen.
  func withSight<Result>(_ body: (_ sees: (_ vertex: Int) -> Bool) -> Result) -> Result {
    withUnsafePointer(to: parts) { parts in
      walls.withUnsafeBufferPointer { walls in
        city.withOutlines { outlines in
          body {
            ck_sees(outlines, parts, walls.baseAddress, walls.count, city.x[$0], city.y[$0], $0) != 0
          }
        }
      }
    }
  }
}
