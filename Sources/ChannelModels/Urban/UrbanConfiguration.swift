import Configuration
import Essentials

/// Heights above the ground [m]; RadioMapSeer's.
struct UrbanHeights: Equatable, Sendable {
  var station = 1.5
  var user = 1.5
  var buildings = 25.0
}

/// Everything that a data set of cities depends on, its seed included.
public struct UrbanConfiguration: Equatable, Codable, Sendable {
  /// What was given from a file.
  public struct Given: Equatable, Codable, Sendable {
    /// The file, as given; empty: nothing was.
    public var source = ""
    /// XXH64 of what was read.
    public var checksum = ""

    /// Nothing.
    public init() {}

    /// - Parameters:
    ///   - source: the file, as given.
    ///   - checksum: XXH64 of what was read.
    public init(source: String, checksum: String) { (self.source, self.checksum) = (source, checksum) }
  }

  /// Stations in each environment; maps 0, 1, ... are those of environment 0, and so on.
  public var stationsEach = 10
  /// The places.
  public var grid = AreaGrid(columns: 256, rows: 256)
  /// Height of the stations [m].
  public var stationHeight = UrbanHeights().station
  /// Height at which the power is received [m].
  public var userHeight = UrbanHeights().user
  /// Height of the buildings [m].
  public var buildingHeight = UrbanHeights().buildings
  /// Stations keep that far from the border of the area [m].
  public var margin = 0.0
  /// The coefficients of the paths.
  public var law = UrbanLaw()
  /// How far cities and stations depart from that.
  public var variety = UrbanVariety()
  /// What generated cities are like.
  public var city = CitySection()
  /// The buildings, where they were given.
  public var footprints = Given()
  /// The stations, where they were given.
  public var stations = Given()
  /// What each map holds.
  public var layers: [UrbanQuantity] = [.gain]
  /// Whence all random numbers come.
  public var seed: UInt64 = 1

  /// 256 x 256 places, 1 m apart.
  public init() {}

  /// The same with other values for some keys.
  ///
  /// - Parameter overrides: texts "section.key=value".
  /// - Throws: `Fault` naming an unknown key or a value out of range.
  public func changed(by overrides: [String]) throws -> UrbanConfiguration {
    try Configuration.load(preset: self, overrides: overrides)
  }

  /// All of them.
  var heights: UrbanHeights { UrbanHeights(station: stationHeight, user: userHeight, buildings: buildingHeight) }

  /// Where the places lie, and how high.
  public var area: Area {
    Area(spacing: grid.spacing, originX: grid.x(0), originY: grid.y(0), userHeight: userHeight)
  }
}

extension UrbanConfiguration.Given: ConfigurationSection {
  /// The keys of a section of what was given.
  public static var fields: [ConfigurationField<Self>] {
    [
      .text("source", \.source, "file; empty: none was given"),
      .text("checksum", \.checksum, "XXH64 of what was read"),
    ]
  }
}

extension UrbanConfiguration: ConfigurationSection {
  /// All keys.
  public static var fields: [ConfigurationField<Self>] {
    [
      .integer("stations_each", \.stationsEach, in: 1...Int(Int32.max), "stations in each environment"),
      .section("grid", \.grid, "the places"),
      .number("station_height", \.stationHeight, in: 0...1000, "height of the stations, m"),
      .number("user_height", \.userHeight, in: 0...1000, "height at which the power is received, m"),
      .number("building_height", \.buildingHeight, in: 1...1000, "height of the buildings, m"),
      .number("margin", \.margin, in: 0...1e6, "distance of stations from the border, m"),
      .section("law", \.law, "the coefficients of the paths"),
      .section("variety", \.variety, "how far cities and stations depart from that"),
      .section("city", \.city, "what generated cities are like"),
      .section("footprints", \.footprints, "given buildings"),
      .section("stations", \.stations, "given stations"),
      .choices("layers", \.layers, count: 1...8, "what each map holds"),
      .integer("seed", \.seed, in: 0...UInt64.max, "keys all random numbers"),
    ]
  }

  /// The margin leaves something; layers come once each.
  public func validate(_ places: ConfigurationPlaces) throws {
    try grid.validate()
    let extent = Double(min(grid.columns, grid.rows)) * grid.spacing
    guard 2 * margin < extent else {
      throw Fault(
        "the margin leaves no place for a station", at: places["margin"], expected: "less than \(extent / 2) m",
        found: "\(margin) m")
    }
    guard Set(layers).count == layers.count else {
      throw Fault(
        "the list of layers repeats one", at: places["layers"], found: layers.map(\.rawValue).joined(separator: ", "))
    }
  }
}
