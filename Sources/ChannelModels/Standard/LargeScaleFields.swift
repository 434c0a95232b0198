import Computing
import Foundation

/// The large-scale parameters of a state as correlated, spatially consistent fields (clause 7.5, step 4; 7.6.3).
///
/// Each parameter has an independent field with its own decorrelation distance; the symmetric square root of
/// the correlation matrix mixes them. Mixing is linear, so it is done on the sinusoids' amplitudes: only those
/// fields that are asked for are evaluated.
struct LargeScaleFields {
  let lineOfSight: Bool
  let parameters: LinkParameters
  /// The parameters that vary, in the order of the correlation matrix.
  let active: [LargeScaleParameter]
  private let root: CorrelationRoot
  private let decorrelation: [Double]
  private let seed: UInt64

  init(configuration: SimulationConfiguration, lineOfSight: Bool) {
    let parameters = configuration.scenario.parameters(lineOfSight: lineOfSight)
    let active = LargeScaleParameter.allCases.filter { $0 != .kFactor || parameters.kFactor != nil }
    var matrix = [Double](repeating: 0, count: active.count * active.count)
    for i in active.indices { matrix[i * active.count + i] = 1 }
    for (first, second, value) in parameters.correlations {
      guard let i = active.firstIndex(of: first), let j = active.firstIndex(of: second) else { continue }
      matrix[i * active.count + j] = value
      matrix[j * active.count + i] = value
    }
    root = CorrelationRoot(of: matrix, size: active.count)
    decorrelation = active.map { parameters.decorrelation(of: $0, configuration) }
    self.lineOfSight = lineOfSight
    self.parameters = parameters
    self.active = active
    seed = configuration.seed
  }

  /// The distinct decorrelation distances [m].
  var distances: Set<Double> { Set(decorrelation) }

  /// Correlation that the mixed fields have at one place.
  func correlation(_ first: LargeScaleParameter, _ second: LargeScaleParameter) -> Double {
    guard let i = active.firstIndex(of: first), let j = active.firstIndex(of: second) else { return 0 }
    return active.indices.reduce(0) { $0 + root[i, $1] * root[j, $1] }
  }

  /// Standard normal, correlated fields, their mean over the map not removed.
  ///
  /// - Parameters:
  ///   - wanted: which parameters; only active ones are answered.
  ///   - sample: the map's number.
  ///   - tables: the sinusoids by decorrelation distance.
  /// - Returns: `[rows * columns]` each.
  func draw(
    _ wanted: [LargeScaleParameter], sample: Int, tables: [Double: SinusoidTables]
  ) -> [LargeScaleParameter: [Float]] {
    let phases = active.map { parameter in
      SinusoidTables.Amplitudes(
        phases: RandomStream(
          seed: seed, purpose: .largeScaleFields, layer: (lineOfSight ? 32 : 0) + parameter.rawValue
        ).uniform(SinusoidBasis.count, sample: sample))
    }
    var scratch: [Float] = []
    var fields: [LargeScaleParameter: [Float]] = [:]
    for parameter in wanted {
      guard let row = active.firstIndex(of: parameter), let grid = tables.first?.value.grid else { continue }
      var field = [Float](repeating: 0, count: grid.count)
      for distance in distances.sorted() {
        var sum = SinusoidTables.Amplitudes.zero
        var used = false
        for column in active.indices where decorrelation[column] == distance && root[row, column] != 0 {
          sum.add(phases[column], times: Float(root[row, column]))
          used = true
        }
        guard used, let table = tables[distance] else { continue }
        field.withUnsafeMutableBufferPointer {
          table.evaluate(
            [sum], rows: 0..<grid.rows, into: $0.baseAddress!, scratch: &scratch, accumulate: true)
        }
      }
      fields[parameter] = field
    }
    return fields
  }

  /// The physical value of a parameter from its standard normal one.
  ///
  /// Spreads are limited as step 4 says: azimuth spreads to 104 degrees, zenith spreads to 52 degrees.
  ///
  /// - Returns: [s] for the delay spread, [degree] for the other spreads, [dB] otherwise.
  func value(
    _ parameter: LargeScaleParameter, normal: Double, distance: Double, beyondBreakpoint: Bool,
    _ configuration: SimulationConfiguration
  ) -> Double {
    let frequency = configuration.lawFrequency
    func decade(_ law: LinkParameters.Normal) -> Double {
      exp((law.mean(frequency) + law.deviation(frequency) * normal) * 2.302585092994046)
    }
    switch parameter {
    case .delaySpread: return decade(parameters.delaySpread)
    case .azimuthSpreadDeparture: return min(104, decade(parameters.azimuthSpreadDeparture))
    case .azimuthSpreadArrival: return min(104, decade(parameters.azimuthSpreadArrival))
    case .zenithSpreadArrival: return min(52, decade(parameters.zenithSpreadArrival))
    case .zenithSpreadDeparture:
      let mean = parameters.zenithSpreadDeparture(
        distance, configuration.stationHeight, configuration.userHeight)
      return min(52, exp((mean + parameters.zenithSpreadDepartureDeviation * normal) * 2.302585092994046))
    case .shadowFading:
      return (beyondBreakpoint ? parameters.shadowFadingFar : parameters.shadowFading) * normal
    case .kFactor:
      guard let law = parameters.kFactor else { return Double(ChannelQuantity.kFactorWithoutLineOfSight) }
      return law.mean(frequency) + law.deviation(frequency) * normal
    case .crossPolarisation:
      let law = parameters.crossPolarisation
      return law.mean(frequency) + law.deviation(frequency) * normal
    }
  }
}

extension LinkParameters {
  /// Decorrelation distance [m] of a large-scale parameter. The reference maps have 15 m for the
  /// cross-polarisation ratio of UMa in line of sight.
  func decorrelation(of parameter: LargeScaleParameter, _ configuration: SimulationConfiguration) -> Double {
    if parameter == .crossPolarisation, configuration.parameterSet == .quadriga,
      configuration.scenario == .uma,
      kFactor != nil
    {
      return 15
    }
    return decorrelation[parameter.rawValue]
  }
}
