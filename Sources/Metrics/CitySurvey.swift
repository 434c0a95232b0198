import Essentials
import Foundation

/// What a city's buildings look like from above, as numbers; nil where there is nothing to measure.
public struct CitySurvey: Codable, Equatable, Sendable {
  /// In the order of `names`.
  public let values: [Double?]

  /// What the numbers are, with their units.
  public static let names =
    [
      "building share", "buildings a hectare", "building area, median, m2", "building area, 90 %, m2",
      "wall length, m a hectare", "street width, 25 %, m", "street width, median, m", "street width, 75 %, m",
      "walls along two directions, 0-1", "courtyards, share of the area", "courtyards a hectare",
    ] + distances.map { "line of sight at \(Int($0)) m, share" }
  /// Where the line of sight is looked at [m].
  static let distances: [Double] = [10, 20, 40, 80, 160]
}

/// Measures cities whose buildings are the holes of a mask.
public struct CitySurveyor {
  /// Less is litter of the mask [m2].
  private static let leastArea = 15.0
  private static let widthSamples = 1500
  private static let pairSamples = 2500
  private static let directions = 16

  private let isBuilt: [Bool]
  private let rows: Int
  private let columns: Int
  private let spacing: Double
  private let hectares: Double

  /// - Parameters:
  ///   - mask: false where a building stands.
  ///   - columns: places in x.
  ///   - spacing: distance between places [m].
  public init(_ mask: Mask, columns: Int, spacing: Double) {
    precondition(columns > 0 && mask.count % columns == 0, "rows of one length")
    isBuilt = mask.flags.map { !$0 }
    (self.columns, self.rows, self.spacing) = (columns, mask.count / columns, spacing)
    hectares = Double(mask.count) * spacing * spacing / 10_000
  }

  /// Takes all numbers; nothing is drawn at random.
  public func survey() -> CitySurvey {
    let buildings = patches { isBuilt[$0] }.map(\.area).filter { $0 >= Self.leastArea }.sorted()
    let outside = patches { !isBuilt[$0] }
    let courtyards = outside.filter { !$0.touchesBorder && $0.area >= Self.leastArea }
    let widths = streetWidths().sorted()
    func share(_ sorted: [Double], _ share: Double) -> Double? { sorted.isEmpty ? nil : Percentiles.of(sorted, share) }
    let measured: [Double?] = [
      Double(isBuilt.count { $0 }) / Double(isBuilt.count), Double(buildings.count) / hectares,
      share(buildings, 0.5), share(buildings, 0.9), wallLength / hectares,
      share(widths, 0.25), share(widths, 0.5), share(widths, 0.75), alignment,
      courtyards.reduce(0) { $0 + $1.area } / (hectares * 10_000), Double(courtyards.count) / hectares,
    ]
    return CitySurvey(values: measured + CitySurvey.distances.map(lineOfSight))
  }

  /// Places that hang together by their sides.
  private struct Patch {
    var area = 0.0
    var touchesBorder = false
  }

  private func patches(_ belongs: (Int) -> Bool) -> [Patch] {
    var isSeen = [Bool](repeating: false, count: isBuilt.count), waiting = [Int](), patches = [Patch]()
    for begin in isBuilt.indices where !isSeen[begin] && belongs(begin) {
      var patch = Patch()
      isSeen[begin] = true
      waiting.append(begin)
      while let place = waiting.popLast() {
        let row = place / columns, column = place % columns
        patch.area += spacing * spacing
        func visit(_ neighbour: Int, _ isInside: Bool) {
          guard isInside else { return patch.touchesBorder = true }
          guard !isSeen[neighbour], belongs(neighbour) else { return }
          isSeen[neighbour] = true
          waiting.append(neighbour)
        }
        visit(place - 1, column > 0)
        visit(place + 1, column + 1 < columns)
        visit(place - columns, row > 0)
        visit(place + columns, row + 1 < rows)
      }
      patches.append(patch)
    }
    return patches
  }

  /// Sides of places between in and out, by Cauchy's mean over directions [m].
  private var wallLength: Double {
    var sides = 0
    for place in isBuilt.indices {
      if place % columns + 1 < columns, isBuilt[place] != isBuilt[place + 1] { sides += 1 }
      if place + columns < isBuilt.count, isBuilt[place] != isBuilt[place + columns] { sides += 1 }
    }
    return Double(sides) * spacing * .pi / 4
  }

  /// 1 where all walls run along two directions at right angles, 0 where they run anyhow: the walls' mean direction, four times
  /// its angle, of the blurred mask.
  private var alignment: Double? {
    let reach = 2, mean = blurred(reach)
    var sum = SIMD2<Double>(), weight = 0.0
    for row in 1..<max(1, rows - 1) {
      for column in 1..<max(1, columns - 1) {
        let place = row * columns + column
        let x = mean[place + 1] - mean[place - 1], y = mean[place + columns] - mean[place - columns]
        let slope = (x * x + y * y).squareRoot()
        guard slope > 0 else { continue }
        let angle = 4 * atan2(y, x)
        sum += slope * SIMD2(cos(angle), sin(angle))
        weight += slope
      }
    }
    return weight > 0 ? (sum * sum).sum().squareRoot() / weight : nil
  }

  private func blurred(_ reach: Int) -> [Double] {
    func along(_ values: [Double], _ step: Int, _ position: (Int) -> Int, _ length: Int) -> [Double] {
      values.indices.map { place in
        let own = position(place), range = max(0, own - reach)...min(length - 1, own + reach)
        return range.reduce(0) { $0 + values[place + ($1 - own) * step] } / Double(range.count)
      }
    }
    let rowsDone = along(isBuilt.map { $0 ? 1 : 0 }, 1, { $0 % columns }, columns)
    return along(rowsDone, columns, { $0 / columns }, rows)
  }

  /// Numbers in 0..<1 that fill the unit cube evenly (Roberts, "The unreasonable effectiveness of quasirandom sequences").
  private func even(_ number: Int) -> SIMD3<Double> {
    let point = SIMD3(0.8191725133961645, 0.6710436067037893, 0.5497004779019703) * Double(number + 1)
    return point - point.rounded(.down)
  }

  private func isBuilt(_ x: Double, _ y: Double) -> Bool? {
    let column = Int(x.rounded()), row = Int(y.rounded())
    guard (0..<columns).contains(column), (0..<rows).contains(row) else { return nil }
    return isBuilt[row * columns + column]
  }

  /// The shortest way from wall to wall through places out of doors [m]; ways that leave the area do not count.
  private func streetWidths() -> [Double] {
    let step = 0.5
    return (0..<Self.widthSamples).compactMap { number in
      let point = even(number), x = point.x * Double(columns - 1), y = point.y * Double(rows - 1)
      guard isBuilt(x, y) == false else { return nil }
      var least: Double?
      directions: for direction in 0..<Self.directions {
        let angle = Double.pi * Double(direction) / Double(Self.directions),
          (dx, dy) = (cos(angle) * step, sin(angle) * step)
        var steps = 0
        for sign in [1.0, -1.0] {
          var along = 1
          while true {
            guard let wall = isBuilt(x + sign * dx * Double(along), y + sign * dy * Double(along)) else {
              continue directions
            }
            if wall { break }
            along += 1
            steps += 1
          }
        }
        let width = Double(steps + 1) * step * spacing
        least = min(least ?? width, width)
      }
      return least
    }
  }

  /// Of pairs of places out of doors at that distance, the share that see each other.
  private func lineOfSight(at distance: Double) -> Double? {
    var pairs = 0, seen = 0
    for number in 0..<Self.pairSamples {
      let point = even(number), x = point.x * Double(columns - 1), y = point.y * Double(rows - 1)
      let angle = 2 * Double.pi * point.z, reach = distance / spacing
      let (dx, dy) = (cos(angle) * reach, sin(angle) * reach)
      guard isBuilt(x, y) == false, isBuilt(x + dx, y + dy) == false else { continue }
      pairs += 1
      let steps = max(1, Int((2 * reach).rounded(.up)))
      let isHidden = (1..<max(2, steps)).contains { step in
        let share = Double(step) / Double(steps)
        return isBuilt(x + dx * share, y + dy * share) == true
      }
      if !isHidden { seen += 1 }
    }
    return pairs > 0 ? Double(seen) / Double(pairs) : nil
  }
}

/// What a set of cities looks like, beside a reference if there is one.
public struct CityStatistics: Equatable, Sendable {
  /// A number of the cities: its median, and between what most of them lie.
  public struct Entry: Codable, Equatable, Sendable {
    /// What it is, with its unit.
    public let name: String
    /// 50 % of the cities have less.
    public let median: Double
    /// 10 % have less.
    public let low: Double
    /// 10 % have more.
    public let high: Double

    /// Whether the median is one that a reference's cities have.
    public func isWithin(_ reference: Entry) -> Bool { (reference.low...reference.high).contains(median) }
  }

  /// How many cities.
  public let count: Int
  /// The numbers, those left out that no city has.
  public let entries: [Entry]

  /// - Parameter surveys: one a city; nil where there is none.
  public init?(_ surveys: [CitySurvey]) {
    guard !surveys.isEmpty else { return nil }
    count = surveys.count
    entries = CitySurvey.names.enumerated().compactMap { index, name in
      let values = surveys.compactMap { $0.values[index] }.sorted()
      guard !values.isEmpty else { return nil }
      return Entry(
        name: name, median: Percentiles.of(values, 0.5), low: Percentiles.of(values, 0.1),
        high: Percentiles.of(values, 0.9))
    }
  }
}
