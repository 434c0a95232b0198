import Foundation

/// A JSON value (RFC 8259) whose numbers keep their digits and whose objects keep their order.
public enum JSONValue: Equatable, Sendable {
  /// `null`
  case null
  /// `true` or `false`
  case flag(Bool)
  /// A number by its digits: 64-bit integers and shortest decimals stay exact.
  case number(String)
  /// A string.
  case text(String)
  /// An array.
  case array([JSONValue])
  /// An object, its members in order; parsed ones have no key twice.
  case object([JSONMember])

  /// A whole number.
  public static func integer(_ value: some FixedWidthInteger) -> JSONValue { .number(String(value)) }

  /// A real number by its shortest digits that read back the same; what is not finite becomes the text "NaN",
  /// "Infinity" or "-Infinity", which JSON has no number for.
  public static func real(_ value: some BinaryFloatingPoint & LosslessStringConvertible) -> JSONValue {
    if value.isNaN { return .text("NaN") }
    if value.isInfinite { return .text(value < 0 ? "-Infinity" : "Infinity") }
    return .number(value.description)
  }

  /// An object out of keys and values, in order.
  public static func members(_ members: KeyValuePairs<String, JSONValue>) -> JSONValue {
    .object(members.map { JSONMember(key: $0.key, value: $0.value) })
  }

  /// The member of an object by its key; nil when there is none or this is no object.
  public subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key == key }?.value
  }

  /// The whole number, or nil when this is none or does not fit.
  public var integerValue: Int? {
    if case .number(let digits) = self { Int(digits) } else { nil }
  }

  /// The number, also one that `real` wrote as text; nil when this is none.
  public var realValue: Double? {
    switch self {
    case .number(let digits): Double(digits)
    case .text("NaN"): .nan
    case .text("Infinity"): .infinity
    case .text("-Infinity"): -.infinity
    default: nil
    }
  }

  /// The string, or nil when this is none.
  public var textValue: String? {
    if case .text(let text) = self { text } else { nil }
  }

  /// The elements, or nil when this is no array.
  public var arrayValue: [JSONValue]? {
    if case .array(let elements) = self { elements } else { nil }
  }

  /// The members, or nil when this is no object.
  public var objectValue: [JSONMember]? {
    if case .object(let members) = self { members } else { nil }
  }

  /// The value as compact JSON on one line, without blanks.
  public var serialised: String {
    var text = ""
    append(to: &text)
    return text
  }

  /// The value as JSON for people: objects over several lines, arrays of scalars on one.
  public var indented: String {
    var text = ""
    appendIndented(to: &text, depth: 0)
    return text + "\n"
  }

  private func append(to text: inout String) {
    switch self {
    case .null: text += "null"
    case .flag(let value): text += value ? "true" : "false"
    case .number(let digits): text += digits
    case .text(let value): Self.appendQuoted(value, to: &text)
    case .array(let elements):
      text += "["
      for (index, element) in elements.enumerated() {
        if index > 0 { text += "," }
        element.append(to: &text)
      }
      text += "]"
    case .object(let members):
      text += "{"
      for (index, member) in members.enumerated() {
        if index > 0 { text += "," }
        Self.appendQuoted(member.key, to: &text)
        text += ":"
        member.value.append(to: &text)
      }
      text += "}"
    }
  }

  private func appendIndented(to text: inout String, depth: Int) {
    let margin = String(repeating: "  ", count: depth + 1)
    switch self {
    case .object(let members) where !members.isEmpty:
      text += "{\n"
      for (index, member) in members.enumerated() {
        text += margin
        Self.appendQuoted(member.key, to: &text)
        text += ": "
        member.value.appendIndented(to: &text, depth: depth + 1)
        text += index + 1 < members.count ? ",\n" : "\n"
      }
      text += String(repeating: "  ", count: depth) + "}"
    case .array(let elements) where elements.contains(where: { $0.objectValue != nil }):
      text += "[\n"
      for (index, element) in elements.enumerated() {
        text += margin
        element.appendIndented(to: &text, depth: depth + 1)
        text += index + 1 < elements.count ? ",\n" : "\n"
      }
      text += String(repeating: "  ", count: depth) + "]"
    default: append(to: &text)
    }
  }

  private static func appendQuoted(_ value: String, to text: inout String) {
    text += "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{8}": text += "\\b"
      case "\u{C}": text += "\\f"
      default:
        if scalar.value < 0x20 {
          text += String(format: "\\u%04x", scalar.value)
        } else {
          text.unicodeScalars.append(scalar)
        }
      }
    }
    text += "\""
  }
}

/// A key and its value in a JSON object.
public struct JSONMember: Equatable, Sendable {
  /// The key.
  public let key: String
  /// The value.
  public let value: JSONValue

  /// - Parameters: the key and its value.
  public init(key: String, value: JSONValue) {
    self.key = key
    self.value = value
  }
}
