import Computing
import Configuration
import Essentials

/// How maps of several stations become what networks see: for every family that looks across stations.
public struct SceneSection: ConfigurationSection, Equatable {
  /// How maps become grey levels.
  public var grey = GreySection()
  /// The fewest sources of a training scene.
  public var leastSources = 1
  /// The most.
  public var mostSources = 10
  /// Targets of a scene, at most.
  public var targets = 5

  /// The defaults.
  public init() {}

  /// The keys of the section `data`.
  public static var fields: [ConfigurationField<Self>] {
    GreySection.fields.map { $0.lifted(through: \.grey) } + [
      .integer("least_sources", \.leastSources, in: 1...1000, "known stations of a training scene, at least"),
      .integer("most_sources", \.mostSources, in: 1...1000, "known stations of a scene, at most"),
      .integer("targets", \.targets, in: 1...1000, "stations of a scene whose maps are asked for, at most"),
    ]
  }

  /// Rising numbers.
  public func validate(_ places: ConfigurationPlaces) throws {
    try grey.validate(places)
    guard leastSources <= mostSources else {
      throw Fault(
        "a scene's fewest sources are more than its most", at: places["least_sources"],
        expected: "at most \(mostSources) (data.most_sources)", found: "\(leastSources)")
    }
  }
}

/// Samples of families that look across stations: some stations of an environment whose maps are known, and others whose maps
/// are asked for.
///
/// An epoch visits every training map once, as the first target of a scene; who stands beside it is drawn. How many sources a
/// scene has is drawn for the step, so that the scenes of a batch are alike, but for environments of fewer stations.
public struct SceneSamples: SampleSource {
  /// The data sets and which of their maps train.
  public let data: MapData
  /// How maps become what networks see.
  public let section: SceneSection
  private let training: [Int32: [Int]]
  /// The environments that test and have two stations at least.
  private let heldOut: [SceneIndex.Entry]
  private let symmetries: [GridSymmetry]

  /// - Parameters:
  ///   - data: the data sets and which of their maps train.
  ///   - section: how maps become what networks see.
  /// - Throws: `Fault` for maps without stations, environments of one station, an area that cannot be turned.
  public init(_ data: MapData, _ section: SceneSection) throws {
    (self.data, self.section) = (data, section)
    let description = data.maps.description, path = data.maps.path
    for reader in data.maps.readers { try reader.description.requireStations(at: reader.path) }
    symmetries = try section.grey.symmetries(of: description, at: path)
    let index = SceneIndex(environments: data.maps.environments, among: data.split.training)
    try index.require(stations: 2, at: path)
    training = Dictionary(uniqueKeysWithValues: index.entries.map { ($0.environment, $0.maps) })
    heldOut = SceneIndex(environments: data.maps.environments, among: data.split.test).entries.filter {
      $0.maps.count > 1
    }
  }

  /// Throws unless every environment that trains or tests has so many sources beside a target.
  public func require(sources count: Int) throws {
    for numbers in [data.split.training, data.split.test] where !numbers.isEmpty {
      try SceneIndex(environments: data.maps.environments, among: numbers).require(stations: count + 1, at: path)
    }
  }

  /// The files.
  public var path: String { data.maps.path }
  /// Each training map as often as an epoch visits it.
  public var epochCount: Int { data.epoch.count }
  /// The environments that test and have two stations at least.
  public var heldOutCount: Int { heldOut.count }

  /// A training scene, by its first target.
  public func sample(visit: Int, position: Int, step: Int) throws -> StationScene {
    let first = data.epoch[visit]
    let all = training[data.maps.environments?[first] ?? 0] ?? []
    let others = all.filter { $0 != first }
    let order = RandomStream(seed: data.seed, purpose: .scene, layer: position + 1).permutation(
      others.count, step: step)
    let choices = section.mostSources - section.leastSources + 1
    let wanted =
      section.leastSources + RandomStream(seed: data.seed, purpose: .scene).integer(below: choices, step: step)
    let symmetry = RandomStream(seed: data.seed, purpose: .symmetry).integer(
      below: symmetries.count, sample: position, step: step)
    return try scene([first] + order.map { others[$0] }, sources: wanted).seen(as: symmetries[symmetry])
  }

  /// A held-out environment's scene, always the same, with as many sources as there may be.
  public func heldOut(_ place: Int, of count: Int) throws -> StationScene {
    let order = SceneChoice.order(heldOut[place * heldOut.count / count])
    return try scene(order.reversed(), sources: section.mostSources)
  }

  /// Maps in an order: targets from the front, sources from the back; one of each at least.
  private func scene(_ order: [Int], sources wanted: Int) throws -> StationScene {
    let sources = min(wanted, order.count - 1), targets = min(section.targets, order.count - sources)
    func view(_ number: Int, isTarget: Bool) throws -> StationView {
      let map = try data.maps.map(number)
      var view = try map.view(section.grey.range, in: data.maps.description.area)
      if isTarget { view.grey = section.grey.drawn(map) }
      return view
    }
    return StationScene(
      rows: data.maps.rows, columns: data.maps.columns,
      sources: try order.suffix(sources).reversed().map { try view($0, isTarget: false) },
      targets: try order.prefix(targets).map { try view($0, isTarget: true) })
  }

  /// What a log's head says of the data.
  public var summary: String {
    let sources = Set([section.leastSources, section.mostSources]).sorted().map(String.init).joined(separator: " to ")
    return "data: \(data.summary), \(training.count) environments, scenes of \(sources) sources and up to "
      + "\(section.targets) targets"
  }
}

/// Which stations of an environment are sources and which are targets where nobody says so: always the same ones.
public enum SceneChoice {
  /// Maps of an environment in an order drawn for it: sources are taken from the front, targets from the back, so that the
  /// targets are the same ones for any number of sources.
  public static func order(_ entry: SceneIndex.Entry) -> [Int] {
    RandomStream(seed: 0, purpose: .scene).permutation(entry.maps.count, step: Int(entry.environment)).map {
      entry.maps[$0]
    }
  }
}
