import Essentials
import Yams

/// A real number that configurations can hold: `Double` or `Float`.
public protocol ConfigurationNumber: BinaryFloatingPoint, LosslessStringConvertible, Sendable {}
extension Double: ConfigurationNumber {}
extension Float: ConfigurationNumber {}

/// How one kind of value is read from and written to a YAML scalar.
struct ValueForm<Value: Sendable>: Sendable {
  /// For messages: "a whole number from 1 to 8".
  let expected: String
  /// For help: "1 to 8".
  let allowed: String
  /// The value, or nil when the scalar is no such value.
  let parse: @Sendable (Node.Scalar) -> Value?
  let write: @Sendable (Value) -> String
  /// Names to compare a wrong one with.
  var names: [String] = []

  func read(_ node: Node, _ key: ConfigurationKey, expected: String? = nil) throws -> Value {
    if case .scalar(let scalar) = node, let value = parse(scalar) { return value }
    var hint: String?
    if case .scalar(let scalar) = node, let name = Names.nearest(to: scalar.string, among: names) {
      hint = "did you mean \(name)?"
    }
    throw Fault(
      "the value is not right", at: key.place(node), expected: expected ?? self.expected,
      found: ConfigurationReader.describe(node), hint: hint)
  }
}

extension Node.Scalar {
  /// Whether the scalar stands bare, so that it may be a number, a flag or null.
  var isPlain: Bool { style == .plain || style == .any }
}

extension ValueForm where Value: FixedWidthInteger {
  static func integer(_ range: ClosedRange<Value>) -> Self {
    let span = describe(range)
    return Self(
      expected: span.isEmpty ? "a whole number" : "a whole number from \(span)", allowed: span,
      parse: { scalar in
        guard scalar.isPlain, let value = Value(scalar.string) else { return nil }
        return range.contains(value) ? value : nil
      },
      write: { String($0) })
  }

  /// A range without its ends where they are the type's own.
  private static func describe(_ range: ClosedRange<Value>) -> String {
    if range.lowerBound == .min, range.upperBound == .max { return "" }
    return "\(range.lowerBound) to \(range.upperBound)"
  }
}

extension ValueForm where Value: ConfigurationNumber {
  static func number(_ range: ClosedRange<Value>) -> Self {
    let unbounded =
      range.lowerBound <= -Value.greatestFiniteMagnitude
      && range.upperBound >= Value.greatestFiniteMagnitude
    let span = "\(plain(range.lowerBound)) to \(plain(range.upperBound))"
    return Self(
      expected: unbounded ? "a number" : "a number from \(span)", allowed: unbounded ? "" : span,
      parse: { scalar in
        // Swift would also take "nan", "inf" and hexadecimal.
        guard scalar.isPlain, scalar.string.allSatisfy({ "0123456789+-.eE".contains($0) }),
          let value = Value(scalar.string), value.isFinite
        else { return nil }
        return range.contains(value) ? value : nil
      },
      write: plain)
  }

  /// The shortest text that reads back the same; whole numbers without ".0" would be right too, but the point
  /// shows that fractions are welcome.
  @Sendable private static func plain(_ value: Value) -> String { value.description }
}

extension ValueForm where Value == Bool {
  static var flag: Self {
    Self(
      expected: "true or false", allowed: "true | false",
      parse: { scalar in scalar.isPlain ? Bool(scalar.string) : nil }, write: { String($0) })
  }
}

extension ValueForm where Value == String {
  static var text: Self {
    Self(
      expected: "text", allowed: "",
      // A bare "null" or nothing at all is a missing value; quoted it is text.
      parse: { scalar in ConfigurationReader.isNull(.scalar(scalar)) ? nil : scalar.string },
      write: YAMLWriter.quoted)
  }

  /// One certain text.
  static func only(_ value: String) -> Self {
    Self(expected: value, allowed: "", parse: { $0.string == value ? value : nil }, write: YAMLWriter.quoted)
  }
}

extension ValueForm where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
  static func choice() -> Self {
    let names = Value.allCases.map(\.rawValue)
    return Self(
      expected: "one of " + names.joined(separator: ", "), allowed: names.joined(separator: " | "),
      parse: { scalar in Value(rawValue: scalar.string) }, write: { YAMLWriter.quoted($0.rawValue) },
      names: names)
  }
}

/// Names that users mistype.
public enum Names {
  /// The name that needs the fewest edits, when it is near enough to be what was meant.
  ///
  /// - Parameters:
  ///   - text: what was written.
  ///   - candidates: what is known.
  public static func nearest(to text: String, among candidates: [String]) -> String? {
    guard text.count <= 64 else { return nil }
    let written = text.lowercased()
    let ranked = candidates.map { (name: $0, edits: distance(written, $0.lowercased())) }
    guard let best = ranked.min(by: { $0.edits < $1.edits }) else { return nil }
    return best.edits <= max(2, best.name.count / 3) ? best.name : nil
  }

  /// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
  static func distance(_ first: String, _ second: String) -> Int {
    let (a, b) = (Array(first), Array(second))
    var before: [Int] = []
    var previous = Array(0...b.count)
    for i in 0..<a.count {
      var current = [i + 1]
      for j in 0..<b.count {
        var edits = min(previous[j + 1] + 1, current[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { edits = min(edits, before[j - 1] + 1) }
        current.append(edits)
      }
      (before, previous) = (previous, current)
    }
    return previous[b.count]
  }
}
