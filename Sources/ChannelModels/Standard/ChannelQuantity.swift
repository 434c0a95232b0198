/// The quantities that a simulated map can hold at each place.
public enum ChannelQuantity: String, MapQuantity, Codable {
  /// Sum of the path powers: E{|h|^2} over small-scale fading.
  case pathPower = "path_power"
  /// Eq. (5) of the CGDM paper: |h|^2 averaged over the antennas and active subcarriers.
  case coherentPower = "coherent_power"
  case delaySpread = "delay_spread"
  case kFactor = "k_factor"
  case azimuthSpreadDeparture = "azimuth_spread_departure"
  case azimuthSpreadArrival = "azimuth_spread_arrival"
  case zenithSpreadDeparture = "zenith_spread_departure"
  case zenithSpreadArrival = "zenith_spread_arrival"
  /// 1 in line of sight, 0 elsewhere.
  case lineOfSight = "line_of_sight"

  /// The K factor [dB] that stands for "no line of sight".
  public static let kFactorWithoutLineOfSight: Float = -100

  /// Unit, for the file's `units` attribute.
  public var unit: String {
    switch self {
    case .pathPower, .coherentPower, .kFactor: "dB"
    case .delaySpread: "s"
    case .azimuthSpreadDeparture, .azimuthSpreadArrival, .zenithSpreadDeparture, .zenithSpreadArrival:
      "degree"
    case .lineOfSight: "1"
    }
  }

  /// Description, for the file's `long_name` attribute.
  public var longName: String {
    switch self {
    case .pathPower: "sum of path powers (expectation over small-scale fading)"
    case .coherentPower: "coherent power averaged over antennas and active subcarriers"
    case .delaySpread: "delay spread (large-scale parameter)"
    case .kFactor: "Ricean K factor (large-scale parameter; -100 without line of sight)"
    case .azimuthSpreadDeparture: "azimuth spread of departure (large-scale parameter)"
    case .azimuthSpreadArrival: "azimuth spread of arrival (large-scale parameter)"
    case .zenithSpreadDeparture: "zenith spread of departure (large-scale parameter)"
    case .zenithSpreadArrival: "zenith spread of arrival (large-scale parameter)"
    case .lineOfSight: "line of sight state"
    }
  }

  /// The large-scale parameter that the layer shows, if it shows one.
  var parameter: LargeScaleParameter? {
    switch self {
    case .delaySpread: .delaySpread
    case .kFactor: .kFactor
    case .azimuthSpreadDeparture: .azimuthSpreadDeparture
    case .azimuthSpreadArrival: .azimuthSpreadArrival
    case .zenithSpreadDeparture: .zenithSpreadDeparture
    case .zenithSpreadArrival: .zenithSpreadArrival
    case .pathPower, .coherentPower, .lineOfSight: nil
    }
  }
}
