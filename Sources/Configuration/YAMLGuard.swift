import Essentials

/// A look at YAML text before a parser sees it: what a configuration never needs, and what could make a small file
/// cost unbounded work (aliases multiply, nesting recurses), is refused.
///
/// The scan knows quotes, comments and where a value can begin; it errs towards refusing: a value that begins with
/// `&`, `*` or `!` must be quoted.
struct YAMLGuard {
  static let maximumDepth = 16

  private let bytes: [UInt8]
  private let name: String
  private var index = 0
  private var line = 1
  private var lineStart = 0
  private var flowDepth = 0
  private var dashes = 0
  private var atValue = true

  /// - Throws: `Fault` with line and column when the text has an anchor, an alias, a tag or too deep nesting.
  static func check(_ yaml: String, named name: String) throws {
    var scan = YAMLGuard(bytes: Array(yaml.utf8), name: name)
    try scan.run()
  }

  private init(bytes: [UInt8], name: String) {
    self.bytes = bytes
    self.name = name
  }

  private var next: UInt8? { index + 1 < bytes.count ? bytes[index + 1] : nil }
  private var nextIsBlank: Bool { next.map { $0 == 32 || $0 == 9 || $0 == 10 || $0 == 13 } ?? true }
  private var previousIsBlank: Bool { index == lineStart || bytes[index - 1] == 32 || bytes[index - 1] == 9 }

  private mutating func run() throws {
    while index < bytes.count {
      try step(bytes[index])
      index += 1
    }
  }

  private mutating func step(_ byte: UInt8) throws {
    switch byte {
    case UInt8(ascii: "\n"): startLine()
    case 32, 9, 13: break
    case UInt8(ascii: "#") where previousIsBlank: skipComment()
    case UInt8(ascii: "'") where atValue, UInt8(ascii: "\"") where atValue: skipQuoted(byte)
    case UInt8(ascii: "[") where atValue || flowDepth > 0, UInt8(ascii: "{") where atValue || flowDepth > 0:
      flowDepth += 1
      atValue = true
      try checkDepth()
    case UInt8(ascii: "]") where flowDepth > 0, UInt8(ascii: "}") where flowDepth > 0:
      flowDepth -= 1
      atValue = false
    case UInt8(ascii: ",") where flowDepth > 0: atValue = true
    case UInt8(ascii: "-") where atValue && nextIsBlank, UInt8(ascii: "?") where atValue && nextIsBlank:
      dashes += 1
      try checkDepth()
    case UInt8(ascii: ":") where nextIsBlank || flowDepth > 0: atValue = true
    case UInt8(ascii: "&") where atValue, UInt8(ascii: "*") where atValue, UInt8(ascii: "!") where atValue:
      throw Fault(
        "cannot read the YAML", at: place, expected: "plain keys and values",
        found: "an anchor, alias or tag (\(Character(Unicode.Scalar(byte))))",
        hint: "write the value out; put text that begins so in quotes")
    default: atValue = false
    }
  }

  private var place: String { "\(name):\(line):\(index - lineStart + 1)" }

  private mutating func startLine() {
    line += 1
    lineStart = index + 1
    dashes = 0
    atValue = true
  }

  private mutating func skipComment() {
    while let byte = next, byte != UInt8(ascii: "\n") { index += 1 }
  }

  private mutating func skipQuoted(_ quote: UInt8) {
    atValue = false
    while let byte = next, byte != quote {
      index += 1
      if byte == UInt8(ascii: "\n") {
        line += 1
        lineStart = index + 1
      }
      if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\""), next != nil { index += 1 }
    }
    index += 1
  }

  private func checkDepth() throws {
    guard flowDepth + dashes <= Self.maximumDepth else {
      throw Fault(
        "cannot read the YAML", at: place, expected: "at most \(Self.maximumDepth) levels of nesting",
        found: "more")
    }
  }
}
