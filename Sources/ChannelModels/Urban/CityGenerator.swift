import Computing
import Foundation

/// Draws a city: streets cut the area into blocks again and again, and each block is built around a courtyard, in lots, or not
/// at all.
struct CityGenerator {
  private let section: CitySection
  private let grid: AreaGrid
  private var numbers: Numbers
  private var raster: FootprintRaster

  /// Uniform numbers in order, from a stream of their own for each environment.
  private struct Numbers {
    private let stream: RandomStream
    private let environment: Int
    private var step = 0
    private var block = [Float]()

    init(seed: UInt64, environment: Int) {
      stream = RandomStream(seed: seed, purpose: .city)
      self.environment = environment
    }

    mutating func callAsFunction(_ range: ClosedRange<Double> = 0...1) -> Double {
      if block.isEmpty {
        block = stream.uniform(256, sample: environment, step: step)
        step += 1
      }
      return range.lowerBound + (range.upperBound - range.lowerBound) * Double(block.removeLast())
    }
  }

  /// - Parameters:
  ///   - section: what cities are like.
  ///   - grid: the places.
  ///   - seed: keys all random numbers.
  ///   - environment: the city's number.
  static func city(_ section: CitySection, grid: AreaGrid, seed: UInt64, environment: Int) -> City {
    var generator = CityGenerator(
      section: section, grid: grid, numbers: Numbers(seed: seed, environment: environment),
      raster: FootprintRaster(grid, fineness: City.fineness(grid)))
    generator.build()
    return City(grid, generator.raster)
  }

  private mutating func build() {
    let angle = numbers(0...(Double.pi / 2)), direction = SIMD2(cos(angle), sin(angle))
    let extent = SIMD2(Double(grid.columns), Double(grid.rows)) * grid.spacing
    let side = 1.5 * (extent.x + extent.y)
    // A city's own character: within what the section allows.
    let courtyards = section.courtyards * numbers(), open = section.openBlocks * numbers()
    let block = section.leastBlock * pow(section.greatestBlock / section.leastBlock, numbers())
    let street = numbers(0.7...1.3)
    let whole = ConvexPolygon(
      around: extent / 2 + SIMD2(numbers(-40...40), numbers(-40...40)), side: side, along: direction)
    for polygon in blocks(whole, area: block, street: street) where touchesArea(polygon, extent) {
      let kind = numbers()
      if kind < open { continue }
      if kind < open + courtyards, fillAroundCourtyard(polygon) { continue }
      fillWithLots(polygon)
    }
  }

  private func touchesArea(_ polygon: ConvexPolygon, _ extent: SIMD2<Double>) -> Bool {
    let x = polygon.corners.map(\.x), y = polygon.corners.map(\.y)
    return x.max()! > 0 && y.max()! > 0 && x.min()! < extent.x && y.min()! < extent.y
  }

  /// Cut across the longest side until pieces are small.
  private mutating func blocks(_ whole: ConvexPolygon, area: Double, street: Double) -> [ConvexPolygon] {
    var waiting = [whole], done = [ConvexPolygon]()
    while let polygon = waiting.popLast() {
      guard polygon.area > area * numbers(0.8...2.2) else {
        done.append(polygon)
        continue
      }
      let turn = (numbers() + numbers() - 1) * section.unevenness * Double.pi / 180
      let side = polygon.longestSide.direction, across = SIMD2(-side.y, side.x)
      let direction = SIMD2(across.x * cos(turn) - across.y * sin(turn), across.x * sin(turn) + across.y * cos(turn))
      let at = polygon.middle + side * (polygon.longestSide.length * numbers(-0.15...0.15))
      // Streets that cut large pieces are wide ones.
      let wide = min(1, (polygon.area / (40 * area)).squareRoot())
      let width = section.leastStreet + (section.greatestStreet - section.leastStreet) * max(wide, numbers() * 0.45)
      waiting += polygon.split(at: at, direction, width: width * street).filter { $0.area > 60 }
    }
    return done
  }

  private mutating func paint(_ polygon: ConvexPolygon, isBuilding: Bool = true) {
    guard !polygon.isEmpty else { return }
    raster.paint([polygon.corners.map { $0 / grid.spacing - 1 }], isBuilding: isBuilding)
  }

  /// Whether the block is large enough for one.
  private mutating func fillAroundCourtyard(_ block: ConvexPolygon) -> Bool {
    let depth = numbers(section.leastDepth...section.greatestDepth), yard = block.shrunk(by: depth)
    guard !yard.isEmpty, yard.area > 120 else { return false }
    paint(block)
    paint(yard, isBuilding: false)
    // Passages from the street, and a house in the yard.
    for _ in 0..<Int(numbers(0...3.5)) {
      let angle = numbers(0...(2 * Double.pi)), direction = SIMD2(cos(angle), sin(angle))
      let reach = block.area.squareRoot() * 2
      let strip = ConvexPolygon(around: yard.middle + direction * (reach / 2), side: reach, along: direction)
        .leftOf(yard.middle - SIMD2(-direction.y, direction.x) * numbers(1.5...4), direction)
        .leftOf(yard.middle + SIMD2(-direction.y, direction.x) * numbers(1.5...4), -direction)
      paint(strip.clipped(to: block), isBuilding: false)
    }
    if yard.area > 900, numbers() < 0.5 {
      let house = yard.shrunk(by: numbers(5...12))
      if house.area > 60 { paint(house) }
    }
    return true
  }

  private mutating func fillWithLots(_ block: ConvexPolygon) {
    let area = 150 * pow(6, numbers()), gap = numbers(0...5), margin = numbers(0...4)
    var waiting = [block.shrunk(by: margin)]
    while let polygon = waiting.popLast() {
      guard !polygon.isEmpty, polygon.area > 40 else { continue }
      guard polygon.area > area * numbers(0.8...2.5) else {
        house(polygon)
        continue
      }
      let side = polygon.longestSide.direction
      let at = polygon.middle + side * (polygon.longestSide.length * numbers(-0.2...0.2))
      waiting += polygon.split(at: at, SIMD2(-side.y, side.x), width: numbers() < 0.5 ? 0 : gap)
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
