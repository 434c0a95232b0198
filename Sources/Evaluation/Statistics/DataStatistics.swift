import Computing
import Essentials
import MapStorage
import MessagePassing
import Metrics
import Pictures

/// What a data set itself does not say of the links between its stations and places.
public struct LinkKnowledge: Sendable {
  /// Pathloss [dB] at a 2-D distance [m], with or without line of sight.
  public var pathloss: MapSurveyor.PathlossModel
  /// Whether all places are in line of sight, or none; nil where only a layer tells.
  public var state: Bool?

  /// - Parameters:
  ///   - state: whether all places are in line of sight, or none; nil where only a layer tells.
  ///   - pathloss: pathloss [dB] at a 2-D distance [m], with or without line of sight.
  public init(state: Bool?, pathloss: @escaping MapSurveyor.PathlossModel) {
    self.pathloss = pathloss
    self.state = state
  }
}

/// Takes the statistics of a data set, all ranks surveying their share of its maps.
public struct DataStatistics {
  /// The layers that a survey knows what to do with.
  public static let coherentLayer = "coherent_power"
  /// 1 in line of sight, 0 elsewhere.
  public static let stateLayer = "line_of_sight"

  /// What is held of maps and layers at a time [byte].
  private static let blockBytes = 32 << 20

  private let reader: MapSetReader
  private let maps: String?
  private let surveyor: MapSurveyor

  /// The number of maps.
  public var count: Int { reader.count }

  /// - Parameters:
  ///   - reader: the data set.
  ///   - maps: the layer to survey in place of the maps themselves.
  ///   - link: what is known of the links; nil leaves shadow fading out.
  /// - Throws: `Fault` when there is no such layer, or it is no power in dB.
  public init(_ reader: MapSetReader, maps: String? = nil, link: LinkKnowledge? = nil) throws {
    self.reader = reader
    self.maps = maps
    let description = reader.description
    if let maps, !description.layers.contains(where: { $0.name == maps }) {
      throw Fault(
        "the data set has no such layer", at: "\(reader.path):/\(maps)",
        expected: description.layers.isEmpty
          ? "no layer at all" : description.layers.map(\.name).joined(separator: ", "))
    }
    let units = description.layers.first { $0.name == maps }?.units ?? description.units
    guard units == "dB" else {
      throw Fault(
        "statistics are those of power in dB", at: "\(reader.path):/\(maps ?? "maps")", expected: "dB",
        found: units.isEmpty ? "no units" : units, hint: "`maps` takes another layer, `no_statistics` none")
    }
    let hasStates = description.layers.contains { $0.name == Self.stateLayer }
    surveyor = MapSurveyor(area: description.area, pathloss: link.flatMap { Self.pathloss($0, hasStates: hasStates) })
  }

  /// Collective: the statistics of all maps, the same for any number of ranks and threads. What is held of a map is a few
  /// hundred bytes once it is surveyed.
  ///
  /// - Parameters:
  ///   - communicator: the ranks that share the maps.
  ///   - threads: this rank's workers.
  ///   - progress: called now and then with the number of this rank's maps that are done.
  /// - Returns: the statistics on rank 0, nil elsewhere.
  /// - Throws: `Fault` on all ranks when a map cannot be read, holds what is no number, or no map has two places side by
  ///   side.
  public func run(
    _ communicator: Communicator, threads: Threads, progress: (_ done: Int) -> Void = { _ in }
  ) throws -> MapStatistics? {
    let share = Share.range(of: reader.count, rank: communicator.rank, size: communicator.size)
    let length = max(threads.count, Self.blockBytes / (16 * reader.rows * reader.columns))
    let own = try communicator.agree("survey maps") {
      var surveys: [MapSurvey] = []
      for first in stride(from: share.lowerBound, to: share.upperBound, by: length) {
        let subjects = try subjects(Array(first..<min(first + length, share.upperBound)))
        surveys += survey(subjects, threads)
        progress(first + subjects.count - share.lowerBound)
      }
      return surveys
    }
    let all = try communicator.gather(value: own)
    return try communicator.agree("sum up the maps") {
      guard let all else { return nil }
      guard let statistics = MapStatistics(all.flatMap { $0 }) else {
        throw Fault("no map has two valid places side by side", at: reader.path)
      }
      return statistics
    }
  }

  /// Collective: what the cities look like whose buildings the maps leave out, one an environment.
  ///
  /// - Returns: a survey of each environment, in their order, on rank 0; nil elsewhere, and where maps have no environments or
  ///   leave nothing out.
  /// - Throws: `Fault` on all ranks when a mask cannot be read.
  public func cities(_ communicator: Communicator, threads: Threads) throws -> [CitySurvey]? {
    guard reader.description.hasEnvironments, reader.description.hasValid else { return nil }
    let own = try communicator.agree("survey cities") {
      var first: [Int32: Int] = [:]
      for (map, environment) in (try reader.environments(indices: Array(0..<count)) ?? []).enumerated() {
        first[environment] = first[environment] ?? map
      }
      let maps = first.sorted { $0.key < $1.key }.map(\.value)
      let share = Share.range(of: maps.count, rank: communicator.rank, size: communicator.size)
      let masks = try maps[share].compactMap { try reader.map($0).mask }
      let columns = reader.columns, spacing = reader.description.area.spacing
      return threads.map(masks) { CitySurveyor($0, columns: columns, spacing: spacing).survey() }
    }
    return try communicator.gather(value: own)?.flatMap { $0 }
  }

  /// A few maps for a picture, with their stations: the first ones, two each of the first two environments where there are several.
  ///
  /// - Throws: `Fault` when they cannot be read.
  public func examples() throws -> [MapPanel] {
    var indices = Array(0..<min(4, reader.count))
    if let environments = try reader.environments(indices: Array(0..<reader.count)),
      let other = environments.firstIndex(where: { $0 != environments[0] }), other > 1
    {
      indices = [0, 1] + Array(other..<min(other + 2, reader.count))
    }
    let area = reader.description.area
    return try subjects(indices).map(\.power).enumerated().map { number, power in
      MapPanel(
        "map \(indices[number])", power.map, mask: power.mask,
        mark: power.station.map {
          (SIMD2(Double($0.x), Double($0.y)) - SIMD2(area.originX, area.originY)) / area.spacing
        })
    }
  }

  /// A map, and the layers that its survey uses.
  private struct Subject {
    var power: StationMap
    var state: ChannelFingerprint?
    var coherent: ChannelFingerprint?
  }

  private func survey(_ subjects: [Subject], _ threads: Threads) -> [MapSurvey] {
    threads.map(subjects) { [surveyor] in
      surveyor.survey($0.power, lineOfSight: $0.state, coherent: $0.coherent)
    }.compactMap(\.self)
  }

  private func subjects(_ indices: [Int]) throws -> [Subject] {
    try indices.map { index in
      let power = try reader.map(index, layer: maps)
      if let maps { try require(power.map, of: maps, index, power.mask) { $0.isFinite } }
      return Subject(
        power: power, state: try layer(Self.stateLayer, index, power.mask) { $0 == 0 || $0 == 1 },
        coherent: maps == Self.coherentLayer
          ? nil : try layer(Self.coherentLayer, index, power.mask) { $0.isFinite })
    }
  }

  /// Nil where some place's state is not known.
  private static func pathloss(_ link: LinkKnowledge, hasStates: Bool) -> MapSurveyor.PathlossModel? {
    if hasStates { return link.pathloss }
    guard let state = link.state else { return nil }
    return { distance, _ in link.pathloss(distance, state) }
  }

  /// Nil where there is no such layer.
  private func layer(
    _ name: String, _ index: Int, _ mask: Mask?, _ isRight: (Float) -> Bool
  ) throws -> ChannelFingerprint? {
    guard reader.description.layers.contains(where: { $0.name == name }) else { return nil }
    let map = try reader.read(layer: name, indices: [index])[0]
    try require(map, of: name, index, mask, isRight)
    return map
  }

  private func require(
    _ map: ChannelFingerprint, of name: String, _ index: Int, _ mask: Mask?, _ isRight: (Float) -> Bool
  ) throws {
    for place in map.values.indices where mask?[place] != false && !isRight(map.values[place]) {
      throw Fault(
        "a layer has a value that it cannot have", at: "\(reader.path):/\(name)",
        expected: name == Self.stateLayer ? "0 or 1" : "finite numbers",
        found: "\(map.values[place]) in sample \(index), row \(place / map.columns), column \(place % map.columns)")
    }
  }
}
