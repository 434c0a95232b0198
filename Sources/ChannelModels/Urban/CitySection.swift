import Configuration
import Essentials

/// What generated cities are like; each city draws from the ranges. The defaults lie in the spread of 29 windows of Munich, Paris,
/// Florence and San Francisco (OpenStreetMap).
public struct CitySection: Equatable, Codable, Sendable {
  /// Width of the narrowest streets, from wall to wall [m].
  public var leastStreet = 8.0
  /// Width of the widest streets [m].
  public var greatestStreet = 24.0
  /// Area of the smallest blocks between streets [m2].
  public var leastBlock = 3500.0
  /// Area of the largest blocks [m2].
  public var greatestBlock = 15000.0
  /// Depth of the shallowest buildings around a courtyard [m].
  public var leastDepth = 9.0
  /// Depth of the deepest [m].
  public var greatestDepth = 18.0
  /// Weight of cities with buildings wall to wall around yards.
  public var perimeter = 0.45
  /// Weight of cities with narrow yards only.
  public var dense = 0.2
  /// Weight of cities of rows of houses with gardens behind.
  public var rows = 0.25
  /// Weight of cities of houses apart from each other.
  public var houses = 0.06
  /// The share of blocks without a building.
  public var openBlocks = 0.04
  /// The share of cities with a river, a park or a large square.
  public var openSpace = 0.65
  /// The chance of an avenue across the streets, and then of another.
  public var avenues = 0.5
  /// How far blocks turn from the city's own direction [degree], at most.
  public var unevenness = 16.0

  /// The defaults.
  public init() {}
}

extension CitySection: ConfigurationSection {
  /// The keys of the section `city`.
  public static var fields: [ConfigurationField<Self>] {
    [
      .number("least_street", \.leastStreet, in: 1...500, "width of the narrowest streets, m"),
      .number("greatest_street", \.greatestStreet, in: 1...500, "width of the widest streets, m"),
      .number("least_block", \.leastBlock, in: 100...1e6, "area of the smallest blocks, m2"),
      .number("greatest_block", \.greatestBlock, in: 100...1e6, "area of the largest blocks, m2"),
      .number("least_depth", \.leastDepth, in: 2...200, "depth of buildings around a courtyard, m, from"),
      .number("greatest_depth", \.greatestDepth, in: 2...200, "depth of buildings around a courtyard, m, to"),
      .number("perimeter", \.perimeter, in: 0...1, "weight of cities built wall to wall around yards"),
      .number("dense", \.dense, in: 0...1, "weight of cities with narrow yards only"),
      .number("rows", \.rows, in: 0...1, "weight of cities of rows of houses with gardens behind"),
      .number("houses", \.houses, in: 0...1, "weight of cities of houses apart from each other"),
      .number("open_blocks", \.openBlocks, in: 0...1, "share of blocks without a building"),
      .number("open_space", \.openSpace, in: 0...1, "share of cities with a river, a park or a large square"),
      .number("avenues", \.avenues, in: 0...1, "chance of an avenue across the streets, and then of another"),
      .number(
        "unevenness", \.unevenness, in: 0...45, "how far blocks turn from the city's direction, degrees, at most"),
    ]
  }

  /// Ranges begin before they end.
  public func validate(_ places: ConfigurationPlaces) throws {
    for (name, least, greatest) in [
      ("street", leastStreet, greatestStreet), ("block", leastBlock, greatestBlock),
      ("depth", leastDepth, greatestDepth),
    ] where least > greatest {
      throw Fault(
        "the range ends before it begins", at: places["greatest_\(name)"], expected: "\(least) at least",
        found: "\(greatest)")
    }
    guard perimeter + dense + rows + houses > 0 else {
      throw Fault(
        "no kind of city has a weight", at: places["perimeter"], expected: "a number above 0", found: "0 for all kinds")
    }
  }
}
