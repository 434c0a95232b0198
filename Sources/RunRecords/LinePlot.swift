import Essentials
import Foundation

/// Curves over a common axis as SVG text: vector, and diffable.
public struct LinePlot: Sendable {
  /// One curve.
  public struct Series: Sendable {
    /// Its name in the legend.
    public var name: String
    /// Its points, x rising; those that are not finite are left out.
    public var points: [(x: Double, y: Double)]

    /// - Parameters:
    ///   - name: its name in the legend.
    ///   - points: its points, x rising.
    public init(name: String, points: [(x: Double, y: Double)]) {
      self.name = name
      self.points = points
    }
  }

  /// What stands above the plot.
  public var title: String
  /// What the x axis shows, with its unit.
  public var xLabel: String
  /// What the y axis shows, with its unit.
  public var yLabel: String
  /// The curves.
  public var series: [Series]
  /// Whether the y axis is logarithmic; then only positive values are shown.
  public var isLogarithmic: Bool

  /// - Parameters:
  ///   - title: what stands above the plot.
  ///   - xLabel: what the x axis shows, with its unit.
  ///   - yLabel: what the y axis shows, with its unit.
  ///   - series: the curves.
  ///   - isLogarithmic: whether the y axis is logarithmic.
  public init(title: String, xLabel: String, yLabel: String, series: [Series], isLogarithmic: Bool = false) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.series = series
    self.isLogarithmic = isLogarithmic
  }

  /// Writes the plot as a file.
  ///
  /// - Throws: `Fault` when the place cannot be written.
  public func write(to path: String) throws {
    try Files.write(svg.utf8, to: path, what: "cannot write the plot")
  }

  private static let size = (width: 720.0, height: 420.0)
  private static let area = (left: 72.0, top: 40.0, right: 704.0, bottom: 372.0)
  /// Of a curve: more could not be told apart on so few pixels.
  private static let mostPoints = 1264
  /// Okabe and Ito's colours, which hold without colour vision.
  private static let colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]

  /// The plot as an SVG document.
  public var svg: String {
    let curves = series.map { Self.thinned(shown($0.points)) }
    let all = curves.flatMap { $0 }
    let horizontal = Axis(all.map(\.x))
    let vertical = Axis(all.map(\.y))
    func x(_ value: Double) -> Double {
      Self.area.left + horizontal.fraction(value) * (Self.area.right - Self.area.left)
    }
    func y(_ value: Double) -> Double {
      Self.area.bottom - vertical.fraction(value) * (Self.area.bottom - Self.area.top)
    }
    var parts = frame
    for tick in horizontal.ticks {
      parts.append(line(x(tick), Self.area.top, x(tick), Self.area.bottom))
      parts.append(text(Units.number(tick), x(tick), Self.area.bottom + 16, anchor: "middle"))
    }
    for tick in vertical.ticks {
      let label = Units.number(isLogarithmic ? pow(10, tick) : tick)
      parts.append(line(Self.area.left, y(tick), Self.area.right, y(tick)))
      parts.append(text(label, Self.area.left - 6, y(tick) + 4, anchor: "end"))
    }
    for (index, curve) in curves.enumerated() {
      let colour = Self.colours[index % Self.colours.count]
      let points = curve.map { String(format: "%.1f,%.1f", x($0.x), y($0.y)) }.joined(separator: " ")
      parts.append(
        "<polyline points=\"\(points)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"1.5\"/>")
      parts.append(
        text(
          series[index].name, Self.area.right - 8, Self.area.top + 16 + 15 * Double(index), anchor: "end",
          colour: colour))
    }
    parts.append("</svg>")
    return parts.joined(separator: "\n") + "\n"
  }

  /// What can be shown, in the units of the axes.
  private func shown(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
    points.filter { $0.x.isFinite && $0.y.isFinite && (!isLogarithmic || $0.y > 0) }
      .map { (x: $0.x, y: isLogarithmic ? log10($0.y) : $0.y) }
  }

  /// Means over equal runs of points, so that a long log makes no large file.
  private static func thinned(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
    let run = (points.count + mostPoints - 1) / mostPoints
    guard run > 1 else { return points }
    return stride(from: 0, to: points.count, by: run).map { first in
      let part = points[first..<min(first + run, points.count)]
      let count = Double(part.count)
      return (x: part.reduce(0) { $0 + $1.x } / count, y: part.reduce(0) { $0 + $1.y } / count)
    }
  }

  private var frame: [String] {
    let (width, height) = Self.size
    let area = Self.area
    let middle = (area.left + area.right) / 2
    let centre = (area.top + area.bottom) / 2
    return [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Int(width)) \(Int(height))\" "
        + "font-family=\"sans-serif\" font-size=\"12\">",
      "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>",
      text(title, middle, 22, anchor: "middle"), text(xLabel, middle, height - 10, anchor: "middle"),
      "<g transform=\"rotate(-90 16 \(Int(centre)))\">\(text(yLabel, 16, centre, anchor: "middle"))</g>",
    ]
  }

  private func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) -> String {
    String(
      format: "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#dddddd\"/>", x1, y1, x2, y2)
  }

  private func text(
    _ content: String, _ x: Double, _ y: Double, anchor: String, colour: String = "#222222"
  ) -> String {
    let escaped = content.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(
      ">", with: "&gt;")
    return String(format: "<text x=\"%.1f\" y=\"%.1f\" ", x, y)
      + "text-anchor=\"\(anchor)\" fill=\"\(colour)\">\(escaped)</text>"
  }

  /// A range of values with ticks at round numbers.
  private struct Axis {
    let low: Double
    let high: Double
    let ticks: [Double]

    init(_ values: [Double]) {
      var low = values.min() ?? 0
      var high = values.max() ?? 1
      if high - low <= 1e-12 * max(abs(low), abs(high)) {
        (low, high) = (low - max(1, abs(low)) / 2, high + max(1, abs(high)) / 2)
      }
      let rough = (high - low) / 6
      let unit = pow(10, floor(log10(rough)))
      let step = [1.0, 2, 5, 10].first { $0 * unit >= rough }.map { $0 * unit } ?? rough
      (self.low, self.high) = (low, high)
      ticks = stride(from: (low / step).rounded(.up), through: (high / step).rounded(.down), by: 1)
        .map { $0 * step }
    }

    func fraction(_ value: Double) -> Double { (value - low) / (high - low) }
  }
}
