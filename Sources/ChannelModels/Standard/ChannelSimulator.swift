import CKernels
import Computing
import Essentials
import Foundation

/// One simulated map.
public struct SimulatedMap: Sendable {
  /// Position of the base station [m].
  public let station: SIMD3<Double>
  /// The layers that the configuration asks for.
  public let layers: [ChannelQuantity: ChannelFingerprint]

  /// Path power [dB]; nil where the configuration does not ask for it.
  public var pathPower: ChannelFingerprint? { layers[.pathPower] }
}

/// The massive-MIMO-OFDM channel of 3GPP TR 38.901 with spatial consistency (clauses 7.4 to 7.6.3), map by map.
///
/// A map is a function of (seed, number, configuration, station) only: neither the rank, nor the thread, nor the
/// order of work has a part in it.
public final class ChannelSimulator: Sendable {
  /// What is simulated.
  public let configuration: SimulationConfiguration
  let pathloss: Pathloss
  let states: [LargeScaleFields]
  let clusterModels: [ClusterModel]
  let bases: [SinusoidBasis]
  private let threads: Threads

  /// - Parameters:
  ///   - configuration: what to simulate; validated here.
  ///   - threads: the workers among which maps are shared.
  /// - Throws: a `Fault` when a value of the configuration is out of range.
  public init(_ configuration: SimulationConfiguration, threads: Threads) throws {
    try configuration.validate()
    ck_gemm_prepare()
    self.configuration = configuration
    self.threads = threads
    pathloss = Pathloss(
      scenario: configuration.scenario, frequency: configuration.frequency,
      stationHeight: configuration.stationHeight, userHeight: configuration.userHeight,
      parameterSet: configuration.parameterSet)
    let kinds: [Bool] =
      switch configuration.propagation {
      case .lineOfSight: [true]
      case .nonLineOfSight: [false]
      case .mixed: [true, false]
      }
    states = kinds.map { LargeScaleFields(configuration: configuration, lineOfSight: $0) }
    clusterModels = kinds.map { ClusterModel(configuration: configuration, lineOfSight: $0) }
    var distances = states.reduce(into: Set<Double>()) { $0.formUnion($1.distances) }
    if configuration.propagation == .mixed { distances.insert(configuration.scenario.stateDecorrelation) }
    if Self.usesClusters(configuration) { distances.formUnion(clusterModels.map(\.basis.decorrelation)) }
    bases = distances.sorted().map { SinusoidBasis(decorrelation: $0) }
  }

  /// Whether clusters are needed: for coherent power, and for path power where every ray has a
  /// cross-polarisation ratio of its own.
  static func usesClusters(_ configuration: SimulationConfiguration) -> Bool {
    configuration.layers.contains(.coherentPower) || usesPathShares(configuration)
  }

  static func usesPathShares(_ configuration: SimulationConfiguration) -> Bool {
    configuration.layers.contains(.pathPower) && configuration.parameterSet == .standard
      && configuration.polarisation == .normalised
  }

  /// Where map `sample` has its base station: a grid point drawn uniformly.
  public func station(sample: Int) -> SIMD3<Double> {
    let grid = configuration.grid
    let stream = RandomStream(seed: configuration.seed, purpose: .stations)
    let column = stream.integer(below: grid.columns, sample: sample)
    let row = stream.integer(below: grid.rows, sample: sample, step: 1)
    return SIMD3(grid.x(column), grid.y(row), configuration.stationHeight)
  }

  /// Simulates one map.
  ///
  /// - Parameters:
  ///   - sample: the map's number.
  ///   - station: horizontal position of the base station [m]; drawn by `station(sample:)` when nil.
  /// - Throws: a `Fault` when the station lies outside the area.
  public func simulate(_ sample: Int, station: SIMD2<Double>? = nil) throws -> SimulatedMap {
    try simulation(sample, station: station).run()
  }

  /// The same map with coherent power by the direct sum over elements and subcarriers, in double: the oracle of
  /// the fast sum, some hundred times slower.
  public func simulateDirectly(_ sample: Int, station: SIMD2<Double>? = nil) throws -> SimulatedMap {
    var simulation = try simulation(sample, station: station)
    simulation.direct = true
    return simulation.run()
  }

  private func simulation(_ sample: Int, station: SIMD2<Double>?) throws -> MapSimulation {
    var place = self.station(sample: sample)
    if let station {
      try configuration.grid.requireWithin(station, at: "station of map \(sample)")
      (place.x, place.y) = (station.x, station.y)
    }
    return MapSimulation(self, sample: sample, station: place)
  }

  /// Simulates several maps, shared among the threads.
  ///
  /// - Parameters:
  ///   - samples: the maps' numbers.
  ///   - stations: horizontal positions [m], one a map; drawn when nil.
  /// - Returns: the maps in the order of `samples`.
  /// - Throws: a `Fault` when a station lies outside the area.
  public func simulate(_ samples: [Int], stations: [SIMD2<Double>]? = nil) throws -> [SimulatedMap] {
    precondition(stations.map { $0.count == samples.count } ?? true, "one station a map")
    var results = [Result<SimulatedMap, any Error>?](repeating: nil, count: samples.count)
    results.withUnsafeMutableBufferPointer { results in
      let slots = Slots(base: results.baseAddress)
      threads.run(samples.count) { job, _ in
        slots.base![job] = Result { try simulate(samples[job], station: stations?[job]) }
      }
    }
    return try results.map { try $0!.get() }
  }

  /// Each job writes a slot of its own.
  private struct Slots: @unchecked Sendable {
    let base: UnsafeMutablePointer<Result<SimulatedMap, any Error>?>?
  }
}
