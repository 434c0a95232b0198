import Foundation

/// SVG as text: coordinates with at most two decimals, so that equal plots are equal files.
struct SVGCanvas {
  let width: Double
  let height: Double
  private var elements: [String] = []

  enum Anchor: String {
    case start
    case middle
    case end
  }

  init(width: Double, height: Double) {
    self.width = width
    self.height = height
  }

  /// The series' colours: Okabe and Ito's, which differ without colour vision too.
  static func seriesColour(_ index: Int) -> String {
    let colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555"]
    return colours[index % colours.count]
  }

  static func number(_ value: Double) -> String {
    let text = String(format: "%.2f", value)
    let trimmed = text.hasSuffix(".00") ? String(text.dropLast(3)) : text
    return trimmed == "-0" ? "0" : trimmed
  }

  static func escaped(_ text: String) -> String {
    let legal = text.unicodeScalars.filter { $0.value >= 32 && $0.value != 0xFFFE && $0.value != 0xFFFF }
    return String(String.UnicodeScalarView(legal)).replacing("&", with: "&amp;").replacing("<", with: "&lt;")
      .replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
  }

  mutating func line(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, colour: String, width: Double = 1
  ) {
    let points = zip(["x1", "y1", "x2", "y2"], [x1, y1, x2, y2]).map { "\($0)=\"\(Self.number($1))\"" }
    elements.append(
      "<line \(points.joined(separator: " ")) stroke=\"\(colour)\" stroke-width=\"\(Self.number(width))\"/>")
  }

  mutating func rectangle(x: Double, y: Double, width: Double, height: Double, fill: String) {
    elements.append(
      "<rect x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" width=\"\(Self.number(width))\" "
        + "height=\"\(Self.number(height))\" fill=\"\(fill)\"/>")
  }

  mutating func polyline(_ points: [(x: Double, y: Double)], colour: String, width: Double) {
    elements.append(
      "<polyline points=\"\(Self.list(points))\" fill=\"none\" stroke=\"\(colour)\" "
        + "stroke-width=\"\(Self.number(width))\" stroke-linejoin=\"round\"/>")
  }

  mutating func polygon(_ points: [(x: Double, y: Double)], fill: String, opacity: Double) {
    elements.append(
      "<polygon points=\"\(Self.list(points))\" fill=\"\(fill)\" fill-opacity=\"\(Self.number(opacity))\"/>")
  }

  mutating func circle(x: Double, y: Double, radius: Double, fill: String) {
    elements.append(
      "<circle cx=\"\(Self.number(x))\" cy=\"\(Self.number(y))\" r=\"\(Self.number(radius))\" fill=\"\(fill)\"/>"
    )
  }

  mutating func text(
    _ text: String, x: Double, y: Double, size: Double = 13, anchor: Anchor = .start, isBold: Bool = false,
    isVertical: Bool = false
  ) {
    var attributes =
      "x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" font-size=\"\(Self.number(size))\" text-anchor=\"\(anchor.rawValue)\""
    if isBold { attributes += " font-weight=\"bold\"" }
    if isVertical { attributes += " transform=\"rotate(-90 \(Self.number(x)) \(Self.number(y)))\"" }
    elements.append("<text \(attributes)>\(Self.escaped(text))</text>")
  }

  /// The whole file.
  var document: String {
    let size = "width=\"\(Self.number(width))\" height=\"\(Self.number(height))\""
    let box = "viewBox=\"0 0 \(Self.number(width)) \(Self.number(height))\""
    let head =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" \(size) \(box) "
      + "font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" fill=\"#202428\">"
    let paper = "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>"
    return ([head, paper] + elements + ["</svg>"]).joined(separator: "\n") + "\n"
  }

  private static func list(_ points: [(x: Double, y: Double)]) -> String {
    points.map { "\(number($0.x)),\(number($0.y))" }.joined(separator: " ")
  }
}
