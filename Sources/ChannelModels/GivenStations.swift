import Essentials
import Foundation
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
    let (path, name) = Self.split(source)
    // An array of two axes is read as any other: as one map, of a row for each station.
    let array = try ImportedMaps(path: path, options: ImportOptions(maps: name))
    guard array.count == 1, (2...3).contains(array.columns) else {
      throw Fault(
        "the stations have the wrong shape", at: source, expected: "[N, 2] or [N, 3]",
        found: "\((array.count == 1 ? [] : [array.count]) + [array.rows, array.columns])")
    }
    let values = try array.read(0..<1)[0].map
    let height = simulator.configuration.stationHeight
    positions = try (0..<array.rows).map { row in
      let station = SIMD2(Double(values[row, 0]), Double(values[row, 1]))
      try simulator.requireWithinArea(station, at: "\(source), row \(row)")
      guard array.columns == 2 || abs(Double(values[row, 2]) - height) < 1e-3 else {
        throw Fault(
          "the station stands at another height", at: "\(source), row \(row)", expected: "\(height) m",
          found: "\(values[row, 2]) m", hint: "give it with `station_height`")
      }
      return station
    }
  }

  /// At the last colon, unless there is a file of the whole name.
  private static func split(_ source: String) -> (path: String, name: String?) {
    guard !FileManager.default.fileExists(atPath: source), let colon = source.lastIndex(of: ":") else {
      return (source, nil)
    }
    return (String(source[..<colon]), String(source[source.index(after: colon)...]))
  }

  /// The stations of some maps.
  func callAsFunction(_ samples: Range<Int>) -> [SIMD2<Double>] { samples.map { positions[$0 % positions.count] } }

  /// What a data set's `config` records of them.
  var record: SimulationRecord.Stations {
    let bytes = positions.flatMap { place in
      [place.x, place.y].flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian) { Array($0) } }
    }
    var record = SimulationRecord.Stations()
    (record.source, record.count, record.checksum) = (source, positions.count, Checksum.of(bytes))
    return record
  }
}
