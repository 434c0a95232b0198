import Foundation

/// The outdoor scenarios of 3GPP TR 38.901 (V16.1.0), clause 7.2.
public enum Scenario: String, CaseIterable, Codable, Sendable {
  /// Urban macrocell.
  case uma
  /// Urban microcell, street canyon.
  case umi
  /// Rural macrocell.
  case rma
}

/// Whether places of an area see their base station.
public enum Propagation: String, CaseIterable, Codable, Sendable {
  /// Every place in line of sight.
  case lineOfSight = "los"
  /// No place in line of sight.
  case nonLineOfSight = "nlos"
  /// Line of sight where a spatially consistent uniform field falls below the probability of clause 7.4.2.
  case mixed
}

/// Whose numbers: those of the standard, or those behind maps made with QuaDRiGa 2.6.1.
///
/// `standard` clamps the frequency of the large-scale parameters from below (Table 7.5-6, notes), does not let
/// the 2-D distance of the pathloss fall below 10 m (Table 7.4.1-1), shadows every cluster (eq. 7.5-5), draws the
/// cross-polarisation ratio for every ray (eq. 7.5-21), sets the departure zenith spread of a cluster to 3/8 of the
/// mean zenith spread (eq. 7.5-20) and shifts zenith angles by the offsets of Tables 7.5-7 to 7.5-9. `quadriga`
/// does none of these; one cross-polarisation ratio holds for all rays of a place.
public enum ParameterSet: String, CaseIterable, Codable, Sendable {
  case standard
  case quadriga
}

/// What vertical elements at both ends receive of a path.
public enum Polarisation: String, CaseIterable, Codable, Sendable {
  /// The polarisation matrix has unit power: kappa / (1 + kappa) of a path remains, kappa being its linear
  /// cross-polarisation ratio.
  case normalised
  /// Eq. 7.5-28 as it stands: the co-polarised entry is one and nothing is lost.
  case standard
}

/// The large-scale parameters of clause 7.5, step 4; the raw value orders the correlation matrix.
public enum LargeScaleParameter: Int, CaseIterable, Sendable {
  case delaySpread
  case azimuthSpreadDeparture
  case azimuthSpreadArrival
  case zenithSpreadDeparture
  case zenithSpreadArrival
  case shadowFading
  case kFactor
  case crossPolarisation
}

/// A mean or deviation that depends on the frequency f in GHz: max(floor, constant + slope lg(addend + f)).
public struct FrequencyLaw: Equatable, Sendable {
  var constant: Double
  var slope = 0.0
  var addend = 0.0
  var floor = -Double.infinity

  /// The value at a frequency [GHz].
  public func callAsFunction(_ gigahertz: Double) -> Double {
    slope == 0 ? Swift.max(floor, constant) : Swift.max(floor, constant + slope * log10(addend + gigahertz))
  }
}

extension FrequencyLaw: ExpressibleByFloatLiteral {
  /// A value for all frequencies.
  public init(floatLiteral value: Double) { self.init(constant: value) }
}

/// The parameters of one scenario in one state (Tables 7.5-6 to 7.5-9, 7.6.3.1-2), as data.
public struct LinkParameters: Sendable {
  /// Mean and deviation of a normal variable.
  public struct Normal: Sendable {
    let mean: FrequencyLaw
    let deviation: FrequencyLaw
  }

  /// lg of the delay spread over 1 s.
  let delaySpread: Normal
  /// lg of the azimuth spreads over 1 degree.
  let azimuthSpreadDeparture, azimuthSpreadArrival: Normal
  /// lg of the zenith spread of arrival over 1 degree.
  let zenithSpreadArrival: Normal
  /// Mean lg of the zenith spread of departure over 1 degree from 2-D distance [m], base-station and user
  /// heights [m].
  let zenithSpreadDeparture: @Sendable (_ distance: Double, _ station: Double, _ user: Double) -> Double
  let zenithSpreadDepartureDeviation: Double
  /// Offset of the zenith angles of departure [degrees], from frequency [GHz], 2-D distance [m] and user height [m].
  let zenithOffset: @Sendable (_ gigahertz: Double, _ distance: Double, _ user: Double) -> Double
  /// Deviation of the shadow fading [dB]; beyond the breakpoint distance `shadowFadingFar`.
  let shadowFading: Double
  let shadowFadingFar: Double
  /// Ricean K factor [dB]; none without line of sight.
  let kFactor: Normal?
  /// Cross-polarisation ratio [dB].
  let crossPolarisation: Normal
  /// Decorrelation distances [m] in the order of `LargeScaleParameter`.
  let decorrelation: [Double]
  /// Cross-correlations that are not zero.
  let correlations: [(LargeScaleParameter, LargeScaleParameter, Double)]
  /// Clusters, the line-of-sight path not counted.
  let clusters: Int
  /// Delay distribution proportionality factor r_tau.
  let delayProportionality: Double
  /// Per-cluster shadowing zeta [dB].
  let clusterShadowing: Double
  /// Cluster delay spread [ns].
  let clusterDelaySpread: FrequencyLaw
  /// Cluster azimuth spread of departure [degrees].
  let clusterAzimuthSpreadDeparture: Double
  /// Decorrelation distance of cluster- and ray-specific variables [m] (Table 7.6.3.1-2).
  let clusterDecorrelation: Double
}

extension Scenario {
  /// Lowest frequency [GHz] that the laws of the large-scale parameters are evaluated at (Table 7.5-6, notes 6, 7).
  var lowestLawFrequency: Double {
    switch self {
    case .uma: 6
    case .umi: 2
    case .rma: 0
    }
  }

  /// Frequencies [Hz] that Table 7.4.1-1 covers.
  public var frequencyRange: ClosedRange<Double> { self == .rma ? 0.5e9...30e9 : 0.5e9...100e9 }

  /// User heights [m] that Table 7.4.1-1 covers. Above 13 m the effective environment height of UMa is random
  /// (note 1) and is not modelled.
  public var userHeightRange: ClosedRange<Double> {
    switch self {
    case .uma: 1.5...13
    case .umi: 1.5...22.5
    case .rma: 1...10
    }
  }

  /// Base-station heights [m]: Table 7.4.1-1's default, with room around it where the equations hold.
  public var stationHeightRange: ClosedRange<Double> {
    switch self {
    case .uma: 10...150
    case .umi: 3...50
    case .rma: 10...150
    }
  }

  /// Default base-station height [m] (Table 7.2-1, 7.2-3).
  public var defaultStationHeight: Double {
    switch self {
    case .uma: 25
    case .umi: 10
    case .rma: 35
    }
  }

  /// Decorrelation distance of the line-of-sight state [m] (Table 7.6.3.1-2).
  var stateDecorrelation: Double { self == .rma ? 60 : 50 }
}
