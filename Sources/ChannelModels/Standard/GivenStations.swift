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
    let height = simulator.configuration.stationHeight
    positions = try StationList.read(source).enumerated().map { row, numbers in
      let station = SIMD2(Double(Float(numbers[0])), Double(Float(numbers[1])))
      try simulator.requireWithinArea(station, at: "\(source), row \(row)")
      guard numbers.count == 2 || abs(numbers[2] - height) < 1e-3 else {
        throw Fault(
          "the station stands at another height", at: "\(source), row \(row)", expected: "\(height) m",
          found: "\(numbers[2]) m", hint: "give it with `station_height`")
      }
      return station
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

/// XXH64 of positions.
func checksum(of positions: some Sequence<SIMD2<Double>>) -> String {
  let bytes = positions.flatMap { place in
    [place.x, place.y].flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian) { Array($0) } }
  }
  return Checksum.of(bytes)
}
