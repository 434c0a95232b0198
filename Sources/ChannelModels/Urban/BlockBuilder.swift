import Foundation

/// What stands on a block between streets.
enum BlockStyle: CaseIterable {
  /// Buildings wall to wall along the streets, with yards between wings behind them.
  case perimeter
  /// Buildings wall to wall all over, with narrow yards.
  case dense
  /// Rows of houses along two streets, with gardens between them.
  case rows
  /// Houses apart from each other.
  case houses

  /// How often it is a city's own.
  func weight(_ section: CitySection) -> Double {
    switch self {
    case .perimeter: section.perimeter
    case .dense: section.dense
    case .rows: section.rows
    case .houses: section.houses
    }
  }

  /// How much larger its blocks are.
  var size: Double { self == .dense ? 0.5 : 1 }
  /// How much wider its streets are.
  var street: Double { self == .dense ? 0.55 : 1 }
}

/// Builds on blocks, into a raster.
struct BlockBuilder {
  private let section: CitySection
  private let grid: AreaGrid
  private var numbers: CityNumbers
  private(set) var raster: FootprintRaster

  init(section: CitySection, grid: AreaGrid, numbers: CityNumbers) {
    (self.section, self.grid, self.numbers) = (section, grid, numbers)
    raster = FootprintRaster(grid, fineness: City.fineness(grid))
  }

  mutating func build(_ style: BlockStyle, on block: ConvexPolygon) {
    switch style {
    case .perimeter: buildPerimeter(block)
    case .dense: buildDensely(block)
    case .rows: buildRows(block)
    case .houses: buildHouses(block)
    }
  }

  private mutating func paint(_ polygon: ConvexPolygon, isBuilding: Bool = true) {
    guard !polygon.isEmpty else { return }
    raster.paint([polygon.corners.map { $0 / grid.spacing - 1 }], isBuilding: isBuilding)
  }

  /// Cut across the longest side until pieces are small.
  private mutating func pieces(_ whole: ConvexPolygon, area: Double, width: ClosedRange<Double>) -> [ConvexPolygon] {
    var waiting = [whole], done = [ConvexPolygon]()
    while let polygon = waiting.popLast() {
      guard !polygon.isEmpty, polygon.area > 20 else { continue }
      guard polygon.area > area * numbers(0.7...2.4) else {
        done.append(polygon)
        continue
      }
      let side = polygon.longestSide, along = side.direction
      let at = polygon.middle + along * (side.length * numbers(-0.2...0.2))
      waiting += polygon.split(at: at, SIMD2(-along.y, along.x), width: numbers(width))
    }
    return done
  }

  private mutating func buildPerimeter(_ block: ConvexPolygon) {
    paint(block)
    let depth = numbers(section.leastDepth...section.greatestDepth), inside = block.shrunk(by: depth)
    guard !inside.isEmpty, inside.area > 80 else { return }
    let area = 220 * pow(12, numbers()), wing = numbers(4...14)
    for yard in pieces(inside, area: area, width: (wing * 0.3)...(wing * 1.3)) {
      guard numbers() < 0.9 else { continue }
      carve(yard)
      if numbers() < 0.1 { openPassage(from: yard, through: block) }
    }
  }

  /// A yard, into which the houses around it reach.
  private mutating func carve(_ yard: ConvexPolygon) {
    paint(yard, isBuilding: false)
    guard yard.area > 120 else { return }
    for _ in 0..<Int(numbers(0...2.6)) {
      let side = yard.corners[Int(numbers(0...0.999) * Double(yard.corners.count))]
      let direction = yard.longestSide.direction, across = SIMD2(-direction.y, direction.x)
      let reach = yard.area.squareRoot() * numbers(0.15...0.45)
      let corner = ConvexPolygon(around: side, side: 2 * reach, along: direction)
      let narrow = corner.split(at: side, numbers() < 0.5 ? direction : across, width: 0)[0]
      paint(narrow.clipped(to: yard))
    }
    if yard.area > 900, numbers() < 0.5 {
      let house = yard.shrunk(by: numbers(5...12))
      if house.area > 60 { paint(house) }
    }
  }

  private mutating func openPassage(from yard: ConvexPolygon, through block: ConvexPolygon) {
    let along = block.longestSide.direction, sign = numbers() < 0.5 ? 1.0 : -1.0
    let direction = sign * (numbers() < 0.3 ? along : SIMD2(-along.y, along.x)),
      across = SIMD2(-direction.y, direction.x)
    let reach = block.area.squareRoot() * 2, half = numbers(1.5...4)
    let strip = ConvexPolygon(around: yard.middle + direction * (reach / 2), side: reach, along: direction)
      .leftOf(yard.middle - across * half, direction).leftOf(yard.middle + across * half, -direction)
    paint(strip.clipped(to: block), isBuilding: false)
  }

  private mutating func buildDensely(_ block: ConvexPolygon) {
    paint(block)
    let area = 200 * pow(4, numbers()), open = numbers(0.2...0.55)
    for lot in pieces(block, area: area, width: 0...0) where numbers() < open {
      let well = lot.shrunk(by: lot.area.squareRoot() * numbers(0.17...0.34))
      if !well.isEmpty, well.area > 8 { paint(well, isBuilding: false) }
    }
  }

  private mutating func buildRows(_ block: ConvexPolygon) {
    let plot = block.shrunk(by: numbers(0...3))
    guard !plot.isEmpty else { return }
    let along = plot.longestSide.direction, middle = plot.middle
    let width = numbers(6...13), gaps = numbers(0...0.35), full = numbers(0.45...0.85)
    for direction in [along, -along] {
      let half = plot.leftOf(middle, direction), across = SIMD2(-direction.y, direction.x)
      guard !half.isEmpty else { continue }
      let ends = half.corners.map { ($0 - middle) }.map { ($0 * direction).sum() }
      let depth = half.corners.map { (($0 - middle) * across).sum() }.max()!
      var begin = ends.min()!
      while begin < ends.max()! {
        let end = begin + width * numbers(0.8...1.5), gap = numbers() < gaps ? numbers(1...3) : 0
        defer { begin = end + gap }
        guard numbers() < 0.93 else { continue }
        let back = depth * (1 - min(1, full * numbers(0.8...1.25)))
        paint(
          half.leftOf(middle + across * back, direction).leftOf(middle + direction * begin, -across)
            .leftOf(middle + direction * end, across))
      }
    }
  }

  private mutating func buildHouses(_ block: ConvexPolygon) {
    let area = 150 * pow(6, numbers()), gap = numbers(0...5), margin = numbers(0...4)
    for lot in pieces(block.shrunk(by: margin), area: area, width: 0...(2 * gap)) where lot.area > 40 {
      house(lot)
    }
  }

  private mutating func house(_ lot: ConvexPolygon) {
    guard numbers() < 0.85 else { return }
    let plan = lot.shrunk(by: numbers(0...2.5))
    guard plan.area > 30 else { return }
    paint(plan)
    // A yard at the back makes an L or a U of it.
    if plan.area > 180, numbers() < 0.5 {
      let side = plan.longestSide, across = SIMD2(-side.direction.y, side.direction.x)
      let yard = plan.leftOf(plan.middle + across * numbers(0...3), side.direction)
        .leftOf(plan.middle + side.direction * (side.length * numbers(-0.3...0.2)), -across)
      paint(yard.leftOf(plan.middle + side.direction * (side.length * numbers(0.2...0.5)), across), isBuilding: false)
    }
  }
}

extension ConvexPolygon {
  /// What lies in another too.
  func clipped(to other: ConvexPolygon) -> ConvexPolygon {
    other.corners.indices.reduce(self) { part, index in
      let first = other.corners[index], side = other.corners[(index + 1) % other.corners.count] - first
      return part.isEmpty ? part : part.leftOf(first, side)
    }
  }
}
