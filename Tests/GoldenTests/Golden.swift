import Foundation
import Testing

/// Numbers that are committed beside the tests.
enum Golden {
  /// The numbers of a file in `Tests/Fixtures`.
  ///
  /// Where `GOLDEN_RECORD` names a folder, what was measured is written there, to be looked at, and to be committed
  /// where a change of numbers is meant.
  static func numbers<Numbers: Codable>(_ name: String, measured: Numbers) throws -> Numbers {
    if let record = ProcessInfo.processInfo.environment["GOLDEN_RECORD"] {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      encoder.keyEncodingStrategy = .convertToSnakeCase
      let target = URL(fileURLWithPath: record).appendingPathComponent(name.replacing("/", with: "-") + ".json")
      try (encoder.encode(measured) + Data("\n".utf8)).write(to: target)
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let file = URL(fileURLWithPath: "\(Program.fixtures)/\(name).json")
    return try decoder.decode(Numbers.self, from: Data(contentsOf: file))
  }
}

/// Expects numbers to be those of a list, each within a share of its size, and says how far off the worst one is.
func expect(
  _ values: [Double], near golden: [Double], within tolerance: Double, _ what: String,
  location: SourceLocation = #_sourceLocation
) {
  #expect(values.count == golden.count, "\(what): \(values.count) of \(golden.count)", sourceLocation: location)
  let worst = zip(values, golden).map { abs($0 - $1) / max(abs($1), 1e-300) }.max() ?? 0
  #expect(
    worst <= tolerance, "\(what): off by a share of \(worst), \(values) where \(golden) stands",
    sourceLocation: location)
}

/// The greatest difference of two maps or lists of maps [dB]; infinite where they are not of one size.
func distance(_ one: [Float], _ other: [Float]) -> Float {
  guard one.count == other.count else { return .infinity }
  return zip(one, other).map { abs($0 - $1) }.max() ?? 0
}
