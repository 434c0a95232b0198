import Essentials
import MapStorage
import Records

/// Stations' horizontal positions [m] out of a file.
///
/// - Parameters:
///   - source: a NumPy file, a table, or "FILE:DATA SET", `[N, 2 or 3]`.
///   - origin: latitude and longitude of x = 0, y = 0 [degree]; nil: positions are in metres.
///   - grid: the area in which they must lie.
///   - height: at which they must stand, where the file tells [m].
///   - place: where a position of the file lies in the area.
/// - Throws: `Fault` when there are none, one lies outside the area or stands at another height.
func readPositions(
  _ source: String, from origin: SIMD2<Double>? = nil, in grid: AreaGrid, height: Double,
  _ place: (SIMD2<Double>) -> SIMD2<Double>
) throws -> [SIMD2<Double>] {
  try StationList.read(source, from: origin).enumerated().map { row, numbers in
    let station = place(SIMD2(numbers[0], numbers[1]))
    try grid.requireWithin(station, at: "\(source), row \(row)")
    guard numbers.count == 2 || abs(numbers[2] - height) < 1e-3 else {
      throw Fault(
        "the station stands at another height", at: "\(source), row \(row)", expected: "\(height) m",
        found: "\(numbers[2]) m", hint: "give it with `station_height`")
    }
    return station
  }
}

/// XXH64 of positions.
func checksum(of positions: some Sequence<SIMD2<Double>>) -> String {
  let bytes = positions.flatMap { place in
    [place.x, place.y].flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian) { Array($0) } }
  }
  return Checksum.of(bytes)
}
