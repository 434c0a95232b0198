import Computing
import Foundation

/// Draws a city: open space and avenues first, streets that cut the rest into blocks again and again, and what stands on each
/// block.
struct CityGenerator {
  private let section: CitySection
  private let grid: AreaGrid
  private var numbers: CityNumbers

  /// - Parameters:
  ///   - section: what cities are like.
  ///   - grid: the places.
  ///   - seed: keys all random numbers.
  ///   - environment: the city's number.
  static func city(_ section: CitySection, grid: AreaGrid, seed: UInt64, environment: Int) -> City {
    var generator = CityGenerator(
      section: section, grid: grid, numbers: CityNumbers(seed: seed, environment: environment))
    return City(grid, generator.build())
  }

  private mutating func build() -> FootprintRaster {
    let angle = numbers(0...(Double.pi / 2)), direction = SIMD2(cos(angle), sin(angle))
    let extent = SIMD2(Double(grid.columns), Double(grid.rows)) * grid.spacing
    let whole = ConvexPolygon(
      around: extent / 2 + SIMD2(numbers(-40...40), numbers(-40...40)), side: 1.5 * (extent.x + extent.y),
      along: direction)
    // A city's own character: within what the section allows.
    let styles = BlockStyle.allCases, weights = styles.map { $0.weight(section) }
    let style = styles[numbers.choice(weights)]
    let block = section.leastBlock * pow(section.greatestBlock / section.leastBlock, numbers()) * style.size
    let street = numbers(0.7...1.3) * style.street
    var builder = BlockBuilder(section: section, grid: grid, numbers: numbers.branch())
    for quarter in quarters(whole, extent) {
      for polygon in blocks(quarter, area: block, street: street) where touchesArea(polygon, extent) {
        guard numbers() > section.openBlocks else { continue }
        // A stranger here and there.
        let own = numbers() < 0.8 ? style : styles[numbers.choice(weights)]
        builder.build(own, on: polygon)
      }
    }
    return builder.raster
  }

  private func touchesArea(_ polygon: ConvexPolygon, _ extent: SIMD2<Double>) -> Bool {
    let x = polygon.corners.map(\.x), y = polygon.corners.map(\.y)
    return x.max()! > 0 && y.max()! > 0 && x.min()! < extent.x && y.min()! < extent.y
  }

  /// What a river, a park or a square leaves, cut by avenues that do not care for the streets' direction.
  private mutating func quarters(_ whole: ConvexPolygon, _ extent: SIMD2<Double>) -> [ConvexPolygon] {
    let middle = extent / 2, size = min(extent.x, extent.y)
    func line(_ angle: Double) -> SIMD2<Double> { SIMD2(cos(angle), sin(angle)) }
    var quarters = [whole]
    if numbers() < section.openSpace {
      let direction = line(numbers(0...(2 * .pi))), across = SIMD2(-direction.y, direction.x)
      let kind = numbers()
      if kind < 0.5 {
        quarters = [whole.leftOf(middle - across * size * numbers(0...0.4), direction)]
      } else if kind < 0.75 {
        quarters = whole.split(
          at: middle + across * size * numbers(-0.4...0.4), direction, width: size * numbers(0.12...0.3))
      } else {
        // A square: four quarters around it, each as long as it reaches.
        let square = ConvexPolygon(
          around: middle + SIMD2(numbers(-0.3...0.3), numbers(-0.3...0.3)) * size, side: size * numbers(0.2...0.45),
          along: whole.longestSide.direction)
        quarters = square.corners.indices.compactMap { index in
          let first = square.corners[index], second = square.corners[(index + 1) % 4]
          let before = square.corners[(index + 3) % 4]
          let part = whole.leftOf(first, first - second).leftOf(first, first - before)
          return part.isEmpty ? nil : part
        }
      }
    }
    var avenues = 0
    while avenues < 2, numbers() < section.avenues {
      let direction = line(numbers(0...(2 * .pi))), across = SIMD2(-direction.y, direction.x)
      let at = middle + across * size * numbers(-0.4...0.4)
      let width = section.greatestStreet * numbers(0.8...1.6)
      quarters = quarters.flatMap { $0.split(at: at, direction, width: width) }
      avenues += 1
    }
    return quarters
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
}

/// Uniform numbers in order, from a stream of their own for each environment.
struct CityNumbers {
  private let stream: RandomStream
  private let environment: Int
  private var step = 0
  private var block = [Float]()

  /// - Parameters:
  ///   - seed: keys all random numbers.
  ///   - environment: the city's number.
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

  /// Numbers of their own, none of which come here.
  mutating func branch() -> CityNumbers {
    var other = self
    (other.block, other.step) = ([], 1 << 20)
    return other
  }

  /// One of several, by their weights.
  mutating func choice(_ weights: [Double]) -> Int {
    var left = self() * weights.reduce(0, +)
    for (index, weight) in weights.enumerated() {
      left -= weight
      if left < 0 { return index }
    }
    return weights.lastIndex { $0 > 0 } ?? 0
  }
}
