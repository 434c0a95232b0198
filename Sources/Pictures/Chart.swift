import Records

/// Numbers over two axes, as SVG text.
public protocol Chart: Sendable {
  /// What stands above.
  var title: String { get }
  /// What the horizontal axis counts, with its unit.
  var xLabel: String { get }
  /// What the vertical axis counts, with its unit.
  var yLabel: String { get }
  /// The chart as SVG.
  var svg: String { get }
}

extension Chart {
  /// Writes the chart as SVG.
  ///
  /// - Throws: `Fault` when the place cannot be written.
  public func write(to path: String) throws {
    try Files.write(svg.utf8, to: path, what: "cannot write the chart")
  }

  /// The chart as SVG: what `content` draws, then titles and legend.
  ///
  /// - Parameters:
  ///   - labels: the series' names in the legend; empty ones have none.
  ///   - content: draws grid, series and axes below `top`.
  func framed(_ labels: [String], _ content: (_ canvas: inout SVGCanvas, _ top: Double) -> Void) -> String {
    var canvas = SVGCanvas(width: PlotFrame.width, height: PlotFrame.height)
    let top = PlotFrame.plotTop(labels)
    content(&canvas, top)
    PlotFrame.drawTitles(title, x: xLabel, y: yLabel, top: top, on: &canvas)
    PlotFrame.drawLegend(labels, on: &canvas)
    return canvas.document
  }
}
