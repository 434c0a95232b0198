import Conditioning
import Essentials
import MapStorage
import Runs

/// The scenes of an inference, open: known maps of each environment, and places of other stations.
struct SceneSource {
  /// What is looked at in an environment.
  struct Scene {
    let environment: Int32
    /// Numbers of the known maps.
    let sources: [Int]
    /// Numbers of the maps that are held against the truth; empty where there is none.
    let targets: [Int]
  }
  let scenes: [Scene]
  private let reader: MapSetReader
  private let places: [SIMD3<Float>]

  /// - Parameters:
  ///   - request: which file, environments, sources and targets.
  ///   - trained: the model that will infer, which knows its split; nil for none.
  /// - Throws: `Fault` when the file cannot be read, or does not hold what is asked for.
  init(_ request: InferenceRequest, _ trained: (any TrainedModel)?) throws {
    let reader = try MapSetReader(path: request.data)
    self.reader = reader
    try reader.description.requireStations(at: request.data)
    let chosen = try request.split.numbers(of: reader, trained)
    let environments = try reader.environments(indices: Array(0..<reader.count))
    var entries = SceneIndex(environments: environments, among: chosen).entries
    if let wanted = request.environments {
      if let stranger = wanted.first(where: { number in !entries.contains { $0.environment == number } }) {
        throw Fault(
          "there is no such environment among the maps", at: "\(request.data):/environment",
          expected: Self.text(entries.map(\.environment)), found: "\(stranger)")
      }
      entries = entries.filter { wanted.contains(Int($0.environment)) }
    }
    let index = SceneIndex(environments: environments, among: entries.flatMap(\.maps))
    switch request.targets {
    case .held(let count):
      places = []
      try index.require(stations: (request.sources ?? 1) + count, at: request.data)
      scenes = index.entries.map { entry in
        let order = SceneChoice.order(entry), sources = request.sources ?? order.count - count
        return Scene(
          environment: entry.environment, sources: Array(order.prefix(sources)),
          targets: order.suffix(count).reversed())
      }
    case .places(let given):
      places = given
      try index.require(stations: request.sources ?? 1, at: request.data)
      guard index.entries.count == 1 else {
        throw Fault(
          "places of stations are of one environment", at: "\(request.data):/environment",
          expected: "one, chosen by `environment`", found: Self.text(entries.map(\.environment)))
      }
      let area = reader.description.area
      for place in given {
        _ = try area.position(of: place, rows: reader.rows, columns: reader.columns, at: "`at`")
      }
      scenes = index.entries.map { entry in
        let sources = request.sources.map { SceneChoice.order(entry).prefix($0) } ?? entry.maps[...]
        return Scene(environment: entry.environment, sources: Array(sources), targets: [])
      }
    }
  }

  private static func text(_ environments: [Int32]) -> String {
    let shown = environments.prefix(12).map(String.init).joined(separator: ", ")
    return environments.count > 12 ? "\(shown), ... (\(environments.count) in all)" : shown
  }

  /// What the file of the known maps holds.
  var known: MapSetDescription { reader.description }

  /// A scene's known maps.
  func maps(of scene: Scene) throws -> [StationMap] { try scene.sources.map { try reader.map($0) } }

  /// What is observed, and where.
  var geometry: ObservationGeometry {
    ObservationGeometry(
      .stations, rows: reader.rows, columns: reader.columns, area: reader.description.area, at: reader.path)
  }

  /// What the result's file is to hold: where it can be held against the truth, with the numbers of its samples.
  ///
  /// - Parameters:
  ///   - record: how the maps are made.
  ///   - hasDeviation: whether each map has the layer of its deviation.
  ///   - draws: how many draws stand beside each map.
  func description(_ record: ReconstructionRecord, hasDeviation: Bool, draws: Int) -> MapSetDescription {
    var description = reader.description
    description.setEstimates("inferred", record, hasDeviation: hasDeviation, draws: draws)
    if !places.isEmpty { description.reconstruction = nil }
    return description
  }

  /// The maps of some scenes.
  func block(_ range: Range<Int>, _ estimator: any Estimator) throws -> MapBlock {
    var block = MapBlock(first: range.lowerBound * max(places.count, scenes[0].targets.count), maps: [])
    var observations: [Observation] = []
    for scene in scenes[range] {
      let sources = try maps(of: scene)
      let truths = try scene.targets.map { try reader.map($0) }
      let stations = truths.isEmpty ? places : truths.compactMap(\.station)
      observations.append(.stations(StationsObservation(sources: sources, targets: stations)))
      block.stations += stations
      if reader.description.hasEnvironments {
        block.environments += stations.map { _ in scene.environment }
      }
      if reader.description.hasValid {
        let outdoors = truths.isEmpty ? stations.map { _ in Mask.union(of: sources) } : truths.map(\.mask)
        block.masks += outdoors.map { $0 ?? Mask([Bool](repeating: true, count: reader.rows * reader.columns)) }
      }
      block.sampleIndices += scene.targets.map { Int32($0) }
    }
    let made = try estimator.estimate(observations, keys: scenes[range].map { Int($0.environment) }).flatMap(\.self)
    block.maps = made.map(\.map)
    if estimator.hasDeviation { block.layers[ReconstructionRecord.deviationName] = made.compactMap(\.deviation) }
    if estimator.keptDraws > 0 { block.draws = made.map(\.draws) }
    return block
  }
}

extension SplitChoice {
  /// The maps of a data set that are meant.
  ///
  /// - Parameters:
  ///   - reader: the data set.
  ///   - trained: the run whose split it is; nil for none.
  /// - Throws: `Fault` where the data are others than the run's, or no map is meant.
  func numbers(of reader: MapSetReader, _ trained: (any TrainedModel)?) throws -> [Int] {
    guard self != .all else { return Array(0..<reader.count) }
    guard let trained else {
      throw Fault(
        "only a trained run has a split", at: "`split`", expected: "all", found: rawValue,
        hint: "`split` all takes every map")
    }
    let split = try Split(MapSetCollection(paths: [reader.path]), rule: trained.split.rule, seed: trained.seed)
    try split.require(trained.state.split, at: reader.path)
    let chosen = self == .train ? split.training : split.test
    guard !chosen.isEmpty else {
      throw Fault("the split has no \(rawValue) maps", at: reader.path, found: "\(reader.count) maps in all")
    }
    return chosen
  }
}

extension MapSetDescription {
  /// Makes it the description of estimates of such maps.
  ///
  /// - Parameters:
  ///   - how: "inferred", "reconstructed".
  ///   - record: how the maps are made.
  ///   - hasDeviation: whether each map has the layer of its deviation.
  ///   - draws: how many draws stand beside each map.
  mutating func setEstimates(_ how: String, _ record: ReconstructionRecord, hasDeviation: Bool, draws: Int) {
    longName = "\(how) \(longName)"
    configuration = record.model
    reconstruction = record
    self.draws = draws
    layers =
      hasDeviation
      ? [
        MapLayer(
          name: ReconstructionRecord.deviationName, longName: "predictive standard deviation", units: units)
      ] : []
  }
}
