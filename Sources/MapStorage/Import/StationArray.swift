import Essentials
import Foundation

/// The stations of maps in a file: each one's place in metres, whatever its numbers are.
struct StationArray {
  let source: any MapSource
  /// Whether stations stand in columns: `[2 or 3, N]`.
  private let isTransposed: Bool
  private let count: Int
  /// Numbers of a station.
  private let axes: Int
  private let coordinates: StationCoordinates
  /// Whether somebody said so: the user, or the table's header.
  private let isTold: Bool
  /// Whether a table's header says which number is which.
  private let isNamed: Bool
  private let maps: MapArray
  private let area: Area
  private let orientation: MapOrientation
  private let origin: SIMD2<Double>?
  private let height: Float

  /// - Parameters:
  ///   - source: the positions.
  ///   - maps: the maps that they belong to.
  ///   - area: where those lie.
  ///   - options: what the user says of them.
  /// - Throws: `Fault` for a wrong shape, or degrees without a place that they are counted from.
  init(_ source: any MapSource, of maps: MapArray, in area: Area, _ options: ImportOptions) throws {
    self.source = source
    self.maps = maps
    self.area = area
    count = maps.count
    orientation = maps.orientation
    height = options.stationHeight
    origin = options.geographicOrigin
    // Columns that have names are in order: who says that latitude stands first means the file, and is not to be swapped.
    let named = source.facts.coordinates
    isNamed = named != nil
    let told = named.map { $0.swapped } == options.stationCoordinates ? named : options.stationCoordinates ?? named
    isTold = told != nil
    coordinates = told ?? .xy
    let shape = source.shape
    let isSingle = count == 1 && shape.count == 1
    let fits =
      shape.count == 2 && shape[0] == count && (2...3).contains(shape[1]) || isSingle && (2...3).contains(shape[0])
    // MATLAB's N x 3 stands in the file as 3 x N.
    let isTransposed =
      (!fits || source.facts.isMATLAB) && shape.count == 2 && shape[1] == count && (2...3).contains(shape[0])
    self.isTransposed = isTransposed
    guard fits || isTransposed else {
      let last = maps.source.shape.last ?? 0
      let isOne = shape.first == 1 || shape.count == 1 && (2...3).contains(shape[0])
      throw Fault(
        "the stations have the wrong shape", at: source.place, expected: "[\(count), 2] or [\(count), 3]",
        found: "\(shape)",
        hint: isOne
          ? "one station for all maps has to be given for each of them"
          : shape.first == last && last != count ? "do the maps' last axes count maps? `axes` yxn" : nil)
    }
    axes = isTransposed ? shape[0] : shape[shape.count - 1]
    guard !coordinates.isGeographic || origin != nil else {
      throw Fault(
        "the stations lie in degrees, the maps in metres", at: source.place,
        expected: "latitude and longitude of the maps' x = 0, y = 0", found: "none",
        hint: "`geo_origin` 52.5200,13.4050")
    }
  }

  /// The places (x, y, z) of some stations [m].
  ///
  /// - Throws: `Fault` for a number that is not finite, or numbers that look like degrees where metres are expected.
  func read(_ samples: Range<Int>) throws -> [SIMD3<Float>] {
    let values = try numbers(samples)
    if let bad = values.firstIndex(where: { !$0.isFinite }) {
      throw Fault(
        "a station's position is no finite number", at: source.place,
        found: "\(values[bad]) in sample \(samples.lowerBound + bad / axes)")
    }
    return places(values, as: coordinates)
  }

  /// Where they would stand if their numbers were something else than they are taken for.
  func alternatives(_ samples: Range<Int>) throws -> [StationCoordinates: [SIMD3<Float>]] {
    let others: [StationCoordinates] = isNamed ? [] : isTold ? [coordinates.swapped] : [.yx, .columnRow, .rowColumn]
    let values = try numbers(samples), taken = places(values, as: coordinates)
    var alternatives: [StationCoordinates: [SIMD3<Float>]] = [:]
    for other in others {
      let places = places(values, as: other)
      if places != taken, !alternatives.values.contains(places) { alternatives[other] = places }
    }
    return alternatives
  }

  private func places(_ values: [Double], as coordinates: StationCoordinates) -> [SIMD3<Float>] {
    stride(from: 0, to: values.count, by: axes).map { at in
      let swapped = coordinates.isSwapped
      let place = metres(values[swapped ? at + 1 : at], values[swapped ? at : at + 1], as: coordinates)
      return SIMD3(Float(place.x), Float(place.y), axes == 3 ? Float(values[at + 2]) : height)
    }
  }

  private func numbers(_ samples: Range<Int>) throws -> [Double] {
    let whole = isTransposed || source.shape.count == 1
    let values = try source.doubles(rows: whole ? 0..<source.shape[0] : samples)
    guard isTransposed else { return values }
    return samples.flatMap { sample in (0..<axes).map { values[$0 * count + sample] } }
  }

  private func metres(_ first: Double, _ second: Double, as coordinates: StationCoordinates) -> SIMD2<Double> {
    switch coordinates {
    case .xy, .yx: return SIMD2(first, second)
    case .columnRow, .rowColumn:
      let place = orientation.place(
        row: second, column: first, rows: Double(maps.rows), columns: Double(maps.columns))
      return SIMD2(area.originX + place.column * area.spacing, area.originY + place.row * area.spacing)
    case .lonLat, .latLon:
      return Geodesy.metres(latitude: second, longitude: first, from: origin ?? SIMD2(second, first))
    }
  }

  /// Why these are hardly metres, though nobody said that they were anything else; nil where they may well be.
  ///
  /// - Parameter samples: whose stations are looked at.
  func suspicion(_ samples: Range<Int>) throws -> Fault? {
    let values = try numbers(samples)
    if coordinates.isGeographic { return distance(values) }
    guard !isTold else { return nil }
    let x = samples.indices.map { values[($0 - samples.lowerBound) * axes] }
    let y = samples.indices.map { values[($0 - samples.lowerBound) * axes + 1] }
    let isWithin = zip(x, y).allSatisfy { max(abs($0), abs($1)) <= 180 && min(abs($0), abs($1)) <= 90 }
    func spread(_ values: [Double]) -> Double { (values.max() ?? 0) - (values.min() ?? 0) }
    let wide = max(spread(x), spread(y))
    let size = area.spacing * Double(max(maps.rows, maps.columns))
    // Several stations that stand apart, but all within a hand's breadth of a wide map; or all far off it, and given to more
    // decimals than metres need.
    let isCrowd = samples.count > 2 && wide > 0 && wide < 0.2 && size > 20
    func isOutside(_ value: Double, _ start: Double) -> Bool { value < start - 1 || value > start + size }
    func isFine(_ value: Double) -> Bool { abs(value * 1000 - (value * 1000).rounded()) > 0.006 }
    let isOff = zip(x, y).allSatisfy { x, y in
      (isOutside(x, area.originX) || isOutside(y, area.originY)) && (isFine(x) || isFine(y))
    }
    guard isWithin, isCrowd || isOff && wide < 1 else { return nil }
    return Fault(
      "the stations look like degrees", at: source.place, expected: "metres", found: "\(x[0]), \(y[0])",
      hint:
        "`station_coordinates` lat-lon (or lon-lat) and `geo_origin` take them as such, `station_coordinates` xy as metres"
    )
  }
}

extension StationArray {
  /// As far from the place that degrees are counted from [m], one of the two is wrong, or latitude is taken for longitude.
  private static let farthest = 100_000.0

  private func distance(_ values: [Double]) -> Fault? {
    let distances = places(values, as: coordinates).map { Double(max(abs($0.x), abs($0.y))) }
    guard let far = distances.firstIndex(where: { $0 > Self.farthest }) else { return nil }
    let origin = origin ?? SIMD2(0, 0)
    return Fault(
      "a station lies far from the place that degrees are counted from", at: source.place,
      expected:
        "\(coordinates.rawValue) within \(Int(Self.farthest / 1000)) km of latitude \(origin.x), longitude \(origin.y)",
      found: "\(values[far * axes]), \(values[far * axes + 1]): \(Int(distances[far] / 1000)) km away",
      hint: "is it `station_coordinates` \(coordinates.swapped.rawValue)? `geo_origin` has the latitude first")
  }
}

/// From degrees of WGS 84 to metres in a plane that touches the ellipsoid.
public enum Geodesy {
  private static let semiMajorAxis = 6_378_137.0
  private static let squaredEccentricity = 6.694379990141317e-3

  /// Metres to the east and to the north of a place, by the radii of curvature there: within 10 km right to a metre or so.
  ///
  /// - Parameters:
  ///   - latitude: latitude [degree].
  ///   - longitude: longitude [degree].
  ///   - origin: latitude and longitude of the place [degree].
  public static func metres(latitude: Double, longitude: Double, from origin: SIMD2<Double>) -> SIMD2<Double> {
    let radian = Double.pi / 180, sine = sin(origin.x * radian)
    let root = (1 - squaredEccentricity * sine * sine).squareRoot()
    let meridian = semiMajorAxis * (1 - squaredEccentricity) / (root * root * root)
    let parallel = semiMajorAxis / root * cos(origin.x * radian)
    var east = longitude - origin.y
    if east > 180 { east -= 360 } else if east < -180 { east += 360 }
    return SIMD2(parallel * east * radian, meridian * (latitude - origin.x) * radian)
  }
}
