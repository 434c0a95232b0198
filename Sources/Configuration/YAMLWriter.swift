import Foundation

/// From values to YAML text with help behind the keys.
enum YAMLWriter {
  private static let lineLength = 110

  static func write<Section: ConfigurationSection>(
    _ section: Section, indent: Int, to lines: inout [String]
  ) {
    let margin = String(repeating: " ", count: indent)
    let values = Section.fields.map { (field: $0, text: $0.text(section)) }
    let widths = values.compactMap { entry in entry.text.map { entry.field.name.count + 2 + $0.count } }
    // Comments of a section stand in one column unless a long value would push them far out.
    let column = widths.filter { $0 <= 36 }.max() ?? 0
    for (field, text) in values {
      guard let text else {
        if indent == 0, !lines.isEmpty { lines.append("") }
        if !field.help.isEmpty { lines.append("\(margin)# \(field.help)") }
        lines.append("\(margin)\(field.name):")
        field.writeSection(section, indent + 2, &lines)
        continue
      }
      let entry = "\(field.name): \(text)"
      let comment = comment(field.help, field.allowed)
      let padded = entry + String(repeating: " ", count: max(0, column - entry.count))
      if comment.isEmpty {
        lines.append(margin + entry)
      } else if indent + padded.count + 2 + comment.count <= lineLength {
        lines.append("\(margin)\(padded)  \(comment)")
      } else {
        lines.append(margin + comment)
        lines.append(margin + entry)
      }
    }
  }

  private static func comment(_ help: String, _ allowed: String) -> String {
    let text = [help, allowed.isEmpty ? "" : "(\(allowed))"].filter { !$0.isEmpty }.joined(separator: " ")
    return text.isEmpty ? "" : "# " + text.replacingOccurrences(of: "\n", with: " ")
  }

  /// Text as a YAML scalar: bare where nothing could mistake it, else in double quotes.
  @Sendable static func quoted(_ text: String) -> String {
    let bare = text.unicodeScalars.allSatisfy { scalar in
      scalar.isASCII && (scalar.properties.isAlphabetic || "0123456789_-./".unicodeScalars.contains(scalar))
    }
    let first = text.unicodeScalars.first
    let startsLikeAName =
      first.map { $0.isASCII && $0.properties.isAlphabetic || $0 == "/" || $0 == "." } ?? false
    let reserved = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"].contains(text.lowercased())
    if bare, startsLikeAName, !reserved, !text.hasPrefix("...") { return text }
    return "\"" + text.unicodeScalars.map(escaped).joined() + "\""
  }

  private static func escaped(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\"": return "\\\""
    case "\\": return "\\\\"
    case "\n": return "\\n"
    case "\t": return "\\t"
    default:
      let isPrintable = scalar.isASCII ? scalar.value >= 32 && scalar.value < 127 : scalar.value > 0x9F
      // Line separators, the byte-order mark and the like would not survive bare.
      let isSafe = isPrintable && ![0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF].contains(scalar.value)
      return isSafe ? String(scalar) : String(format: "\\U%08x", scalar.value)
    }
  }
}
