import Essentials

/// A list of stations by itself, without maps.
public enum StationList {
  /// Reads positions `[N, 2 or 3]` [m].
  ///
  /// - Parameters:
  ///   - source: a NumPy file, a table, or "FILE:DATA SET".
  ///   - origin: latitude and longitude of x = 0, y = 0 [degree], for positions in degrees; nil: there may be none.
  /// - Throws: `Fault` for a wrong shape or a number that is not finite.
  public static func read(_ source: String, from origin: SIMD2<Double>? = nil) throws -> [[Double]] {
    let array = try ImportSources.beside(source)
    guard array.shape.count == 2, array.shape[0] > 0, (2...3).contains(array.shape[1]) else {
      throw Fault(
        "the stations have the wrong shape", at: source, expected: "[N, 2] or [N, 3]", found: "\(array.shape)")
    }
    let coordinates = array.facts.coordinates ?? .xy
    guard coordinates == .xy || coordinates.isGeographic && origin != nil else {
      throw Fault(
        "the stations' columns are no metres", at: source, expected: "x and y", found: coordinates.rawValue)
    }
    let axes = array.shape[1], values = try array.doubles(rows: 0..<array.shape[0])
    if let bad = values.firstIndex(where: { !$0.isFinite }) {
      throw Fault("a station's position is no finite number", at: source, found: "\(values[bad]) in row \(bad / axes)")
    }
    return (0..<array.shape[0]).map { row in
      var place = Array(values[row * axes..<(row + 1) * axes])
      if coordinates.isSwapped { place.swapAt(0, 1) }
      if coordinates.isGeographic, let origin {
        let metres = Geodesy.metres(latitude: place[1], longitude: place[0], from: origin)
        (place[0], place[1]) = (metres.x, metres.y)
      }
      return place
    }
  }
}
