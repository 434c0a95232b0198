import CKernels
import Essentials
import Foundation
import Tensors

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
    ck_uniform_from_normal(&field, field.count)
    return zip(field, distances).map {
      Double($0) < simulator.pathloss.lineOfSightProbability(distance: $1)
    }
  }

  /// Simulates the layers that the configuration asks for.
  func run() -> SimulatedMap {
    let configuration = simulator.configuration
    let grid = configuration.grid
    var maps: [MapLayer: [Float]] = [:]
    for layer in configuration.layers { maps[layer] = [Float](repeating: 0, count: grid.count) }
    for state in simulator.states {
      let places = visible.indices.filter { visible[$0] == state.lineOfSight }
      guard !places.isEmpty else { continue }
      let values = largeScale(state, places: places)
      for layer in configuration.layers {
        switch layer {
        case .pathPower:
          for place in places { maps[layer]![place] = pathPower(state, values, place) }
        case .lineOfSight:
          for place in places { maps[layer]![place] = state.lineOfSight ? 1 : 0 }
        case .coherentPower:
          break
        default:
          let floor = MapLayer.kFactorWithoutLineOfSight
          for place in places { maps[layer]![place] = values[layer.parameter!]?[place] ?? floor }
        }
      }
    }
    return SimulatedMap(
      station: station,
      layers: maps.mapValues { ChannelFingerprint(rows: grid.rows, columns: grid.columns, values: $0) })
  }

  /// The large-scale parameters at the places of one state, their normal fields made zero-mean over these.
  private func largeScale(_ state: LargeScaleFields, places: [Int]) -> [LargeScaleParameter: [Float]] {
    let configuration = simulator.configuration
    var wanted: [LargeScaleParameter] = []
    if configuration.layers.contains(.pathPower) { wanted += [.shadowFading, .crossPolarisation, .kFactor] }
    wanted += configuration.layers.compactMap(\.parameter)
    var fields = state.draw(
      Array(Set(wanted)).sorted { $0.rawValue < $1.rawValue }, sample: sample, tables: tables)
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

  /// Path power [dB] at a place: shadowed pathloss, less what the polarisation takes from the paths.
  private func pathPower(
    _ state: LargeScaleFields, _ values: [LargeScaleParameter: [Float]], _ place: Int
  ) -> Float {
    let loss = simulator.pathloss.decibels(distance: distances[place], lineOfSight: state.lineOfSight)
    let shadow = Double(values[.shadowFading]![place])
    guard simulator.configuration.polarisation == .normalised else { return Float(shadow - loss) }
    let ratio = exp(Double(values[.crossPolarisation]![place]) * 0.2302585092994046)
    var kept = ratio / (1 + ratio)
    if let decibels = values[.kFactor]?[place] {
      let k = exp(Double(decibels) * 0.2302585092994046)
      kept = (k + kept) / (k + 1)
    }
    return Float(shadow - loss + 10 * log10(kept))
  }
}
