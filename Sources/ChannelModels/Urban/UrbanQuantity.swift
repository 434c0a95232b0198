/// The quantities that a map of a city can hold at each place.
public enum UrbanQuantity: String, MapQuantity, Codable {
  /// Channel gain of the path of least loss; the law's weakest where no path leads.
  case gain
  /// The same by the law and heights of the configuration, without what a city or a station varies in, among the buildings as
  /// their mask shows them: what somebody who has that alone would expect.
  case expectedGain = "expected_gain"
  /// 1 where a building stands.
  case buildings
  /// 1 where the station is seen.
  case lineOfSight = "line_of_sight"
  /// Corners, and edges of roofs, that the path bends around; -1 where none leads.
  case corners
  /// 1 where the path leads over roofs.
  case overRoofs = "over_roofs"
  /// The path's length; 0 where none leads.
  case pathLength = "path_length"

  /// Unit, for the file's `units` attribute.
  public var unit: String {
    switch self {
    case .gain, .expectedGain: "dB"
    case .pathLength: "m"
    case .buildings, .lineOfSight, .corners, .overRoofs: "1"
    }
  }

  /// Description, for the file's `long_name` attribute.
  public var longName: String {
    switch self {
    case .gain: "channel gain of the dominant path"
    case .expectedGain: "channel gain of the dominant path, as expected from the mask of buildings alone"
    case .buildings: "buildings"
    case .lineOfSight: "line of sight"
    case .corners: "corners of the dominant path (-1: no path)"
    case .overRoofs: "whether the dominant path leads over roofs"
    case .pathLength: "length of the dominant path (0: no path)"
    }
  }

  /// The quantity at each place.
  ///
  /// - Parameters:
  ///   - result: the paths.
  ///   - city: among whose buildings they lead.
  ///   - weakest: the greatest loss that is told [dB].
  func values(_ result: DominantPaths.Result, _ city: City, weakest: Double) -> [Float] {
    switch self {
    case .gain, .expectedGain: result.loss.map { -min($0, Float(weakest)) }
    case .buildings: city.outdoors.flags.map { $0 ? 0 : 1 }
    case .lineOfSight: result.corners.map { $0 == 0 ? 1 : 0 }
    case .corners: result.corners
    case .overRoofs: result.roofs
    case .pathLength: result.length
    }
  }
}
