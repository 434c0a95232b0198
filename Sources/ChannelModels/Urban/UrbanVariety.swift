import Computing
import Configuration
import Essentials

/// How far cities and stations depart from the law and the heights of a configuration: variety for training. What is 0 does not
/// vary.
public struct UrbanVariety: Equatable, Codable, Sendable {
  /// Both intercepts of a city depart from the law's by at most this [dB].
  public var intercepts = 0.0
  /// Both exponents of a city depart from the law's by at most this.
  public var exponents = 0.0
  /// A city's losses at turns, at corners and over roofs depart from the law's by at most this share each.
  public var turns = 0.0
  /// Trees, cars and the like of a city take at most this of each 100 m of a path [dB].
  public var clutter = 0.0
  /// Standard deviation of shadow fading out of line of sight [dB].
  public var shadowing = 0.0
  /// Standard deviation of shadow fading in line of sight [dB].
  public var shadowingDirect = 0.0
  /// Its decorrelation distance [m].
  public var shadowingDistance = 13.0
  /// The share of its variance that all stations of a city have in common.
  public var shadowingCommon = 0.5
  /// Deviation from place to place of what is left of small-scale fading [dB].
  public var texture = 0.0
  /// Stations stand higher than the configuration says by at most this [m].
  public var stationHeights = 0.0
  /// A city's buildings are higher or lower than the configuration says by at most this [m].
  public var buildingHeights = 0.0
  /// Stations stand off the places from which `expected_gain` is worked out by at most this, along either axis [m].
  public var stationOffset = 0.0
  /// The share of stations whose antenna looks into one direction.
  public var antennas = 0.0
  /// The narrowest such antenna's width at half of its power, in azimuth [degree].
  public var leastWidth = 50.0
  /// The widest such antenna's [degree].
  public var greatestWidth = 120.0
  /// How far such antennas look down, at most [degree].
  public var tilt = 12.0

  /// None.
  public init() {}
}

extension UrbanVariety: ConfigurationSection {
  /// The keys of the section `variety`.
  public static var fields: [ConfigurationField<Self>] {
    [
      .number("intercepts", \.intercepts, in: 0...50, "both intercepts of a city depart by at most this, dB"),
      .number("exponents", \.exponents, in: 0...2, "both exponents of a city depart by at most this"),
      .number(
        "turns", \.turns, in: 0...1, "a city's losses at turns, corners and roofs each depart by at most this share"),
      .number("clutter", \.clutter, in: 0...100, "loss on each 100 m of a path in a city, at most, dB"),
      .number("shadowing", \.shadowing, in: 0...30, "deviation of shadow fading out of line of sight, dB"),
      .number("shadowing_direct", \.shadowingDirect, in: 0...30, "deviation of shadow fading in line of sight, dB"),
      .number("shadowing_distance", \.shadowingDistance, in: 0.1...1e4, "its decorrelation distance, m"),
      .number("shadowing_common", \.shadowingCommon, in: 0...1, "share of its variance that stations of a city share"),
      .number("texture", \.texture, in: 0...30, "deviation from place to place of small-scale fading, dB"),
      .number("station_heights", \.stationHeights, in: 0...1000, "stations are higher by at most this, m"),
      .number("building_heights", \.buildingHeights, in: 0...1000, "buildings of a city differ by at most this, m"),
      .number("station_offset", \.stationOffset, in: 0...1000, "expected_gain is of a place off by at most this, m"),
      .number("antennas", \.antennas, in: 0...1, "share of stations whose antenna looks into one direction"),
      .number("least_width", \.leastWidth, in: 5...360, "width of those antennas at half power, degrees, from"),
      .number("greatest_width", \.greatestWidth, in: 5...360, "width of those antennas at half power, degrees, to"),
      .number("tilt", \.tilt, in: 0...90, "how far those antennas look down, degrees, at most"),
    ]
  }

  /// The range begins before it ends.
  public func validate(_ places: ConfigurationPlaces) throws {
    guard leastWidth <= greatestWidth else {
      throw Fault(
        "the range ends before it begins", at: places["greatest_width"], expected: "\(leastWidth) at least",
        found: "\(greatestWidth)")
    }
  }
}

/// Draws what is special of cities and stations, each from its own number.
struct UrbanVariations: Sendable {
  /// What a station has of its own.
  struct Station: Sendable {
    var law: UrbanLaw
    var heights: UrbanHeights
    /// Loss on each metre of a path [dB].
    var clutter: Float
    var antenna: SectorAntenna?
  }

  private let configuration: UrbanConfiguration
  private var variety: UrbanVariety { configuration.variety }
  private let cities: RandomStream
  private let stations: RandomStream
  private let texture: RandomStream
  /// Nil where shadows do not fade.
  private let sinusoids: SinusoidTables?

  init(_ configuration: UrbanConfiguration) {
    self.configuration = configuration
    func stream(_ layer: Int) -> RandomStream {
      RandomStream(seed: configuration.seed, purpose: .urbanVariety, layer: layer)
    }
    (cities, stations, texture) = (stream(0), stream(1), stream(2))
    let hasShadows = configuration.variety.shadowing > 0 || configuration.variety.shadowingDirect > 0
    sinusoids =
      hasShadows
      ? SinusoidBasis(decorrelation: configuration.variety.shadowingDistance)
        .tables(grid: configuration.grid, rotation: 0) : nil
  }

  /// Numbers from -1 to 1.
  private func even(_ stream: RandomStream, _ count: Int, _ number: Int) -> [Double] {
    stream.uniform(count, sample: number).map { 2 * Double($0) - 1 }
  }

  /// The law, heights and antenna of a station.
  func station(_ sample: Int, in environment: Int) -> Station {
    let city = even(cities, 7, environment), own = even(stations, 5, sample)
    var law = configuration.law, heights = configuration.heights
    func within(_ value: Double, _ range: ClosedRange<Double>) -> Double {
      min(range.upperBound, max(range.lowerBound, value))
    }
    law.directIntercept = within(law.directIntercept + variety.intercepts * city[0], 0...200)
    law.bentIntercept = within(law.bentIntercept + variety.intercepts * city[0], 0...200)
    law.directExponent = within(law.directExponent + variety.exponents * city[1], 1...10)
    law.bentExponent = within(law.bentExponent + variety.exponents * city[1], 1...10)
    // Each by a share of its own: then other paths win, as among real buildings, than those that the law foresees.
    law.turn *= 1 + variety.turns * city[2]
    law.furtherCorner *= 1 + variety.turns * city[5]
    law.roofs *= 1 + variety.turns * city[6]
    heights.buildings = max(1, heights.buildings + variety.buildingHeights * city[3])
    heights.station += variety.stationHeights * (own[0] + 1) / 2
    let clutter = Float(variety.clutter * (city[4] + 1) / 2) / 100
    guard (own[1] + 1) / 2 < variety.antennas else { return Station(law: law, heights: heights, clutter: clutter) }
    let antenna = SectorAntenna(
      azimuth: 180 * own[2], tilt: variety.tilt * (own[3] + 1) / 2,
      width: variety.leastWidth + (variety.greatestWidth - variety.leastWidth) * (own[4] + 1) / 2)
    return Station(law: law, heights: heights, clutter: clutter, antenna: antenna)
  }

  /// Where a station is thought to be, in grid units; out of doors.
  func expectedPlace(_ sample: Int, of place: SIMD2<Double>, in city: City) -> SIMD2<Double> {
    guard variety.stationOffset > 0 else { return place }
    let grid = configuration.grid, reach = variety.stationOffset / grid.spacing
    let shift = stations.uniform(2, sample: sample, step: 2).map { reach * (2 * Double($0) - 1) }
    let last = SIMD2(Double(grid.columns - 1), Double(grid.rows - 1))
    let moved = (place + SIMD2(shift[0], shift[1])).clamped(lowerBound: .zero, upperBound: last)
    let nearest = Int(moved.y.rounded()) * grid.columns + Int(moved.x.rounded())
    return city.outdoors[nearest] ? moved : place
  }

  /// Losses beyond those of the paths, added where there is one: clutter, shadow fading, texture, and what the antenna loses in
  /// elevation.
  func add(to result: inout DominantPaths.Result, _ station: Station, sample: Int, environment: Int) {
    let shadows = shadows(sample, environment)
    let noise = variety.texture > 0 ? texture.gaussian(result.loss.count, sample: sample) : nil
    guard station.clutter > 0 || shadows != nil || noise != nil || station.antenna != nil else { return }
    let rise = Float(station.heights.station - station.heights.user)
    for place in result.loss.indices where result.loss[place].isFinite {
      var loss = station.clutter * result.length[place]
      if let shadows {
        loss += shadows[place] * Float(result.corners[place] == 0 ? variety.shadowingDirect : variety.shadowing)
      }
      if let noise { loss += noise[place] * Float(variety.texture) }
      if let antenna = station.antenna { loss += antenna.elevationLoss(rise: rise, length: result.length[place]) }
      result.loss[place] += loss
    }
  }

  /// Of unit variance.
  private func shadows(_ sample: Int, _ environment: Int) -> [Float]? {
    guard let sinusoids else { return nil }
    func phases(_ stream: RandomStream, _ number: Int) -> SinusoidTables.Amplitudes {
      SinusoidTables.Amplitudes(phases: stream.uniform(SinusoidBasis.count, sample: number, step: 1))
    }
    var sum = SinusoidTables.Amplitudes.zero, scratch = [Float]()
    sum.add(phases(cities, environment), times: Float(variety.shadowingCommon.squareRoot()))
    sum.add(phases(stations, sample), times: Float((1 - variety.shadowingCommon).squareRoot()))
    var field = [Float](repeating: 0, count: configuration.grid.count)
    field.withUnsafeMutableBufferPointer {
      sinusoids.evaluate(
        [sum], rows: 0..<configuration.grid.rows, into: $0.baseAddress!, scratch: &scratch, accumulate: false)
    }
    return field
  }
}
