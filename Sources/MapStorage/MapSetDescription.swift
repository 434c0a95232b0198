import Essentials

/// A named layer beside the maps: a float32 data set `[sample, y, x]` of the same size.
public struct MapLayer: Codable, Equatable, Sendable {
  /// The data set's name: "shadow_fading", "line_of_sight", "deviation".
  public var name: String
  /// What it is, for people.
  public var longName: String
  /// Its units: "dB", "1".
  public var units: String

  /// - Parameters:
  ///   - name: the data set's name, of letters, digits and underscores.
  ///   - longName: what it is, for people.
  ///   - units: its units; "1" where it has none.
  public init(name: String, longName: String, units: String) {
    self.name = name
    self.longName = longName
    self.units = units
  }
}

/// What a data set of maps is: its size, its places, where it came from, and which layers it has.
public struct MapSetDescription: Codable, Equatable, Sendable {
  /// The root attribute `format` of every file.
  public static let format = "channeltwin-maps"
  /// The root attribute `format_version` that this library writes, and the newest that it reads.
  public static let formatVersion: UInt64 = 1
  /// The root attribute of the users' height [m], float64; where it is missing, `Area.usualUserHeight`.
  static let userHeightName = "user_height"
  /// The names that the format itself uses; a layer must have another.
  static let reservedNames: Set<String> = [
    "maps", "x", "y", "station", "environment", "valid", ReconstructionRecord.indexName,
    ReconstructionRecord.drawsName,
  ]

  /// Grid lines in y.
  public var rows: Int
  /// Grid lines in x.
  public var columns: Int
  /// Where the places lie.
  public var area: Area
  /// What the maps show, for people.
  public var longName: String
  /// The units of the maps.
  public var units: String
  /// The configuration that made the maps (YAML).
  public var configuration: String
  /// The seed that made the maps.
  public var seed: UInt64
  /// The version of the software that made the maps.
  public var softwareVersion: String
  /// Layers beside the maps.
  public var layers: [MapLayer]
  /// Whether each map has a station's position.
  public var hasStations: Bool
  /// Whether each map has the number of its environment.
  public var hasEnvironments: Bool
  /// Whether each map has a mask of valid places.
  public var hasValid: Bool
  /// How the maps were reconstructed, in files of reconstructed maps; then each map has the number of its sample.
  public var reconstruction: ReconstructionRecord?
  /// How many draws of a generative model stand beside each map, `[sample, draw, y, x]`; 0 for none.
  public var draws: Int

  /// - Parameters:
  ///   - rows: grid lines in y.
  ///   - columns: grid lines in x.
  ///   - area: where the places lie.
  ///   - longName: what the maps show, for people.
  ///   - units: the units of the maps.
  ///   - configuration: the configuration that made the maps (YAML).
  ///   - seed: the seed that made the maps.
  ///   - softwareVersion: the version of the software that made the maps.
  ///   - layers: layers beside the maps.
  ///   - hasStations: whether each map has a station's position.
  ///   - hasEnvironments: whether each map has the number of its environment.
  ///   - hasValid: whether each map has a mask of valid places.
  ///   - reconstruction: how the maps were reconstructed, if they were.
  ///   - draws: how many draws of a generative model stand beside each map.
  public init(
    rows: Int, columns: Int, area: Area = Area(originX: 0, originY: 0), longName: String = "channel power",
    units: String = "dB", configuration: String = "",
    seed: UInt64 = 0, softwareVersion: String = "", layers: [MapLayer] = [], hasStations: Bool = true,
    hasEnvironments: Bool = false, hasValid: Bool = false, reconstruction: ReconstructionRecord? = nil,
    draws: Int = 0
  ) {
    self.rows = rows
    self.columns = columns
    self.area = area
    self.longName = longName
    self.units = units
    self.configuration = configuration
    self.seed = seed
    self.softwareVersion = softwareVersion
    self.layers = layers
    self.hasStations = hasStations
    self.hasEnvironments = hasEnvironments
    self.hasValid = hasValid
    self.reconstruction = reconstruction
    self.draws = draws
  }

  /// Whether power can be received so high [m].
  static func isUserHeight(_ height: Double) -> Bool { height >= 0 && height.isFinite }

  /// Throws unless a file of this description can be written.
  func validate(count: Int, at place: String) throws {
    let (values, overflow) = rows.multipliedReportingOverflow(by: columns)
    guard rows > 0, columns > 0, count > 0, !overflow, values <= Int(UInt32.max) / 4 else {
      throw Fault(
        "cannot write maps of this size", at: place,
        expected: "at least one map, one row and one column, and less than 4 GiB a map",
        found: "\(count) maps of \(rows) x \(columns)")
    }
    let (drawn, isTooLarge) = values.multipliedReportingOverflow(by: draws)
    guard draws >= 0, !isTooLarge, drawn <= Int(UInt32.max) / 4 else {
      throw Fault(
        "cannot write so many draws of maps", at: place, expected: "less than 4 GiB for all draws of a map",
        found: "\(draws) draws of \(rows) x \(columns)")
    }
    guard area.spacing > 0, area.spacing.isFinite, area.originX.isFinite, area.originY.isFinite else {
      throw Fault(
        "the grid has no sensible spacing", at: place, expected: "a positive number of metres",
        found: "spacing \(area.spacing), origin (\(area.originX), \(area.originY))")
    }
    guard Self.isUserHeight(area.userHeight) else {
      throw Fault(
        "users cannot be at this height", at: place, expected: "a number of metres from 0 on",
        found: "\(area.userHeight) m")
    }
    if let made = reconstruction, made.magnification.map({ $0 < 1 }) == true || made.steps < 0 || made.draws < 0 {
      throw Fault(
        "the record of the reconstruction makes no sense", at: place,
        expected: "a magnification of 1 at least and no negative number of steps or draws",
        found:
          "magnification \(made.magnification.map(String.init) ?? "none"), \(made.steps) steps, \(made.draws) draws")
    }
    for (index, layer) in layers.enumerated() {
      let plain = layer.name.utf8.allSatisfy { $0 == 95 || Character(UnicodeScalar($0)).isLetterOrDigit }
      let taken =
        Self.reservedNames.contains(layer.name) || layers[..<index].contains { $0.name == layer.name }
      guard plain, !layer.name.isEmpty, !taken else {
        throw Fault(
          "a layer cannot have this name", at: place,
          expected: "letters, digits and underscores, and no name twice", found: "\"\(layer.name)\"")
      }
    }
  }
}

extension Character {
  fileprivate var isLetterOrDigit: Bool { isASCII && (isLetter || isNumber) }
}

/// Consecutive samples with all that belongs to them: what a writer takes from one rank.
public struct MapBlock: Sendable {
  /// The number of the first sample.
  public var first: Int
  /// The maps.
  public var maps: [ChannelFingerprint]
  /// Each map's station (x, y, z) [m]; empty where the data set has none.
  public var stations: [SIMD3<Float>]
  /// Each map's environment; empty where the data set has none.
  public var environments: [Int32]
  /// Each map's mask; empty where the data set has none.
  public var masks: [Mask]
  /// The layers by name, one map a sample.
  public var layers: [String: [ChannelFingerprint]]
  /// Which sample of the data each reconstructed map belongs to; empty elsewhere.
  public var sampleIndices: [Int32]
  /// Each map's draws; empty where the data set has none.
  public var draws: [[ChannelFingerprint]]

  /// - Parameters:
  ///   - first: the number of the first sample.
  ///   - maps: the maps.
  ///   - stations: each map's station (x, y, z) [m].
  ///   - environments: each map's environment.
  ///   - masks: each map's mask.
  ///   - layers: the layers by name, one map a sample.
  ///   - sampleIndices: which sample of the data each reconstructed map belongs to.
  ///   - draws: each map's draws.
  public init(
    first: Int, maps: [ChannelFingerprint], stations: [SIMD3<Float>] = [], environments: [Int32] = [],
    masks: [Mask] = [], layers: [String: [ChannelFingerprint]] = [:], sampleIndices: [Int32] = [],
    draws: [[ChannelFingerprint]] = []
  ) {
    self.first = first
    self.maps = maps
    self.stations = stations
    self.environments = environments
    self.masks = masks
    self.layers = layers
    self.sampleIndices = sampleIndices
    self.draws = draws
  }
}

extension MapBlock {
  /// Throws unless the block fits a file of `count` samples.
  func validate(for description: MapSetDescription, count: Int, at path: String) throws {
    guard first >= 0, first + maps.count <= count else {
      throw Fault(
        "the samples lie outside the file", at: path, expected: "0 to \(count - 1)",
        found: "\(first) to \(first + maps.count - 1)")
    }
    let places = description.rows * description.columns
    func require(_ what: String, _ found: Int, _ wanted: Bool) throws {
      guard found == (wanted ? maps.count : 0) else {
        throw Fault(
          "a block is incomplete", at: "\(path):/\(what)", expected: "\(wanted ? maps.count : 0) entries",
          found: "\(found)")
      }
    }
    try require("station", stations.count, description.hasStations)
    try require("environment", environments.count, description.hasEnvironments)
    try require("valid", masks.count, description.hasValid)
    try require(ReconstructionRecord.indexName, sampleIndices.count, description.reconstruction != nil)
    try require(ReconstructionRecord.drawsName, draws.count, description.draws > 0)
    for own in draws where own.count != description.draws {
      throw Fault(
        "a map has the wrong number of draws", at: "\(path):/\(ReconstructionRecord.drawsName)",
        expected: "\(description.draws)", found: "\(own.count)")
    }
    for (name, _) in layers where !description.layers.contains(where: { $0.name == name }) {
      throw Fault("the file has no such layer", at: "\(path):/\(name)")
    }
    for layer in description.layers { try require(layer.name, layers[layer.name]?.count ?? 0, true) }
    for map in maps + layers.values.flatMap({ $0 }) + draws.flatMap({ $0 })
    where map.rows != description.rows || map.columns != description.columns {
      throw Fault(
        "a map has the wrong shape", at: path, expected: "\(description.rows) x \(description.columns)",
        found: "\(map.rows) x \(map.columns)")
    }
    for mask in masks where mask.count != places {
      throw Fault("a mask has the wrong size", at: path, expected: "\(places)", found: "\(mask.count)")
    }
    try requireCredible(stations: stations, at: "\(path):/station") { first + $0 }
    for (position, map) in maps.enumerated() {
      try map.values.withUnsafeBufferPointer {
        try requireFinite(
          $0, samples: ["\(first + position)"], columns: description.columns,
          masks: description.hasValid ? [masks[position]] : nil, at: "\(path):/maps")
      }
    }
  }
}
