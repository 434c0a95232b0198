import Essentials
import Foundation
import MapStorage
import Pictures
import Records

/// Buildings out of a file: GeoJSON (RFC 7946) in metres or degrees, or a picture of one pixel a place.
public struct Footprints: Codable, Sendable {
  private enum Plan: Codable, Sendable {
    /// Each building's rings [m].
    case buildings([[[SIMD2<Double>]]])
    /// Row 0 in the south.
    case places([Bool], columns: Int, rows: Int)
  }

  /// The file, as given.
  public let source: String
  /// Latitude and longitude of x = 0, y = 0 [degree], where the file is in degrees.
  public let geographicOrigin: SIMD2<Double>?
  /// What is taken from metres in the file, to begin at x = 0, y = 0.
  public let corner: SIMD2<Double>
  private let plan: Plan
  private let checksum: String
  private static let largest = 256 << 20

  /// Reads a file.
  ///
  /// - Coordinates are degrees (longitude first) where none lies beyond 180 and 90 and all within two of each other: no city in
  ///   metres is so small. They become metres from the least longitude and latitude of a building.
  /// - In metres, files that lie between 0 and 20 km are taken as they are; others begin at the least x and y of a building.
  /// - A ring that crosses itself encloses what an odd number of its loops do; overlapping buildings become one.
  /// - In a picture, pixels of at least half of the greatest grey are buildings, and the first row lies in the north.
  ///
  /// - Parameter source: a `.geojson`, `.json` or `.png` file.
  /// - Throws: `Fault` naming the feature that is no closed polygon of numbers, or what else is wrong.
  public init(_ source: String) throws {
    self.source = source
    if source.lowercased().hasSuffix(".png") {
      let image = try GreyImage.read(source), half = UInt16((1 << image.bitDepth) / 2)
      var isBuilt = [Bool]()
      for row in (0..<image.height).reversed() {
        isBuilt += image.samples[row * image.width..<(row + 1) * image.width].map { $0 >= half }
      }
      plan = .places(isBuilt, columns: image.width, rows: image.height)
      checksum = Checksum.of(isBuilt.map { $0 ? 1 : 0 })
      (geographicOrigin, corner) = (nil, SIMD2(0, 0))
      return
    }
    let bytes = try Files.read(source, limit: Self.largest, what: "cannot read the footprints")
    var buildings = try Self.buildings(try JSONValue.parse(bytes, at: source), at: source)
    let points = buildings.joined().joined()
    guard let first = points.first else {
      throw Fault(
        "the file has no buildings", at: source, expected: "GeoJSON with features of type Polygon or MultiPolygon",
        found: "none")
    }
    let least = points.reduce(first, pointwiseMin), greatest = points.reduce(first, pointwiseMax)
    let extent = greatest - least
    if abs(least.x) <= 180, abs(greatest.x) <= 180, abs(least.y) <= 90, abs(greatest.y) <= 90, extent.x < 2,
      extent.y < 2
    {
      let origin = SIMD2(least.y, least.x)
      buildings = buildings.map { rings in
        rings.map { ring in ring.map { Geodesy.metres(latitude: $0.y, longitude: $0.x, from: origin) } }
      }
      (geographicOrigin, corner) = (origin, SIMD2(0, 0))
    } else {
      let isFrame = least.x >= 0 && least.y >= 0 && greatest.x <= 20_000 && greatest.y <= 20_000
      let corner = isFrame ? SIMD2(0, 0) : least
      buildings = buildings.map { $0.map { $0.map { $0 - corner } } }
      (geographicOrigin, self.corner) = (nil, corner)
    }
    plan = .buildings(buildings)
    checksum = ChannelModels.checksum(of: buildings.joined().joined())
  }

  /// Reads a file, or all of a folder in the order of their names: its pictures, or where there are none its `.geojson` files.
  ///
  /// - Parameter source: a file or a folder.
  /// - Throws: `Fault` naming a file that cannot be read, or a folder without any.
  public static func read(_ source: String) throws -> [Footprints] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: source, isDirectory: &isFolder), isFolder.boolValue else {
      return [try Footprints(source)]
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: source).sorted()
    for ending in [".png", ".geojson"] {
      let files = names.filter { $0.lowercased().hasSuffix(ending) }
      if !files.isEmpty { return try files.map { try Footprints("\(source)/\($0)") } }
    }
    throw Fault("the folder has no footprints", at: source, expected: "files .png or .geojson", found: "none of them")
  }

  /// What the file's polygons are, whatever they are wrapped in.
  private static func buildings(_ json: JSONValue, at place: String) throws -> [[[SIMD2<Double>]]] {
    switch json["type"]?.textValue {
    case "FeatureCollection":
      return try (json["features"]?.arrayValue ?? []).enumerated().flatMap {
        try buildings($1, at: "\(place), feature \($0)")
      }
    case "GeometryCollection":
      return try (json["geometries"]?.arrayValue ?? []).flatMap { try buildings($0, at: place) }
    case "Feature": return try json["geometry"].map { try buildings($0, at: place) } ?? []
    case "Polygon": return [try rings(json["coordinates"], at: place)]
    case "MultiPolygon": return try (json["coordinates"]?.arrayValue ?? []).map { try rings($0, at: place) }
    case "Point", "MultiPoint", "LineString", "MultiLineString": return []
    case nil where json == .null: return []
    case let type:
      throw Fault(
        "this is no GeoJSON of buildings", at: place, expected: "\"type\": \"FeatureCollection\", with polygons",
        found: type ?? "no \"type\"")
    }
  }

  private static func rings(_ json: JSONValue?, at place: String) throws -> [[SIMD2<Double>]] {
    guard let rings = json?.arrayValue, !rings.isEmpty else {
      throw Fault("a polygon has no rings", at: place, expected: "\"coordinates\": [[[x, y], ...]]", found: "none")
    }
    return try rings.enumerated().map { number, ring in
      let place = "\(place), ring \(number)"
      let points = try (ring.arrayValue ?? []).map { point in
        guard let numbers = point.arrayValue, numbers.count >= 2, let x = numbers[0].realValue,
          let y = numbers[1].realValue, x.isFinite, y.isFinite, abs(x) < 1e9, abs(y) < 1e9
        else { throw Fault("a corner is no position", at: place, expected: "[x, y]", found: point.serialised) }
        return SIMD2(x, y)
      }
      guard points.count >= 4, let first = points.first, let last = points.last, first == last else {
        throw Fault(
          "a ring is not closed", at: place, expected: "four positions at least, the last like the first",
          found: points.count < 4
            ? "\(points.count) positions" : "\(points[0]) at the begin, \(points[points.count - 1]) at the end",
          hint: "RFC 7946, 3.1.6")
      }
      return Array(points.dropLast())
    }
  }

  /// The area that holds all buildings of all cities, at a distance between places [m].
  public static func grid(_ all: [Footprints], spacing: Double) -> AreaGrid {
    var grid = AreaGrid(columns: 1, rows: 1, spacing: spacing)
    for one in all {
      let (columns, rows) = one.extent(spacing)
      (grid.columns, grid.rows) = (max(grid.columns, columns), max(grid.rows, rows))
    }
    return grid
  }

  private func extent(_ spacing: Double) -> (columns: Int, rows: Int) {
    switch plan {
    case .places(_, let columns, let rows): return (columns, rows)
    case .buildings(let buildings):
      let greatest = buildings.joined().joined().reduce(SIMD2(0, 0), pointwiseMax) / spacing
      return (Int(min(greatest.x, 1e6).rounded(.up)), Int(min(greatest.y, 1e6).rounded(.up)))
    }
  }

  /// Throws unless an area can be cut out of the file.
  public func require(_ grid: AreaGrid) throws {
    guard case .places(_, let columns, let rows) = plan, (columns, rows) != (grid.columns, grid.rows) else { return }
    throw Fault(
      "the picture has another size", at: source, expected: "\(grid.columns) x \(grid.rows) pixels, one a place",
      found: "\(columns) x \(rows)")
  }

  /// The city on the places.
  func city(_ grid: AreaGrid) -> City {
    switch plan {
    case .buildings(let buildings): City(buildings: buildings, grid: grid)
    case .places(let isBuilt, _, _): City(isBuilt: isBuilt, grid: grid)
    }
  }

  /// What a configuration keeps of them.
  ///
  /// - Parameter source: the file or folder, as given.
  public static func record(_ all: [Footprints], source: String) -> UrbanConfiguration.Given {
    .init(
      source: source, checksum: all.count == 1 ? all[0].checksum : Checksum.of(Array(all.map(\.checksum).joined().utf8))
    )
  }
}

/// Stations of a city out of a file.
public struct GivenPositions: Codable, Sendable {
  /// Where they stand [m].
  public let positions: [SIMD2<Double>]
  private let source: String

  /// Reads positions `[N, 2 or 3]`, in the coordinates of the footprints.
  ///
  /// - Parameters:
  ///   - source: a NumPy file, a table, GeoJSON with points, or "FILE:DATA SET".
  ///   - footprints: the buildings among which they stand.
  ///   - grid: the places.
  ///   - height: of the stations [m].
  /// - Throws: `Fault` when there are none, one lies outside the area or stands at another height.
  public init(_ source: String, footprints: Footprints?, grid: AreaGrid, height: Double) throws {
    self.source = source
    let corner = footprints?.corner ?? SIMD2(0, 0)
    positions = try readPositions(source, from: footprints?.geographicOrigin, in: grid, height: height) { $0 - corner }
  }

  /// Throws where one stands in a building.
  func requireOutdoors(_ city: City) throws {
    let grid = city.grid
    for (row, station) in positions.enumerated() {
      let column = min(grid.columns - 1, max(0, Int((station.x / grid.spacing - 1).rounded())))
      let line = min(grid.rows - 1, max(0, Int((station.y / grid.spacing - 1).rounded())))
      guard !city.outdoors[line * grid.columns + column] else { continue }
      throw Fault(
        "the station stands in a building", at: "\(source), row \(row)", expected: "a place out of doors",
        found: "(\(station.x), \(station.y)) m")
    }
  }

  var record: UrbanConfiguration.Given { .init(source: source, checksum: checksum(of: positions)) }
}
