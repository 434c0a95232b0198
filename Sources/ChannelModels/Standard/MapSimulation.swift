import CKernels
import Computing
import Essentials
import Foundation

/// The work on one map.
struct MapSimulation {
  let simulator: ChannelSimulator
  let sample: Int
  let station: SIMD3<Double>
  let tables: [Double: SinusoidTables]
  /// 2-D distance of every place [m].
  let distances: [Double]
  /// Whether each place is in line of sight.
  let visible: [Bool]

  /// Takes the direct sum for the coherent power: the oracle.
  var direct = false

  private static let stateLayer = 100
  private static let rotationLayer = 101

  init(_ simulator: ChannelSimulator, sample: Int, station: SIMD3<Double>) {
    self.simulator = simulator
    self.sample = sample
    self.station = station
    let configuration = simulator.configuration
    let grid = configuration.grid
    let turn = RandomStream(
      seed: configuration.seed, purpose: .largeScaleFields, layer: Self.rotationLayer
    ).uniform(1, sample: sample)[0]
    tables = Dictionary(
      uniqueKeysWithValues: simulator.bases.map {
        ($0.decorrelation, $0.tables(grid: grid, rotation: .pi * Double(turn)))
      })
    var distances: [Double] = []
    distances.reserveCapacity(grid.count)
    for row in 0..<grid.rows {
      let y = grid.y(row) - station.y
      for column in 0..<grid.columns {
        let x = grid.x(column) - station.x
        distances.append((x * x + y * y).squareRoot())
      }
    }
    self.distances = distances
    visible = Self.lineOfSight(simulator, sample: sample, distances: distances, tables: tables)
  }

  /// Clause 7.6.3.3: a spatially consistent uniform field against the probability of line of sight.
  ///
  /// In the set `quadriga` the normal field behind it has no mean over the map, as the large-scale parameters' have none:
  /// the shares of the reference's mixed maps scatter around the expected ones by 0.065, those of raw fields by 0.20, of
  /// fields without a mean by 0.07. It makes near places more often, and far ones less often, visible.
  private static func lineOfSight(
    _ simulator: ChannelSimulator, sample: Int, distances: [Double], tables: [Double: SinusoidTables]
  ) -> [Bool] {
    let configuration = simulator.configuration
    guard configuration.propagation == .mixed else {
      return [Bool](repeating: configuration.propagation == .lineOfSight, count: distances.count)
    }
    let phases = RandomStream(seed: configuration.seed, purpose: .largeScaleFields, layer: stateLayer)
      .uniform(SinusoidBasis.count, sample: sample)
    var field = [Float](repeating: 0, count: distances.count)
    var scratch: [Float] = []
    field.withUnsafeMutableBufferPointer {
      tables[configuration.scenario.stateDecorrelation]!.evaluate(
        [.init(phases: phases)], rows: 0..<configuration.grid.rows, into: $0.baseAddress!, scratch: &scratch,
        accumulate: false)
    }
    if configuration.parameterSet == .quadriga {
      let mean = field.reduce(0.0) { $0 + Double($1) } / Double(field.count)
      for place in field.indices { field[place] -= Float(mean) }
    }
    ck_uniform_from_normal(&field, field.count)
    return zip(field, distances).map {
      Double($0) < simulator.pathloss.lineOfSightProbability(distance: $1)
    }
  }

  /// Simulates the layers that the configuration asks for.
  func run() -> SimulatedMap {
    let configuration = simulator.configuration
    let grid = configuration.grid
    var maps: [ChannelQuantity: [Float]] = [:]
    for layer in configuration.layers { maps[layer] = [Float](repeating: 0, count: grid.count) }
    for state in simulator.states {
      let places = visible.indices.filter { visible[$0] == state.lineOfSight }
      guard !places.isEmpty else { continue }
      let values = largeScale(state, places: places)
      let shares = clusterShares(state, values: values)
      for layer in configuration.layers {
        let value = content(of: layer, state: state, values: values, shares: shares)
        for place in places { maps[layer]![place] = value(place) }
      }
    }
    return SimulatedMap(
      station: station,
      layers: maps.mapValues { ChannelFingerprint(rows: grid.rows, columns: grid.columns, values: $0) })
  }

  /// What a layer holds at a place of a state.
  private func content(
    of layer: ChannelQuantity, state: LargeScaleFields, values: [LargeScaleParameter: [Float]], shares: ClusterShares?
  ) -> (Int) -> Float {
    switch layer {
    case .pathPower:
      if let path = shares?.path { return { median(state, values, $0) + 10 * log10(path[$0]) } }
      return { median(state, values, $0) + directAndScattered(values, $0) }
    case .coherentPower:
      let coherent = shares!.coherent!
      return { median(state, values, $0) + 10 * log10(coherent[$0]) }
    case .lineOfSight:
      return { _ in state.lineOfSight ? 1 : 0 }
    default:
      let field = values[layer.parameter!]
      return { field?[$0] ?? ChannelQuantity.kFactorWithoutLineOfSight }
    }
  }

  private func clusterShares(
    _ state: LargeScaleFields, values: [LargeScaleParameter: [Float]]
  ) -> ClusterShares? {
    guard ChannelSimulator.usesClusters(simulator.configuration) else { return nil }
    return ClusterPass(
      self, state: state, values: values, path: ChannelSimulator.usesPathShares(simulator.configuration),
      coherent: simulator.configuration.layers.contains(.coherentPower), direct: direct
    ).run()
  }

  /// The large-scale parameters at the places of one state, their normal fields made zero-mean over these.
  private func largeScale(_ state: LargeScaleFields, places: [Int]) -> [LargeScaleParameter: [Float]] {
    let configuration = simulator.configuration
    var wanted = Set(configuration.layers.compactMap(\.parameter))
    if !configuration.layers.filter({ $0 == .pathPower || $0 == .coherentPower }).isEmpty {
      wanted.formUnion([.shadowFading, .crossPolarisation, .kFactor])
    }
    if ChannelSimulator.usesClusters(configuration) {
      wanted.formUnion([.delaySpread, .azimuthSpreadDeparture, .zenithSpreadDeparture])
    }
    var fields = state.draw(wanted.sorted { $0.rawValue < $1.rawValue }, sample: sample, tables: tables)
    for parameter in fields.keys {
      var field = fields[parameter]!
      let mean = places.reduce(0.0) { $0 + Double(field[$1]) } / Double(places.count)
      for place in places {
        field[place] = Float(
          state.value(
            parameter, normal: Double(field[place]) - mean, distance: distances[place],
            beyondBreakpoint: distances[place] > simulator.pathloss.breakpoint, configuration))
      }
      fields[parameter] = field
    }
    return fields
  }

  /// Shadowed pathgain [dB] at a place.
  private func median(
    _ state: LargeScaleFields, _ values: [LargeScaleParameter: [Float]], _ place: Int
  ) -> Float {
    let loss = simulator.pathloss.decibels(distance: distances[place], lineOfSight: state.lineOfSight)
    return values[.shadowFading]![place] - Float(loss)
  }

  /// What the polarisation leaves of the path powers [dB], one cross-polarisation ratio for all scattered paths.
  private func directAndScattered(_ values: [LargeScaleParameter: [Float]], _ place: Int) -> Float {
    let kept = keptShare(values, place)
    guard let decibels = values[.kFactor]?[place] else { return 10 * log10(kept) }
    let k = linear(decibels)
    return 10 * log10((k + kept) / (k + 1))
  }

  /// The share of scattered power that keeps its polarisation at a place.
  func keptShare(_ values: [LargeScaleParameter: [Float]], _ place: Int) -> Float {
    guard simulator.configuration.polarisation == .normalised else { return 1 }
    return 1 / (1 + linear(-values[.crossPolarisation]![place]))
  }
}

/// A power ratio from decibels.
func linear(_ decibels: Float) -> Float { exp(decibels * 0.23025851) }
