import Essentials

/// What one map adds to the statistics of a set of maps: a few numbers, whatever the map's size.
///
/// Sets are described by the surveys of their maps, in the maps' order, so that it does not matter who surveyed which.
public struct MapSurvey: Codable, Equatable, Sendable {
  /// A sum over places, and what it is to be divided by once all maps' sums are together.
  struct Quotient: Codable, Equatable, Sendable {
    var sum: Double
    var over: Double
  }

  struct Roughness: Codable, Equatable, Sendable {
    var residual: Quotient
    var gradient: Quotient
  }

  var range: Double
  var path: Roughness
  /// One for each bin of distance; empty without a station.
  var bins: [Quotient] = []
  /// The same of places in line of sight alone, and of the others; empty where states are not known.
  var directBins: [Quotient] = []
  var hiddenBins: [Quotient] = []
  /// Percentiles of the map's places, by `MapStatistics.rangeShares`.
  var levels: [Double] = []
  /// Power + pathloss: the sum of squares, the map's mean removed.
  var shadow: Quotient?
  /// The mean of power + pathloss.
  var excess: Double?
  var shadowLags: [Quotient?] = []
  var coherent: Roughness?
  /// Coherent - path power: the sum of squares, the map's mean removed.
  var fading: Quotient?
  var fadingLags: [Quotient?] = []
  var lineOfSight: Quotient?
}

/// Takes the statistics of maps [dB] that lie on one grid.
public struct MapSurveyor: Sendable {
  /// Pathloss [dB] at a 2-D distance [m], with or without line of sight.
  public typealias PathlossModel = @Sendable (_ distance: Double, _ lineOfSight: Bool) -> Double

  /// Edges [m] of the distance bins; the last one is open.
  public static let edges: [Double] = [0, 10, 20, 30, 45, 60, 80, 100, 130]
  /// Lags [m] of the shadow fading's autocorrelation.
  public static let shadowLags: [Double] = [5, 10, 20, 30, 40, 50, 60]
  /// Lags [m] of the autocorrelation of coherent - path power.
  public static let fadingLags: [Double] = [1, 5, 10]

  private let area: Area
  private let pathloss: PathlossModel?

  /// - Parameters:
  ///   - area: where the places lie.
  ///   - pathloss: what to add to power for the shadow fading; where nil, a station gives the mean by distance only.
  public init(area: Area, pathloss: PathlossModel? = nil) {
    self.area = area
    self.pathloss = pathloss
  }

  /// Surveys a map; nil when it has no two valid places side by side.
  ///
  /// - Parameters:
  ///   - subject: path power [dB]; finite at all valid places.
  ///   - lineOfSight: 1 in line of sight, 0 elsewhere.
  ///   - coherent: coherent power [dB] of the same places.
  public func survey(
    _ subject: StationMap, lineOfSight: ChannelFingerprint? = nil, coherent: ChannelFingerprint? = nil
  ) -> MapSurvey? {
    let map = subject.map
    let layers = [lineOfSight, coherent]
    precondition(
      layers.allSatisfy { $0.map { $0.values.count == map.values.count } ?? true }, "layers of other sizes")
    let power = Field(map, mask: subject.mask)
    guard let path = roughness(power), let range = power.range else { return nil }
    var survey = MapSurvey(range: range, path: path)
    let sorted = power.values.indices.filter(power.counts).map { power.values[$0] }.sorted()
    survey.levels = MapStatistics.rangeShares.map { Percentiles.of(sorted, $0) }
    if let state = lineOfSight {
      let seen = Field(state, mask: subject.mask)
      survey.lineOfSight = .init(sum: seen.sum, over: Double(seen.count))
    }
    if let station = subject.station {
      let distances = distances(from: station, rows: map.rows, columns: map.columns)
      survey.bins = bins(power, distances) { _ in true }
      if let states = lineOfSight?.values {
        survey.directBins = bins(power, distances) { states[$0] != 0 }
        survey.hiddenBins = bins(power, distances) { states[$0] == 0 }
      }
      if let pathloss {
        var field = power
        for place in distances.indices {
          field.values[place] += pathloss(distances[place], (lineOfSight?.values[place] ?? 0) != 0)
        }
        survey.excess = field.centre()
        survey.shadow = field.square
        survey.shadowLags = Self.shadowLags.map { field.product(lag: $0 / area.spacing) }
      }
    }
    if let coherent {
      let other = Field(coherent, mask: subject.mask)
      survey.coherent = roughness(other)
      var difference = other
      for place in difference.values.indices { difference.values[place] -= power.values[place] }
      _ = difference.centre()
      survey.fading = difference.square
      survey.fadingLags = Self.fadingLags.map { difference.product(lag: $0 / area.spacing) }
    }
    return survey
  }

  private func distances(from station: SIMD3<Float>, rows: Int, columns: Int) -> [Double] {
    var distances: [Double] = []
    distances.reserveCapacity(rows * columns)
    for row in 0..<rows {
      let y = area.y(row) - Double(station.y)
      for column in 0..<columns {
        let x = area.x(column) - Double(station.x)
        distances.append((x * x + y * y).squareRoot())
      }
    }
    return distances
  }

  private func bins(
    _ power: Field, _ distances: [Double], where isCounted: (_ place: Int) -> Bool
  ) -> [MapSurvey.Quotient] {
    var bins = [MapSurvey.Quotient](repeating: .init(sum: 0, over: 0), count: Self.edges.count)
    for place in distances.indices where power.counts(place) && isCounted(place) {
      let bin = Self.edges.lastIndex { $0 <= distances[place] } ?? 0
      bins[bin].sum += power.values[place]
      bins[bin].over += 1
    }
    return bins
  }

  private func roughness(_ field: Field) -> MapSurvey.Roughness? {
    guard let slope = field.meanSlope else { return nil }
    var residual = field
    residual.subtractMedian()
    _ = residual.centre()
    return .init(residual: residual.square, gradient: .init(sum: slope / area.spacing, over: 1))
  }
}
