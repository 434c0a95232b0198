import Essentials
import MapStorage

/// The standard's maps as samples of a data set.
public struct StandardSamples: MapBlockMaker {
  private let simulator: ChannelSimulator
  private let stations: GivenStations?

  /// - Parameters:
  ///   - simulator: makes the maps.
  ///   - stations: where their stations stand; drawn where nil.
  public init(_ simulator: ChannelSimulator, stations: GivenStations?) {
    (self.simulator, self.stations) = (simulator, stations)
  }

  /// Simulates consecutive samples.
  public func block(_ samples: Range<Int>) throws -> MapBlock {
    let maps = try simulator.simulate(Array(samples), stations: stations?(samples))
    let layers = simulator.configuration.layers
    return MapBlock(
      first: samples.lowerBound, maps: maps.compactMap { $0.layers[layers[0]] },
      stations: maps.map { SIMD3<Float>($0.station) },
      layers: Dictionary(
        uniqueKeysWithValues: layers.dropFirst().map { layer in
          (layer.rawValue, maps.compactMap { $0.layers[layer] })
        }))
  }

  /// What the data set says of itself.
  public var description: MapSetDescription {
    let configuration = simulator.configuration
    let grid = configuration.grid
    let layers = configuration.layers
    return MapSetDescription(
      rows: grid.rows, columns: grid.columns, area: configuration.area, longName: layers[0].longName,
      units: layers[0].unit,
      configuration: SimulationRecord(configuration, stations: stations?.record).yaml, seed: configuration.seed,
      softwareVersion: Software.version,
      layers: layers.dropFirst().map(\.layer))
  }
}
