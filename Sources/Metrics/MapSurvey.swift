import Essentials

/// What one map adds to the statistics of a set of maps: a few numbers, whatever the map's size.
///
/// Sets are described by the surveys of their maps, in the maps' order, so that it does not matter who surveyed which.
public struct MapSurvey: Codable, Equatable, Sendable {
  /// A sum over places, and what it is to be divided by once all maps' sums are together.
  struct Share: Codable, Equatable, Sendable {
    var sum: Double
    var over: Double
  }

  struct Roughness: Codable, Equatable, Sendable {
    var residual: Share
    var gradient: Share
  }

  var range: Double
  var path: Roughness
  /// One for each bin of distance; empty without a station.
  var bins: [Share] = []
  /// Power + pathloss: the sum of squares, the map's mean removed.
  var shadow: Share?
  /// The mean of power + pathloss.
  var excess: Double?
  var shadowLags: [Share?] = []
  var coherent: Roughness?
  /// Coherent - path power: the sum of squares, the map's mean removed.
  var fading: Share?
  var fadingLags: [Share?] = []
  var lineOfSight: Share?
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

  private let spacing: Double
  private let origin: SIMD2<Double>

  /// - Parameters:
  ///   - spacing: distance between neighbouring places [m].
  ///   - origin: position of the first place [m].
  public init(spacing: Double, origin: SIMD2<Double>) {
    self.spacing = spacing
    self.origin = origin
  }

  /// A map, and what is known of it.
  public struct Subject: Sendable {
    /// Path power [dB]; finite at all valid places.
    public var map: ChannelFingerprint
    /// 0 where the map holds nothing; nil where every place counts.
    public var valid: [UInt8]?
    /// The base station's horizontal position [m].
    public var station: SIMD2<Double>?
    /// 1 in line of sight, 0 elsewhere.
    public var lineOfSight: ChannelFingerprint?
    /// Coherent power [dB] of the same places.
    public var coherent: ChannelFingerprint?
    /// What to add to power for the shadow fading; where nil, a station gives the mean by distance only.
    public var pathloss: PathlossModel?

    /// - Parameters:
    ///   - map: path power [dB].
    ///   - valid: 0 where the map holds nothing; nil where every place counts.
    ///   - station: the base station's horizontal position [m].
    ///   - lineOfSight: 1 in line of sight, 0 elsewhere.
    ///   - coherent: coherent power [dB] of the same places.
    ///   - pathloss: what to add to power for the shadow fading.
    public init(
      _ map: ChannelFingerprint, valid: [UInt8]? = nil, station: SIMD2<Double>? = nil,
      lineOfSight: ChannelFingerprint? = nil, coherent: ChannelFingerprint? = nil, pathloss: PathlossModel? = nil
    ) {
      self.map = map
      self.valid = valid
      self.station = station
      self.lineOfSight = lineOfSight
      self.coherent = coherent
      self.pathloss = pathloss
    }
  }

  /// Surveys a map; nil when it has no two valid places side by side.
  public func survey(_ subject: Subject) -> MapSurvey? {
    let map = subject.map
    let layers = [subject.lineOfSight, subject.coherent]
    precondition(
      layers.allSatisfy { $0.map { $0.values.count == map.values.count } ?? true }, "layers of other sizes")
    let valid = subject.valid.map { $0.map { $0 != 0 } }
    let power = Field(map, valid: valid)
    guard let path = roughness(power), let range = power.range else { return nil }
    var survey = MapSurvey(range: range, path: path)
    if let state = subject.lineOfSight {
      let seen = Field(state, valid: valid)
      survey.lineOfSight = .init(sum: seen.sum, over: Double(seen.count))
    }
    if let station = subject.station {
      let distances = distances(from: station, rows: map.rows, columns: map.columns)
      survey.bins = bins(power, distances)
      if let pathloss = subject.pathloss {
        var field = power
        for place in distances.indices {
          field.values[place] += pathloss(distances[place], (subject.lineOfSight?.values[place] ?? 0) != 0)
        }
        survey.excess = field.centre()
        survey.shadow = field.square
        survey.shadowLags = Self.shadowLags.map { field.product(lag: $0 / spacing) }
      }
    }
    if let coherent = subject.coherent {
      let other = Field(coherent, valid: valid)
      survey.coherent = roughness(other)
      var difference = other
      for place in difference.values.indices { difference.values[place] -= power.values[place] }
      _ = difference.centre()
      survey.fading = difference.square
      survey.fadingLags = Self.fadingLags.map { difference.product(lag: $0 / spacing) }
    }
    return survey
  }

  private func distances(from station: SIMD2<Double>, rows: Int, columns: Int) -> [Double] {
    var distances: [Double] = []
    distances.reserveCapacity(rows * columns)
    for row in 0..<rows {
      let y = origin.y + spacing * Double(row) - station.y
      for column in 0..<columns {
        let x = origin.x + spacing * Double(column) - station.x
        distances.append((x * x + y * y).squareRoot())
      }
    }
    return distances
  }

  private func bins(_ power: Field, _ distances: [Double]) -> [MapSurvey.Share] {
    var bins = [MapSurvey.Share](repeating: .init(sum: 0, over: 0), count: Self.edges.count)
    for place in distances.indices where power.counts(place) {
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
    return .init(residual: residual.square, gradient: .init(sum: slope / spacing, over: 1))
  }
}
