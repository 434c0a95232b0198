import Foundation

/// How an axis counts.
public enum AxisScale: Sendable {
  /// Equal steps.
  case linear
  /// Equal factors; values that are not positive are left out.
  case logarithmic
}

/// An axis: its range, and where a value stands on it.
struct PlotAxis {
  let scale: AxisScale
  let range: ClosedRange<Double>
  /// Where the range's ends stand in the picture.
  let pixels: (first: Double, last: Double)

  /// An axis around values, with a little room at the ends.
  init(
    _ values: some Sequence<Double>, scale: AxisScale, includesZero: Bool = false, margin: Double,
    pixels: (first: Double, last: Double)
  ) {
    let usable = values.filter { $0.isFinite && (scale == .linear || $0 > 0) }
    var low = usable.min() ?? (scale == .linear ? 0 : 1)
    var high = usable.max() ?? (scale == .linear ? 1 : 10)
    if includesZero, scale == .linear { (low, high) = (min(low, 0), max(high, 0)) }
    if scale == .logarithmic {
      let (first, last) = (log10(low), log10(high))
      let room = max((last - first) * margin, last > first ? 0 : 0.5)
      (low, high) = (pow(10, first - room), pow(10, last + room))
    } else {
      let room = high > low ? (high - low) * margin : max(abs(high) * 0.1, 0.5)
      // Zero as a bar's foot stays at the frame.
      let keepsLow = includesZero && low == 0
      let keepsHigh = includesZero && high == 0
      (low, high) = (keepsLow ? low : low - room, keepsHigh && low < 0 ? high : high + room)
    }
    self.scale = scale
    range = low...high
    self.pixels = pixels
  }

  /// Where a value stands; nil for one that the axis cannot show.
  func position(_ value: Double) -> Double? {
    guard value.isFinite, scale == .linear || value > 0 else { return nil }
    let fraction: Double
    switch scale {
    case .linear: fraction = (value - range.lowerBound) / (range.upperBound - range.lowerBound)
    case .logarithmic: fraction = log10(value / range.lowerBound) / log10(range.upperBound / range.lowerBound)
    }
    return pixels.first + min(max(fraction, 0), 1) * (pixels.last - pixels.first)
  }

  var ticks: Ticks {
    // Labels stand beside one another below, but above one another at the side.
    let isHorizontal = pixels.last > pixels.first
    let maximum = max(2, Int(abs(pixels.last - pixels.first) / (isHorizontal ? 80 : 45)))
    switch scale {
    case .linear: return .linear(range, maximum: maximum)
    case .logarithmic: return .logarithmic(range, maximum: maximum)
    }
  }
}

/// The frame of every chart: size, margins, title, grid, axes, legend.
struct PlotFrame {
  static let width = 760.0
  static let height = 440.0
  static let left = 78.0
  static let right = 32.0
  static let top = 52.0
  static let bottom = 62.0
  static let legendLine = 20.0

  static let grid = "#e4e7ea"
  static let axis = "#5a6068"

  /// What an axis has to show of a series: its values, and both ends of what is drawn around them.
  static func extents(_ values: [Double], deviation: [Double]?) -> [Double] {
    values + (deviation.map { zip(values, $0).flatMap { [$0 - $1, $0 + $1] } } ?? [])
  }

  /// How tall the legend above the plot is, for entries flowing over lines.
  static func legendRows(_ labels: [String]) -> [[Int]] {
    var rows = [[Int]]()
    var room = 0.0
    for index in labels.indices where !labels[index].isEmpty {
      let need = legendWidth(labels[index])
      if rows.isEmpty || need > room {
        rows.append([])
        room = width - left - right
      }
      rows[rows.count - 1].append(index)
      room -= need
    }
    return rows
  }

  static func drawLegend(_ labels: [String], on canvas: inout SVGCanvas) {
    for (row, entries) in legendRows(labels).enumerated() {
      var x = left
      let y = top + Double(row) * legendLine
      for index in entries {
        canvas.rectangle(x: x, y: y - 9, width: 18, height: 9, fill: SVGCanvas.seriesColour(index))
        canvas.text(labels[index], x: x + 24, y: y)
        x += legendWidth(labels[index])
      }
    }
  }

  static func plotTop(_ labels: [String]) -> Double { top + Double(legendRows(labels).count) * legendLine }

  static func drawTitles(
    _ title: String, x xLabel: String, y yLabel: String, top: Double, on canvas: inout SVGCanvas
  ) {
    canvas.text(title, x: left, y: 28, size: 17, isBold: true)
    canvas.text(xLabel, x: (left + width - right) / 2, y: height - 18, anchor: .middle)
    canvas.text(yLabel, x: 20, y: (top + height - bottom) / 2, anchor: .middle, isVertical: true)
  }

  static func drawHorizontalGrid(_ axis: PlotAxis, on canvas: inout SVGCanvas) {
    for (value, label) in zip(axis.ticks.values, axis.ticks.labels) {
      guard let y = axis.position(value) else { continue }
      canvas.line(left, y, width - right, y, colour: grid)
      canvas.text(label, x: left - 8, y: y + 4.5, anchor: .end)
    }
  }

  static func drawVerticalGrid(_ axis: PlotAxis, top: Double, on canvas: inout SVGCanvas) {
    for (value, label) in zip(axis.ticks.values, axis.ticks.labels) {
      guard let x = axis.position(value) else { continue }
      canvas.line(x, top, x, height - bottom, colour: grid)
      canvas.text(label, x: x, y: height - bottom + 20, anchor: .middle)
    }
  }

  static func drawAxes(top: Double, on canvas: inout SVGCanvas) {
    canvas.line(left, top, left, height - bottom, colour: axis)
    canvas.line(left, height - bottom, width - right, height - bottom, colour: axis)
  }

  // Letters of 13 points are about 7.2 wide.
  private static func legendWidth(_ label: String) -> Double { 24 + 7.2 * Double(label.count) + 20 }
}
