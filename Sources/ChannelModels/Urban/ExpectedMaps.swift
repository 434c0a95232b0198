import Computing
import Configuration
import Essentials
import MapStorage

/// Maps as they are, with what the urban model expects of them as further layers: for a network that is to know the buildings.
public struct ExpectedMaps: MapBlockMaker {
  /// The layers that are added.
  private static let quantities: [UrbanQuantity] = [.buildings, .expectedGain]

  private let reader: MapSetReader
  private let calibration: UrbanCalibration
  private let laws: [UrbanLaw]
  private let threads: Threads

  /// - Parameters:
  ///   - reader: the maps.
  ///   - calibration: of the same maps.
  ///   - laws: map m is expected by number m mod n of these.
  ///   - threads: the workers.
  public init(_ reader: MapSetReader, _ calibration: UrbanCalibration, laws: [UrbanLaw], threads: Threads) {
    (self.reader, self.calibration, self.laws, self.threads) = (reader, calibration, laws, threads)
  }

  /// The layers of the maps that stay.
  private var kept: [MapLayer] {
    reader.description.layers.filter { layer in !Self.quantities.contains { $0.rawValue == layer.name } }
  }

  /// The maps' own, with the layers; the laws stand as comments behind their configuration.
  public var description: MapSetDescription {
    var description = reader.description
    description.layers = kept + Self.quantities.map(\.layer)
    let notes = laws.enumerated().map { number, law in
      "# expected_gain of maps \(number), \(number + laws.count), ...:\n"
        + Configuration.yaml(law).split(separator: "\n").map { "#   \($0)\n" }.joined()
    }
    let own = description.configuration
    description.configuration = own + (own.isEmpty || own.hasSuffix("\n") ? "" : "\n") + notes.joined()
    return description
  }

  /// Reads maps, and works out what is expected of them.
  public func block(_ samples: Range<Int>) throws -> MapBlock {
    let indices = Array(samples), rows = reader.rows, columns = reader.columns
    let expected = threads.map(indices) { calibration.expected(Self.quantities, by: laws[$0 % laws.count], of: $0) }
    var layers: [String: [ChannelFingerprint]] = [:]
    for layer in kept { layers[layer.name] = try reader.read(layer: layer.name, indices: indices) }
    for (number, quantity) in Self.quantities.enumerated() {
      layers[quantity.rawValue] = expected.map {
        ChannelFingerprint(rows: rows, columns: columns, values: $0[number])
      }
    }
    return MapBlock(
      first: samples.lowerBound, maps: try reader.read(indices: indices),
      stations: try reader.stations(indices: indices) ?? [],
      environments: try reader.environments(indices: indices) ?? [], masks: try reader.masks(indices: indices) ?? [],
      layers: layers)
  }
}
