import Computing
import Essentials
import Foundation
import MapStorage

/// Fits the coefficients of the dominant path model to maps that were measured or traced, and says what is left.
public final class UrbanCalibration: Sendable {
  /// Where a place lies on its path.
  public enum Kind: Int, CaseIterable, Sendable {
    /// The station is seen.
    case direct
    /// Around one corner.
    case one
    /// Around two.
    case two
    /// Around three.
    case three
    /// Around more.
    case more
    /// Over roofs.
    case roofs
    /// The model has no path.
    case none

    /// What tables call it.
    public var name: String {
      switch self {
      case .direct: "line of sight"
      case .one: "one corner"
      case .two: "two corners"
      case .three: "three corners"
      case .more: "more corners"
      case .roofs: "over roofs"
      case .none: "no path"
      }
    }
  }

  /// What is left between maps and model: gain of the model minus that of the map [dB], both raised to the weakest.
  public struct Errors: Sendable {
    private static let step = 0.01
    /// Places.
    public private(set) var count = 0
    /// The mean [dB].
    public var bias: Double { sum / Double(count) }
    /// The root of the mean square [dB].
    public var deviation: Double { (squares / Double(count)).squareRoot() }
    /// The median of magnitudes [dB].
    public var median: Double {
      var below = 0
      for (bin, places) in magnitudes.enumerated() {
        below += places
        if 2 * below >= count { return (Double(bin) + 0.5) * Self.step }
      }
      return .nan
    }
    private var sum = 0.0
    fileprivate private(set) var squares = 0.0
    private var magnitudes: [Int] = []

    /// None.
    public init() {}

    mutating func add(_ error: Double) {
      count += 1
      sum += error
      squares += error * error
      let bin = min(Int(abs(error) / Self.step), 40_000)
      if bin >= magnitudes.count { magnitudes += [Int](repeating: 0, count: bin + 1 - magnitudes.count) }
      magnitudes[bin] += 1
    }

    /// Those of two sets of places.
    public static func + (one: Errors, other: Errors) -> Errors {
      var all = one
      (all.count, all.sum, all.squares) = (one.count + other.count, one.sum + other.sum, one.squares + other.squares)
      all.magnitudes = (0..<max(one.magnitudes.count, other.magnitudes.count)).map { bin in
        (bin < one.magnitudes.count ? one.magnitudes[bin] : 0)
          + (bin < other.magnitudes.count ? other.magnitudes[bin] : 0)
      }
      return all
    }
  }

  /// What is left, by kind of place, and whether what no signal reaches is foreseen.
  public struct Residuals: Sendable {
    /// By kind.
    public fileprivate(set) var errors: [Kind: Errors] = [:]
    /// Places that the map's signal reaches, and of those the ones that the model's reaches.
    public fileprivate(set) var reached = (places: 0, foreseen: 0)
    /// Places that it does not reach, and of those the ones that the model's does not.
    public fileprivate(set) var unreached = (places: 0, foreseen: 0)

    /// None.
    public init() {}

    /// Of all places.
    public var all: Errors { errors.values.reduce(Errors(), +) }

    /// Those of two sets of maps.
    public static func + (one: Residuals, other: Residuals) -> Residuals {
      var sum = one
      sum.errors.merge(other.errors, uniquingKeysWith: +)
      sum.reached.places += other.reached.places
      sum.reached.foreseen += other.reached.foreseen
      sum.unreached.places += other.unreached.places
      sum.unreached.foreseen += other.unreached.foreseen
      return sum
    }
  }

  private struct Subject: Sendable {
    let graph: CornerGraph
    /// In grid units.
    let station: SIMD2<Double>
    let heights: UrbanHeights
    /// [dB]; NaN where no signal was received.
    let gains: [Float]
  }

  /// How many maps there are.
  public var count: Int { subjects.count }
  private let subjects: [Subject]
  private let threads: Threads

  /// Reads maps and prepares their cities.
  ///
  /// Buildings are those of the layer `buildings`, and places out of doors without a value were not reached; without that layer, all
  /// places without a value are buildings.
  ///
  /// - Parameters:
  ///   - reader: gains [dB], with stations and holes.
  ///   - maximum: how many of the first maps; nil: all.
  ///   - buildingHeight: of the roofs [m].
  ///   - threads: the workers.
  /// - Throws: `Fault` when the data set has no stations, no buildings, or a station stands outside the area.
  public init(_ reader: MapSetReader, maximum: Int?, buildingHeight: Double, threads: Threads) throws {
    let description = reader.description, area = description.area
    let hasLayer = description.layers.contains { $0.name == UrbanQuantity.buildings.rawValue }
    guard description.units == "dB", description.hasStations, hasLayer || description.hasValid else {
      throw Fault(
        "the urban model is fitted to gains of known stations among known buildings", at: reader.path,
        expected: "maps in dB with stations, and holes or a layer buildings",
        found: "\(description.units), \(description.hasStations ? "stations" : "no stations"), "
          + (description.hasValid ? "holes" : "neither holes nor buildings"))
    }
    let grid = AreaGrid(columns: reader.columns, rows: reader.rows, spacing: area.spacing)
    var graphs: [[Bool]: CornerGraph] = [:], subjects: [Subject] = []
    for index in 0..<min(maximum ?? reader.count, reader.count) {
      let found = try reader.map(index)
      let isBuilt =
        hasLayer
        ? try reader.read(layer: UrbanQuantity.buildings.rawValue, indices: [index])[0].values.map { $0 > 0.5 }
        : found.mask?.flags.map { !$0 } ?? [Bool](repeating: false, count: grid.count)
      let graph = graphs[isBuilt] ?? CornerGraph(City(isBuilt: isBuilt, grid: grid), threads: threads)
      graphs[isBuilt] = graph
      let station = found.station ?? SIMD3(0, 0, 0)
      let place = (SIMD2(Double(station.x), Double(station.y)) - SIMD2(area.originX, area.originY)) / area.spacing
      guard (-0.5...Double(grid.columns) - 0.5).contains(place.x), (-0.5...Double(grid.rows) - 0.5).contains(place.y)
      else {
        throw Fault(
          "the station stands outside the area", at: "\(reader.path), map \(index)",
          expected: "a place among the map's", found: "(\(station.x), \(station.y)) m")
      }
      guard graph.city.outdoors[Int(place.y.rounded()) * grid.columns + Int(place.x.rounded())] else {
        throw Fault(
          "the station stands in a building", at: "\(reader.path), map \(index)", expected: "a place out of doors",
          found: "(\(station.x), \(station.y)) m")
      }
      subjects.append(
        Subject(
          graph: graph, station: place,
          heights: UrbanHeights(station: Double(station.z), user: area.userHeight, buildings: buildingHeight),
          gains: found.map.values.indices.map { found.mask?[$0] != false ? found.map.values[$0] : .nan }))
    }
    (self.subjects, self.threads) = (subjects, threads)
  }

  /// What is left of some maps with a law.
  public func residuals(_ law: UrbanLaw, maps: [Int]) -> Residuals {
    threads.map(maps.map { subjects[$0] }) { subject in
      var paths = DominantPaths(subject.graph, law, subject.heights)
      let result = paths.losses(from: subject.station)
      return Self.residuals(result, subject, weakest: Float(law.weakest))
    }.reduce(Residuals(), +)
  }

  /// What a law expects of a map.
  ///
  /// - Parameters:
  ///   - quantity: of which quantities.
  ///   - law: the law.
  ///   - map: which map.
  /// - Returns: each quantity at all places.
  func expected(_ quantities: [UrbanQuantity], by law: UrbanLaw, of map: Int) -> [[Float]] {
    let subject = subjects[map]
    var paths = DominantPaths(subject.graph, law, subject.heights)
    let result = paths.losses(from: subject.station)
    return quantities.map { $0.values(result, subject.graph.city, weakest: law.weakest) }
  }

  private static func residuals(_ result: DominantPaths.Result, _ subject: Subject, weakest: Float) -> Residuals {
    var found = Residuals(), errors = [Errors](repeating: Errors(), count: Kind.allCases.count)
    for place in subject.gains.indices where subject.graph.city.outdoors[place] {
      let gain = subject.gains[place], isReached = gain > -weakest, isForeseen = result.loss[place] < weakest
      let kind: Kind =
        result.corners[place] < 0
        ? .none
        : result.corners[place] == 0
          ? .direct : result.roofs[place] > 0 ? .roofs : Kind(rawValue: Int(min(result.corners[place], 4)))!
      errors[kind.rawValue].add(Double((isReached ? -gain : weakest) - min(result.loss[place], weakest)))
      if isReached {
        found.reached.places += 1
        found.reached.foreseen += isForeseen ? 1 : 0
      } else {
        found.unreached.places += 1
        found.unreached.foreseen += isForeseen ? 0 : 1
      }
    }
    for kind in Kind.allCases where errors[kind.rawValue].count > 0 { found.errors[kind] = errors[kind.rawValue] }
    return found
  }

  // MARK: - Fitting

  /// The law that leaves the least squares on some maps.
  ///
  /// Line of sight by linear least squares; the rest, where the choice of paths hangs on the law, by a compass search whose steps are
  /// halved until they are a thirty-second (Kolda, Lewis, Torczon 2003).
  ///
  /// - Parameters:
  ///   - law: where to begin; also what is not fitted.
  ///   - maps: on which.
  ///   - progress: called after each round with the least deviation so far [dB].
  public func fit(from law: UrbanLaw, maps: [Int], progress: (Double) -> Void = { _ in }) -> UrbanLaw {
    var best = directFit(law, maps), least = squares(best, maps)
    var scale = 1.0
    while scale > 1.0 / 32 {
      var isBetter = false
      for coefficient in BentCoefficient.allCases where coefficient != .roofs || law.overRoofs {
        for sign in [1.0, -1.0] {
          let trial = coefficient.moved(best, by: sign * scale), found = squares(trial, maps)
          guard found < least else { continue }
          (best, least, isBetter) = (trial, found, true)
          break
        }
      }
      let places = Double(maps.reduce(0) { $0 + subjects[$1].graph.city.outdoors.flags.count { $0 } })
      progress((least / max(places, 1)).squareRoot())
      if !isBetter { scale /= 2 }
    }
    return best
  }

  private func squares(_ law: UrbanLaw, _ maps: [Int]) -> Double {
    residuals(law, maps: maps).errors.values.reduce(0) { $0 + $1.squares }
  }

  /// Intercept and exponent of places in line of sight; again without those that lie far off, whose line a wall that the mask draws
  /// coarsely may cut.
  private func directFit(_ law: UrbanLaw, _ maps: [Int]) -> UrbanLaw {
    var fitted = law, reach = Double.infinity
    for _ in 0..<3 {
      let sums = directSums(fitted, maps, reach: reach)
      let determinant = sums[0] * sums[2] - sums[1] * sums[1]
      guard sums[0] >= 10, determinant > 1e-9 * sums[0] * sums[2] else { return fitted }
      fitted.directExponent = min(10, max(1, (sums[0] * sums[4] - sums[1] * sums[3]) / determinant))
      fitted.directIntercept = min(200, max(0, (sums[3] - fitted.directExponent * sums[1]) / sums[0]))
      let errors = directSums(fitted, maps, reach: reach)
      reach = max(0.5, 3 * (errors[5] / max(errors[0], 1)).squareRoot())
    }
    return fitted
  }

  /// Of places in line of sight within a distance [dB] of a law: their number, x = 10 lg d, x^2, loss y, x y, and squares of what is
  /// left.
  private func directSums(_ law: UrbanLaw, _ maps: [Int], reach: Double) -> [Double] {
    threads.map(maps.map { subjects[$0] }) { subject -> [Double] in
      var sums = [Double](repeating: 0, count: 6), paths = DominantPaths(subject.graph, law, subject.heights)
      let result = paths.losses(from: subject.station)
      for place in subject.gains.indices
      where result.corners[place] == 0 && subject.gains[place] > -Float(law.weakest) && result.length[place] > 2 {
        let x = 10 * log10(Double(result.length[place])), y = -Double(subject.gains[place])
        let error = y - law.directIntercept - law.directExponent * x
        guard abs(error) <= reach else { continue }
        for (index, term) in [1, x, x * x, y, x * y, error * error].enumerated() { sums[index] += term }
      }
      return sums
    }.reduce([Double](repeating: 0, count: 6)) { zip($0, $1).map(+) }
  }

  /// What a compass moves: coefficients that hang on each other as little as may be.
  private enum BentCoefficient: CaseIterable {
    case level, exponent, turn, largestTurn, furtherCorner, roofs

    /// [m]; where the level is moved and the exponent leaves it.
    private static let pivot = 100.0

    func moved(_ law: UrbanLaw, by share: Double) -> UrbanLaw {
      var law = law
      func add(_ path: WritableKeyPath<UrbanLaw, Double>, _ step: Double, _ range: ClosedRange<Double>) {
        law[keyPath: path] = min(range.upperBound, max(range.lowerBound, law[keyPath: path] + step * share))
      }
      switch self {
      case .level: add(\.bentIntercept, 2, 0...200)
      case .exponent:
        let before = law.bentExponent
        add(\.bentExponent, 0.3, 1...10)
        law.bentIntercept = min(200, max(0, law.bentIntercept - 10 * (law.bentExponent - before) * log10(Self.pivot)))
      case .turn: add(\.turn, 0.02, 0...10)
      case .largestTurn: add(\.largestTurn, 8, 1...180)
      case .furtherCorner: add(\.furtherCorner, 0.6, 0...100)
      case .roofs: add(\.roofs, 3, 0...400)
      }
      return law
    }
  }
}
