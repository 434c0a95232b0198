import Essentials
import MapStorage
import Records

/// Stations out of a file: map i has the i-th of them, from the first again after the last.
public struct GivenStations: Codable, Sendable {
  /// Horizontal positions [m].
  public let positions: [SIMD2<Double>]
  /// The file and data set, as given.
  public let source: String

  /// Reads positions `[N, 2 or 3]` [m] from an HDF5 or NumPy file.
  ///
  /// - Parameters:
  ///   - source: "FILE:DATA SET", or "FILE" for a NumPy array.
  ///   - simulator: whose area and height they must fit.
  /// - Throws: `Fault` when there are none, one lies outside the area or stands at another height.
  public init(_ source: String, for simulator: ChannelSimulator) throws {
    self.source = source
    let configuration = simulator.configuration
    // As they were kept when lists were read as float32: what they give must not change.
    positions = try readPositions(source, in: configuration.grid, height: configuration.stationHeight) {
      SIMD2<Double>(SIMD2<Float>($0))
    }
  }

  /// The stations of some maps.
  func callAsFunction(_ samples: Range<Int>) -> [SIMD2<Double>] { samples.map { positions[$0 % positions.count] } }

  /// What a data set's `config` records of them.
  var record: SimulationRecord.Stations {
    var record = SimulationRecord.Stations()
    (record.source, record.count, record.checksum) = (source, positions.count, checksum(of: positions))
    return record
  }
}
