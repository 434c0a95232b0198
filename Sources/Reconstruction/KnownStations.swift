import Conditioning
import Essentials
import MapStorage

/// The known maps of one environment.
public struct KnownStations: Sendable {
  /// What the data set holds.
  public let description: MapSetDescription
  /// The environment.
  public let environment: Int32
  /// The maps, each with its station.
  public let maps: [StationMap]

  /// - Parameters:
  ///   - path: the data set.
  ///   - environment: its number; nil: the only one.
  ///   - sources: how many maps, drawn but always the same; nil: all.
  /// - Throws: `Fault` when the file cannot be read, or does not hold what is asked for.
  public init(path: String, environment: Int?, sources: Int?) throws {
    var request = InferenceRequest(data: path, targets: .places([]), output: "")
    request.environments = environment.map { [$0] }
    request.sources = sources
    let source = try SceneSource(request, nil)
    description = source.known
    self.environment = source.scenes[0].environment
    maps = try source.maps(of: source.scenes[0])
  }

  /// The environments of a data set that have so many stations at least, in the order of their numbers.
  public static func environments(of path: String, stations count: Int) throws -> [Int] {
    let reader = try MapSetReader(path: path), all = Array(0..<reader.count)
    let index = SceneIndex(environments: try reader.environments(indices: all), among: all)
    return index.entries.filter { $0.maps.count >= count }.map { Int($0.environment) }
  }
}
