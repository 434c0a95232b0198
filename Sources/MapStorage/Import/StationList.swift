import Essentials

/// A list of stations by itself, without maps.
public enum StationList {
  /// Reads positions `[N, 2 or 3]` [m].
  ///
  /// - Parameter source: a NumPy file, a table, or "FILE:DATA SET".
  /// - Throws: `Fault` for a wrong shape or a number that is not finite.
  public static func read(_ source: String) throws -> [[Float]] {
    let array = try ImportSources.beside(source)
    guard array.shape.count == 2, array.shape[0] > 0, (2...3).contains(array.shape[1]) else {
      throw Fault(
        "the stations have the wrong shape", at: source, expected: "[N, 2] or [N, 3]", found: "\(array.shape)")
    }
    if let coordinates = array.facts.coordinates, coordinates != .xy {
      throw Fault(
        "the stations' columns are no metres", at: source, expected: "x and y", found: coordinates.rawValue)
    }
    let axes = array.shape[1]
    var values = [Float](repeating: 0, count: array.shape[0] * axes)
    try values.withUnsafeMutableBufferPointer { try array.read(rows: 0..<array.shape[0], into: $0) }
    if let bad = values.firstIndex(where: { !$0.isFinite }) {
      throw Fault("a station's position is no finite number", at: source, found: "\(values[bad]) in row \(bad / axes)")
    }
    return (0..<array.shape[0]).map { Array(values[$0 * axes..<($0 + 1) * axes]) }
  }
}
