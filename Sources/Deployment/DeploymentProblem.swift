import Conditioning
import Essentials
import MapStorage

/// A rectangle that is to be covered, by its sides [m].
public struct CoverageRegion: Codable, Equatable, Sendable {
  /// The least x [m].
  public var left: Double
  /// The least y [m].
  public var bottom: Double
  /// The greatest x [m].
  public var right: Double
  /// The greatest y [m].
  public var top: Double

  /// - Parameters:
  ///   - left: the least x [m].
  ///   - bottom: the least y [m].
  ///   - right: the greatest x [m].
  ///   - top: the greatest y [m].
  public init(left: Double, bottom: Double, right: Double, top: Double) {
    (self.left, self.bottom, self.right, self.top) = (left, bottom, right, top)
  }

  /// As it is given: "20,30,60,80".
  public var text: String { [left, bottom, right, top].map { "\($0)" }.joined(separator: ",") }
}

/// Where a new station may stand, and what it is to cover: the paper's section V-C.
public struct DeploymentProblem: Sendable {
  /// What is known of the environment.
  public let sources: [StationMap]
  /// The environment's number.
  public let environment: Int32
  /// Rows of the maps.
  public let rows: Int
  /// Columns of the maps.
  public let columns: Int
  /// Where the places lie.
  public let area: Area
  /// The places where some source holds a value.
  public let outdoors: Mask
  /// What is to be covered.
  public let regions: [CoverageRegion]
  /// The places of each region that are out of doors.
  public let regionPlaces: [[Int]]
  /// Places where the station may stand, in every so many-th row and column.
  public let candidates: [Int]
  /// Rows, and columns, from one candidate to the next.
  public let step: Int
  /// The new station's height [m].
  public let height: Float

  /// - Parameters:
  ///   - sources: the known maps of one environment, one at least.
  ///   - environment: its number.
  ///   - area: where the places lie.
  ///   - regions: what is to be covered, one at least.
  ///   - spacing: distance between neighbouring places where the station may stand [m].
  ///   - height: the new station's height [m]; nil: the mean of the known ones.
  /// - Throws: `Fault` for a region without a place out of doors, and where nowhere a station may stand.
  public init(
    sources: [StationMap], environment: Int32, area: Area, regions: [CoverageRegion], spacing: Double, height: Float?
  ) throws {
    precondition(!sources.isEmpty && !regions.isEmpty, "a source and a region at least")
    let (rows, columns) = (sources[0].map.rows, sources[0].map.columns)
    let outdoors = Mask.union(of: sources)?.flags ?? [Bool](repeating: true, count: rows * columns)
    regionPlaces = try regions.map { region in
      let places = outdoors.indices.filter { place in
        let (x, y) = (area.x(place % columns), area.y(place / columns))
        return outdoors[place] && (region.left...region.right).contains(x) && (region.bottom...region.top).contains(y)
      }
      guard !places.isEmpty else {
        throw Fault(
          "a region has no place out of doors", at: "`region` \(region.text)",
          expected:
            "one within x \(area.x(0)) to \(area.x(columns - 1)) m, y \(area.y(0)) to \(area.y(rows - 1)) m, "
            + "where a known map holds a value", found: "none")
      }
      return places
    }
    // Beyond the area all steps are alike: no place is a candidate.
    let step = Int(min(max(1, (spacing / area.spacing).rounded()), Double(2 * max(rows, columns))))
    self.step = step
    candidates = outdoors.indices.filter { place in
      outdoors[place] && place / columns % step == step / 2 && place % columns % step == step / 2
    }
    guard !candidates.isEmpty else {
      throw Fault(
        "there is no place for a station", at: "`every`", expected: "a distance at which some place is out of doors",
        found: "\(spacing) m")
    }
    self.height = height ?? sources.map { $0.station?.z ?? 0 }.reduce(0, +) / Float(sources.count)
    self.outdoors = Mask(outdoors)
    (self.sources, self.environment, self.area, self.regions) = (sources, environment, area, regions)
    (self.rows, self.columns) = (rows, columns)
  }

  /// Where a candidate stands (x, y, z) [m].
  public func station(at place: Int) -> SIMD3<Float> {
    SIMD3(Float(area.x(place % columns)), Float(area.y(place / columns)), height)
  }

  /// All regions' places, one region's after the other's.
  var places: [Int] { regionPlaces.flatMap(\.self) }
}

/// Gains of every candidate at the places of all regions, and what follows from them.
public struct DeploymentGains: Sendable {
  /// How many places each region has.
  let regionCounts: [Int]
  /// For each candidate the gains at all regions' places [dB].
  let values: [[Float]]

  /// What stations together give in the regions.
  public struct Coverage: Codable, Equatable, Sendable {
    /// The least gain in each region [dB].
    public var least: [Double]
    /// The mean gain in each region [dB].
    public var mean: [Double]
    /// The least of all regions.
    public var leastOfAll: Double { least.min() ?? 0 }
    /// The mean over the regions.
    public var meanOfAll: Double { mean.reduce(0, +) / Double(max(1, mean.count)) }
  }

  /// A candidate chosen after others.
  public struct Choice: Equatable, Sendable {
    /// Candidates, in the order in which they were chosen.
    public var candidates: [Int]
    /// What they give together.
    public var coverage: Coverage
    /// Whether every region's least gain reaches the threshold.
    public var isFeasible: Bool
  }

  /// What some gains at all regions' places amount to.
  func coverage(_ gains: [Float]) -> Coverage {
    var coverage = Coverage(least: [], mean: []), first = 0
    for count in regionCounts {
      let own = gains[first..<first + count]
      coverage.least.append(Double(own.min() ?? 0))
      coverage.mean.append(own.reduce(0) { $0 + Double($1) } / Double(count))
      first += count
    }
    return coverage
  }

  /// What one candidate gives.
  public func coverage(of candidate: Int) -> Coverage { coverage(values[candidate]) }

  /// The stations that give the greatest mean gain among those whose least gain reaches a threshold in every region; at each
  /// place the strongest counts. Where none reaches it, those whose least gain is greatest.
  ///
  /// Several are chosen one after the other, with the threshold in mind and without, and then each is exchanged for a better one
  /// until there is none; the better of the two ways counts.
  ///
  /// - Parameters:
  ///   - threshold: [dB]; nil: none.
  ///   - count: how many stations.
  public func best(threshold: Double?, stations count: Int = 1) -> Choice {
    let rule = Rule(threshold: threshold), count = min(count, values.count)
    let starts = threshold == nil || count == 1 ? [rule] : [rule, Rule(threshold: nil)]
    let found = starts.map { start in
      var choice = Choice(candidates: [], coverage: Coverage(least: [], mean: []), isFeasible: false)
      for _ in 0..<count { choice = extended(choice.candidates, start) ?? choice }
      return exchanged(choice.candidates, rule)
    }
    return found.dropFirst().reduce(found[0]) { rule.prefers($1, to: $0) ? $1 : $0 }
  }

  /// Which of two choices is better.
  private struct Rule {
    let threshold: Double?

    func isFeasible(_ coverage: Coverage) -> Bool { threshold.map { coverage.leastOfAll >= $0 } ?? true }

    func prefers(_ choice: Choice, to other: Choice) -> Bool {
      let (first, second) = (choice.coverage, other.coverage)
      guard isFeasible(first) == isFeasible(second) else { return isFeasible(first) }
      return isFeasible(first) ? first.meanOfAll > second.meanOfAll : first.leastOfAll > second.leastOfAll
    }
  }

  /// Some candidates and the best one beside them; nil where there is none left.
  private func extended(_ chosen: [Int], _ rule: Rule) -> Choice? {
    let together = chosen.reduce([Float](repeating: -.infinity, count: regionCounts.reduce(0, +))) { gains, candidate in
      zip(gains, values[candidate]).map { max($0, $1) }
    }
    var best: Choice?
    for candidate in values.indices where !chosen.contains(candidate) {
      let own = coverage(zip(together, values[candidate]).map { max($0, $1) })
      let choice = Choice(candidates: chosen + [candidate], coverage: own, isFeasible: rule.isFeasible(own))
      if best.map({ rule.prefers(choice, to: $0) }) ?? true { best = choice }
    }
    return best
  }

  /// Candidates, each exchanged for a better one as long as there is one.
  private func exchanged(_ chosen: [Int], _ rule: Rule) -> Choice {
    var best = extended(chosen.dropLast(), rule)!
    var untouched = chosen.count > 1 ? chosen.count : 0
    while untouched > 0 {
      let first = Array(best.candidates.dropFirst())
      guard let other = extended(first, rule) else { break }
      untouched = rule.prefers(other, to: best) ? chosen.count : untouched - 1
      // The same stations in turn, where nothing was better.
      best.candidates = first + [best.candidates[0]]
      if untouched == chosen.count { best = other }
    }
    return best
  }
}
