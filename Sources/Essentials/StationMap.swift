/// The map of one station, with all that is known of it: fine or coarse, whole or with holes.
public struct StationMap: Equatable, Sendable {
  /// The map [dB unless said otherwise].
  public var map: ChannelFingerprint
  /// Which of its places hold a value; nil: all.
  public var mask: Mask?
  /// Where the base station stands (x, y, z) [m]; nil where that is not known.
  public var station: SIMD3<Float>?
  /// The number of the surroundings that it shares with other maps; nil where that is not known.
  public var environment: Int32?
  /// Further layers over the fine places, in the order in which they were asked for.
  public var conditions: [[Float]] = []
  /// File and sample, for messages.
  public var place: String

  /// - Parameters:
  ///   - map: the map [dB unless said otherwise].
  ///   - mask: which of its places hold a value; nil: all.
  ///   - station: where the base station stands (x, y, z) [m]; nil where that is not known.
  ///   - environment: the number of its surroundings; nil where that is not known.
  ///   - place: file and sample, for messages.
  public init(
    _ map: ChannelFingerprint, mask: Mask? = nil, station: SIMD3<Float>? = nil, environment: Int32? = nil,
    at place: String = "map"
  ) {
    precondition(mask.map { $0.count == map.values.count } ?? true, "a flag for each place")
    (self.map, self.mask, self.station, self.environment, self.place) = (map, mask, station, environment, place)
  }
}
