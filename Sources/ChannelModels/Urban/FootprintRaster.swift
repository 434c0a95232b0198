import Foundation

/// Buildings on a raster that is finer than the grid: what overlaps or touches becomes one, whoever drew it.
struct FootprintRaster {
  /// Cells in x and in y.
  let columns: Int, rows: Int
  /// Cells of a grid place in one direction.
  let fineness: Int
  /// Whether a cell is built on `[y, x]`.
  private(set) var isBuilt: [Bool]

  /// An empty raster.
  ///
  /// - Parameters:
  ///   - grid: the places, each in the middle of its cells.
  ///   - fineness: cells of a place in one direction.
  init(_ grid: AreaGrid, fineness: Int) {
    (columns, rows, self.fineness) = (grid.columns * fineness, grid.rows * fineness, fineness)
    isBuilt = [Bool](repeating: false, count: columns * rows)
  }

  /// A raster of one cell a place.
  init(_ grid: AreaGrid, isBuilt: [Bool]) {
    precondition(isBuilt.count == grid.count, "a flag for each place")
    (columns, rows, fineness, self.isBuilt) = (grid.columns, grid.rows, 1, isBuilt)
  }

  /// Builds on the inside of rings, or clears it; inside is what an odd number of rings holds.
  ///
  /// - Parameters:
  ///   - rings: corners in grid units, place (column, row) at (column, row).
  ///   - isBuilding: false: what stood there is taken away; true: walls are built on too.
  mutating func paint(_ rings: [[SIMD2<Double>]], isBuilding: Bool = true) {
    let scale = Double(fineness)
    // The middle of cell c lies at (c + 1/2) / fineness - 1/2.
    let cells = rings.map { $0.map { ($0 + 0.5) * scale - 0.5 } }
    let heights = cells.joined().map(\.y)
    guard let least = heights.min(), let greatest = heights.max() else { return }
    if isBuilding { paintLevelWalls(cells) }
    for row in max(
      0, Int(least.rounded(.up)))..<max(0, min(rows, Int(greatest.rounded(.down)) + 1), Int(least.rounded(.up)))
    {
      var crossings = [Double]()
      for ring in cells {
        for (index, first) in ring.enumerated() {
          let second = ring[(index + 1) % ring.count], y = Double(row)
          guard (first.y <= y) != (second.y <= y) else { continue }
          crossings.append(first.x + (y - first.y) / (second.y - first.y) * (second.x - first.x))
        }
      }
      crossings.sort()
      for pair in stride(from: 0, to: crossings.count - 1, by: 2) {
        let first = max(0, Int(crossings[pair].rounded(.up)))
        let last = min(columns - 1, Int(crossings[pair + 1].rounded(.down)))
        guard first <= last else { continue }
        for column in first...last { isBuilt[row * columns + column] = isBuilding }
      }
    }
  }

  /// Cells whose middle lies on a wall along a row, which no crossing finds.
  private mutating func paintLevelWalls(_ rings: [[SIMD2<Double>]]) {
    for ring in rings {
      for (index, first) in ring.enumerated() {
        let second = ring[(index + 1) % ring.count]
        guard first.y == second.y, first.y == first.y.rounded(), (0..<Double(rows)).contains(first.y) else { continue }
        let from = max(0, Int(min(first.x, second.x).rounded(.up)))
        let to = min(columns - 1, Int(max(first.x, second.x).rounded(.down)))
        guard from <= to else { continue }
        for column in from...to { isBuilt[Int(first.y) * columns + column] = true }
      }
    }
  }

  /// The outlines of what is built, in grid units, buildings on the left; slanting walls are straight again within `tolerance`
  /// cells. Buildings that touch at a corner are one.
  func outlines(tolerance: Double) -> [[SIMD2<Double>]] {
    let scale = Double(fineness)
    return steps().map { ring in
      ring.map { SIMD2(Double($0.x), Double($0.y)) / scale - 0.5 }
    }.map { Self.straightened($0, tolerance: tolerance / scale) }.filter { $0.count >= 3 }
  }

  /// The rings of cell sides around what is built; corners only.
  private func steps() -> [[SIMD2<Int>]] {
    let width = columns + 1
    // Sides that begin at a corner of cells: bit d in direction d of +x, +y, -x, -y.
    var sides = [UInt8](repeating: 0, count: width * (rows + 1))
    func isBuilt(_ column: Int, _ row: Int) -> Bool {
      column >= 0 && row >= 0 && column < columns && row < rows && self.isBuilt[row * columns + column]
    }
    for row in 0..<rows {
      for column in 0..<columns where self.isBuilt[row * columns + column] {
        if !isBuilt(column, row - 1) { sides[row * width + column] |= 1 }
        if !isBuilt(column + 1, row) { sides[row * width + column + 1] |= 2 }
        if !isBuilt(column, row + 1) { sides[(row + 1) * width + column + 1] |= 4 }
        if !isBuilt(column - 1, row) { sides[(row + 1) * width + column] |= 8 }
      }
    }
    let moves = [1, width, -1, -width]
    var rings = [[SIMD2<Int>]]()
    for start in sides.indices {
      while sides[start] != 0 {
        var ring = [SIMD2<Int>](), place = start, direction = sides[start].trailingZeroBitCount, before = -1
        repeat {
          if direction != before { ring.append(SIMD2(place % width, place / width)) }
          sides[place] &= ~(1 << UInt8(direction))
          place += moves[direction]
          before = direction
          // The right turn first: so two buildings that meet at a corner have one outline.
          direction = [3, 0, 1].map { (direction + $0) % 4 }.first { sides[place] & (1 << UInt8($0)) != 0 } ?? -1
        } while direction >= 0
        rings.append(ring)
      }
    }
    return rings
  }

  /// A ring with the corners that matter (Douglas and Peucker, 1973, on both halves between two far corners).
  private static func straightened(_ ring: [SIMD2<Double>], tolerance: Double) -> [SIMD2<Double>] {
    func farthest(from point: SIMD2<Double>, in points: [SIMD2<Double>]) -> Int {
      let distances = points.map { ($0 - point).squaredLength }
      return distances.indices.max { distances[$0] < distances[$1] } ?? 0
    }
    let middle = ring.reduce(SIMD2(0, 0), +) / Double(max(ring.count, 1))
    let first = farthest(from: middle, in: ring)
    let turned = Array(ring[first...] + ring[..<first])
    let second = farthest(from: turned[0], in: turned)
    return thinned(Array(turned[...second]), tolerance).dropLast()
      + thinned(Array(turned[second...]) + [turned[0]], tolerance).dropLast()
  }

  private static func thinned(_ line: [SIMD2<Double>], _ tolerance: Double) -> [SIMD2<Double>] {
    var keeps = [Bool](repeating: false, count: line.count), pieces = [(0, line.count - 1)]
    keeps[0] = true
    keeps[line.count - 1] = true
    while let (first, last) = pieces.popLast() {
      guard last > first + 1 else { continue }
      let along = line[last] - line[first], length = along.squaredLength.squareRoot()
      let distances = (first + 1..<last).map { index in
        let offset = line[index] - line[first]
        return length > 0 ? abs(along.x * offset.y - along.y * offset.x) / length : offset.squaredLength.squareRoot()
      }
      let most = distances.indices.max { distances[$0] < distances[$1] }!
      guard distances[most] > tolerance else { continue }
      keeps[first + 1 + most] = true
      pieces += [(first, first + 1 + most), (first + 1 + most, last)]
    }
    return line.indices.filter { keeps[$0] }.map { line[$0] }
  }
}

extension SIMD2<Double> {
  var squaredLength: Double { x * x + y * y }
}
