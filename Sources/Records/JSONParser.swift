import Essentials

extension JSONValue {
  /// Parses one JSON text, strictly: RFC 8259 without leave, no key twice in an object, nesting at most 32 deep.
  ///
  /// - Parameters:
  ///   - bytes: the text in UTF-8.
  ///   - place: what to call it in messages.
  /// - Throws: `Fault` naming the byte at which the text goes wrong. Memory and time are in proportion to the text.
  public static func parse(_ bytes: some Collection<UInt8>, at place: String) throws -> JSONValue {
    var parser = JSONParser(bytes: Array(bytes), place: place)
    return try parser.parseAll()
  }
}

/// A recursive-descent reader over bytes.
private struct JSONParser {
  private static let maximumDepth = 32

  let bytes: [UInt8]
  let place: String
  var index = 0
  var depth = 0

  init(bytes: [UInt8], place: String) {
    self.bytes = bytes
    self.place = place
  }

  mutating func parseAll() throws -> JSONValue {
    let value = try parseValue()
    skipBlanks()
    guard index == bytes.count else { throw wrong("the end of the text") }
    return value
  }

  private var current: UInt8? { index < bytes.count ? bytes[index] : nil }

  private func wrong(_ expected: String, at position: Int? = nil) -> Fault {
    let position = position ?? index
    let found: String
    if position >= bytes.count {
      found = "the end of the text"
    } else if (0x21..<0x7F).contains(bytes[position]) {
      found = "'\(Character(Unicode.Scalar(bytes[position])))' at byte \(position)"
    } else {
      found = "byte value \(bytes[position]) at byte \(position)"
    }
    return Fault("cannot read the JSON", at: place, expected: expected, found: found)
  }

  private mutating func skipBlanks() {
    while let byte = current, byte == 32 || byte == 10 || byte == 13 || byte == 9 { index += 1 }
  }

  private mutating func parseValue() throws -> JSONValue {
    skipBlanks()
    switch current {
    case UInt8(ascii: "{"): return try nested { try $0.parseObject() }
    case UInt8(ascii: "["): return try nested { try $0.parseArray() }
    case UInt8(ascii: "\""): return .text(try parseString())
    case UInt8(ascii: "t"): return try parseWord("true", .flag(true))
    case UInt8(ascii: "f"): return try parseWord("false", .flag(false))
    case UInt8(ascii: "n"): return try parseWord("null", .null)
    default: return try parseNumber()
    }
  }

  private mutating func nested(_ body: (inout Self) throws -> JSONValue) throws -> JSONValue {
    guard depth < Self.maximumDepth else { throw wrong("at most \(Self.maximumDepth) levels of nesting") }
    depth += 1
    defer { depth -= 1 }
    return try body(&self)
  }

  private mutating func parseWord(_ word: StaticString, _ value: JSONValue) throws -> JSONValue {
    let matches = word.withUTF8Buffer { bytes[index...].starts(with: $0) }
    guard matches else { throw wrong("a value") }
    index += word.utf8CodeUnitCount
    return value
  }

  private mutating func parseObject() throws -> JSONValue {
    index += 1
    var members = [JSONMember]()
    var seen = Set<String>()
    skipBlanks()
    if current == UInt8(ascii: "}") {
      index += 1
      return .object([])
    }
    while true {
      skipBlanks()
      guard current == UInt8(ascii: "\"") else { throw wrong("a key in quotes") }
      let start = index
      let key = try parseString()
      guard seen.insert(key).inserted else {
        throw Fault(
          "cannot read the JSON", at: place, expected: "each key once",
          found: "\"\(key.prefix(80))\" again at byte \(start)")
      }
      skipBlanks()
      guard current == UInt8(ascii: ":") else { throw wrong("':'") }
      index += 1
      members.append(JSONMember(key: key, value: try parseValue()))
      if try !continues(until: UInt8(ascii: "}")) { return .object(members) }
    }
  }

  private mutating func parseArray() throws -> JSONValue {
    index += 1
    var elements = [JSONValue]()
    skipBlanks()
    if current == UInt8(ascii: "]") {
      index += 1
      return .array([])
    }
    while true {
      elements.append(try parseValue())
      if try !continues(until: UInt8(ascii: "]")) { return .array(elements) }
    }
  }

  /// Steps over a comma (true) or the closing byte (false).
  private mutating func continues(until end: UInt8) throws -> Bool {
    skipBlanks()
    guard let byte = current, byte == UInt8(ascii: ",") || byte == end else {
      throw wrong("',' or '\(Character(Unicode.Scalar(end)))'")
    }
    index += 1
    return byte != end
  }

  private mutating func parseNumber() throws -> JSONValue {
    let start = index
    func isDigit(_ byte: UInt8?) -> Bool { byte.map { (48...57).contains($0) } ?? false }
    if current == UInt8(ascii: "-") { index += 1 }
    guard isDigit(current) else { throw wrong("a value", at: start) }
    if current == UInt8(ascii: "0") { index += 1 } else { while isDigit(current) { index += 1 } }
    if current == UInt8(ascii: ".") {
      index += 1
      guard isDigit(current) else { throw wrong("a digit") }
      while isDigit(current) { index += 1 }
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      index += 1
      if current == UInt8(ascii: "-") || current == UInt8(ascii: "+") { index += 1 }
      guard isDigit(current) else { throw wrong("a digit") }
      while isDigit(current) { index += 1 }
    }
    return .number(String(decoding: bytes[start..<index], as: UTF8.self))
  }

  private mutating func parseString() throws -> String {
    let start = index
    index += 1
    // Most strings are as they stand.
    var end = index
    while end < bytes.count, bytes[end] >= 0x20, bytes[end] != UInt8(ascii: "\""), bytes[end] != UInt8(ascii: "\\") {
      end += 1
    }
    var text = Array(bytes[index..<end])
    index = end
    while let byte = current {
      switch byte {
      case UInt8(ascii: "\""):
        index += 1
        guard let string = String(validating: text, as: UTF8.self) else {
          throw wrong("a string in UTF-8", at: start)
        }
        return string
      case UInt8(ascii: "\\"): try parseEscape(into: &text)
      case 0..<0x20: throw wrong("a string without control characters")
      default:
        text.append(byte)
        index += 1
      }
    }
    throw wrong("the end of a string")
  }

  private mutating func parseEscape(into text: inout [UInt8]) throws {
    index += 1
    let plain: [UInt8: UInt8] = [
      0x22: 0x22, 0x5C: 0x5C, 0x2F: 0x2F, 0x62: 8, 0x66: 12, 0x6E: 10, 0x72: 13, 0x74: 9,
    ]
    guard let byte = current else { throw wrong("the end of a string") }
    if let meant = plain[byte] {
      text.append(meant)
      index += 1
      return
    }
    guard byte == UInt8(ascii: "u") else { throw wrong("an escape") }
    var code = try parseCodeUnit()
    if (0xD800..<0xDC00).contains(code) {
      guard current == UInt8(ascii: "\\"), index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "u")
      else {
        throw wrong("the second half of a surrogate pair")
      }
      index += 1
      let low = try parseCodeUnit()
      guard (0xDC00..<0xE000).contains(low) else { throw wrong("the second half of a surrogate pair") }
      code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(code) else { throw wrong("a code point") }
    text.append(contentsOf: Array(String(Character(scalar)).utf8))
  }

  /// Four hexadecimal digits behind a "u".
  private mutating func parseCodeUnit() throws -> UInt32 {
    index += 1
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
        throw wrong("four hexadecimal digits")
      }
      code = code << 4 | UInt32(digit)
      index += 1
    }
    return code
  }
}
