import Computing
import Configuration
import Essentials
import Foundation
import MapStorage

/// Maps of cities by the dominant path model: sample s is station s mod n of environment s / n.
///
/// A map is a function of (seed, number, configuration) only: neither the rank, nor the thread, nor the order of work has a part
/// in it.
public final class UrbanSimulator: MapBlockMaker {
  /// What is simulated.
  public let configuration: UrbanConfiguration
  private let footprints: [Footprints]
  private let stations: [SIMD2<Double>]?
  private let threads: Threads
  private let cities: Cities
  private let variations: UrbanVariations

  /// A prepared city.
  private struct Prepared {
    /// As it is.
    let graph: CornerGraph
    /// As its mask shows it, where what is expected is asked for.
    let seen: CornerGraph?
  }

  /// Prepared cities; a run goes through environments in order, so few are kept.
  private final class Cities: @unchecked Sendable {
    private let lock = NSLock()
    private var known: [Int: Prepared] = [:]

    subscript(environment: Int) -> Prepared? {
      get { lock.withLock { known[environment] } }
      set { lock.withLock { known[environment] = newValue } }
    }

    func keep(_ environments: Set<Int>) {
      lock.withLock { known = known.filter { environments.contains($0.key) } }
    }
  }

  /// - Parameters:
  ///   - configuration: what to simulate; validated here.
  ///   - footprints: the buildings of environments 0, 1, ..., from the first again after the last; drawn where there are none.
  ///   - stations: the stations of every environment [m]; drawn where nil.
  ///   - threads: the workers among which cities and maps are shared.
  /// - Throws: `Fault` for a value out of range, a station outside the area or in a building, a city without an outdoors.
  public init(
    _ configuration: UrbanConfiguration, footprints: [Footprints], stations: GivenPositions?, threads: Threads
  ) throws {
    var configuration = configuration
    if let stations {
      configuration.stations = stations.record
      configuration.stationsEach = stations.positions.count
    }
    // As a file's would be.
    configuration = try Configuration.read(yaml: Configuration.yaml(configuration), named: "the simulation")
    self.configuration = configuration
    self.footprints = footprints
    self.stations = stations?.positions
    self.threads = threads
    cities = Cities()
    variations = UrbanVariations(configuration)
    for (number, footprint) in footprints.enumerated() {
      let city = city(number)
      guard !city.outdoors.isEmpty else {
        throw Fault(
          "the city has no place out of doors", at: footprint.source,
          expected: "streets in the area of \(configuration.grid.columns) x \(configuration.grid.rows) places")
      }
      try stations?.requireOutdoors(city)
    }
  }

  /// The number of the environment that is drawn or given for a sample.
  private func environment(of sample: Int) -> Int { sample / configuration.stationsEach }

  /// Given buildings are those of every environment.
  private func key(_ environment: Int) -> Int { footprints.isEmpty ? environment : environment % footprints.count }

  private func city(_ environment: Int) -> City {
    if !footprints.isEmpty { return footprints[key(environment)].city(configuration.grid) }
    return CityGenerator.city(
      configuration.city, grid: configuration.grid, seed: configuration.seed, environment: environment)
  }

  /// Where sample `sample` has its station, in grid units.
  private func station(_ sample: Int, _ city: City) -> SIMD2<Double> {
    let grid = configuration.grid
    if let stations { return stations[sample % configuration.stationsEach] / grid.spacing - 1 }
    let stream = RandomStream(seed: configuration.seed, purpose: .stations)
    let margin = Int((configuration.margin / grid.spacing).rounded(.up))
    let columns = max(1, grid.columns - 2 * margin), rows = max(1, grid.rows - 2 * margin)
    for attempt in 0..<4096 {
      let column = margin + stream.integer(below: columns, sample: sample, step: 2 * attempt)
      let row = margin + stream.integer(below: rows, sample: sample, step: 2 * attempt + 1)
      if city.outdoors[row * grid.columns + column] { return SIMD2(Double(column), Double(row)) }
    }
    // Hardly anything is out of doors: the place nearest to the corner.
    let place = city.outdoors.flags.firstIndex(of: true) ?? 0
    return SIMD2(Double(place % grid.columns), Double(place / grid.columns))
  }

  private func prepared(_ environment: Int, _ threads: Threads?) -> Prepared {
    let city = city(environment)
    let seen =
      configuration.layers.contains(.expectedGain)
      ? CornerGraph(City(isBuilt: city.outdoors.flags.map { !$0 }, grid: configuration.grid), threads: threads) : nil
    return Prepared(graph: CornerGraph(city, threads: threads), seen: seen)
  }

  private struct Simulated {
    var station = SIMD3<Float>()
    var layers = [ChannelFingerprint]()
  }

  /// Simulates consecutive samples.
  public func block(_ samples: Range<Int>) throws -> MapBlock {
    let environments = Set((environment(of: samples.lowerBound)...environment(of: samples.upperBound - 1)).map(key))
    cities.keep(environments)
    let missing = environments.filter { cities[$0] == nil }.sorted()
    if missing.count < threads.count {
      for environment in missing { cities[environment] = prepared(environment, threads) }
    } else {
      threads.run(missing.count) { job, _ in cities[missing[job]] = prepared(missing[job], nil) }
    }
    var results = [Simulated](repeating: Simulated(), count: samples.count)
    results.withUnsafeMutableBufferPointer { buffer in
      let slots = Slots(base: buffer.baseAddress!)
      threads.run(samples.count) { job, _ in slots.base[job] = simulate(samples.lowerBound + job) }
    }
    let layers = configuration.layers
    return MapBlock(
      first: samples.lowerBound, maps: results.map { $0.layers[0] }, stations: results.map(\.station),
      environments: samples.map { Int32(environment(of: $0)) },
      masks: samples.map { cities[key(environment(of: $0))]!.graph.city.outdoors },
      layers: Dictionary(
        uniqueKeysWithValues: layers.indices.dropFirst().map { index in
          (layers[index].rawValue, results.map { $0.layers[index] })
        }))
  }

  /// Each job writes a slot of its own.
  private struct Slots: @unchecked Sendable {
    let base: UnsafeMutablePointer<Simulated>
  }

  private func simulate(_ sample: Int) -> Simulated {
    let prepared = cities[key(environment(of: sample))]!, graph = prepared.graph, grid = configuration.grid
    let place = station(sample, graph.city)
    let own = variations.station(sample, in: environment(of: sample))
    var paths = DominantPaths(graph, own.law, own.heights, antenna: own.antenna)
    var result = paths.losses(from: place)
    variations.add(to: &result, own, sample: sample, environment: environment(of: sample))
    var expected = [Float]()
    if let seen = prepared.seen {
      var paths = DominantPaths(seen, configuration.law, configuration.heights, antenna: nil)
      let foreseen = paths.losses(from: variations.expectedPlace(sample, of: place, in: graph.city))
      expected = UrbanQuantity.expectedGain.values(foreseen, graph.city, weakest: configuration.law.weakest)
    }
    let position = (place + 1) * grid.spacing
    return Simulated(
      station: SIMD3(Float(position.x), Float(position.y), Float(own.heights.station)),
      layers: configuration.layers.map { layer in
        ChannelFingerprint(
          rows: grid.rows, columns: grid.columns,
          values: layer == .expectedGain
            ? expected : layer.values(result, graph.city, weakest: configuration.law.weakest))
      })
  }

  /// What the data set says of itself.
  public var description: MapSetDescription {
    let grid = configuration.grid, layers = configuration.layers
    return MapSetDescription(
      rows: grid.rows, columns: grid.columns, area: configuration.area, longName: layers[0].longName,
      units: layers[0].unit, configuration: Configuration.yaml(configuration), seed: configuration.seed,
      softwareVersion: Software.version,
      layers: layers.dropFirst().map(\.layer),
      hasEnvironments: true, hasValid: true)
  }
}
