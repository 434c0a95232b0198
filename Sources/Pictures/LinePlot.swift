/// One line of a plot.
public struct LineSeries: Sendable {
  /// Its name in the legend; empty for none.
  public var label: String
  /// Where its points stand on the horizontal axis.
  public var x: [Double]
  /// Their values; what is not finite leaves a gap.
  public var y: [Double]
  /// Half the height of the shaded band around the line, for each point; nil for no band.
  public var deviation: [Double]?
  /// Whether each point is marked.
  public var hasMarkers: Bool

  /// - Parameters:
  ///   - label: the name in the legend; empty for none.
  ///   - x: where the points stand on the horizontal axis.
  ///   - y: their values, as many.
  ///   - deviation: half the height of the shaded band, as many; nil for no band.
  ///   - hasMarkers: whether each point is marked.
  public init(_ label: String, x: [Double], y: [Double], deviation: [Double]? = nil, hasMarkers: Bool = false) {
    precondition(x.count == y.count && deviation.map { $0.count == y.count } ?? true, "as many x as y")
    self.label = label
    self.x = x
    self.y = y
    self.deviation = deviation
    self.hasMarkers = hasMarkers
  }
}

/// Lines over an axis, as SVG text: loss curves, metrics over magnification.
public struct LinePlot: Chart {
  /// What stands above.
  public var title: String
  /// What the horizontal axis counts, with its unit.
  public var xLabel: String
  /// What the vertical axis counts, with its unit.
  public var yLabel: String
  /// How the horizontal axis counts.
  public var xScale: AxisScale
  /// How the vertical axis counts.
  public var yScale: AxisScale
  /// The lines.
  public var series: [LineSeries]

  /// - Parameters:
  ///   - title: what stands above.
  ///   - xLabel: what the horizontal axis counts, with its unit.
  ///   - yLabel: what the vertical axis counts, with its unit.
  ///   - xScale: how the horizontal axis counts.
  ///   - yScale: how the vertical axis counts.
  ///   - series: the lines.
  public init(
    title: String, xLabel: String, yLabel: String, xScale: AxisScale = .linear, yScale: AxisScale = .linear,
    series: [LineSeries]
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.xScale = xScale
    self.yScale = yScale
    self.series = series
  }

  /// The plot as SVG.
  public var svg: String {
    framed(series.map(\.label)) { canvas, top in
      let xAxis = PlotAxis(
        series.lazy.flatMap(\.x), scale: xScale, margin: 0,
        pixels: (PlotFrame.left, PlotFrame.width - PlotFrame.right))
      let yAxis = PlotAxis(
        series.lazy.flatMap { PlotFrame.extents($0.y, deviation: $0.deviation) }, scale: yScale, margin: 0.05,
        pixels: (PlotFrame.height - PlotFrame.bottom, top))
      PlotFrame.drawVerticalGrid(xAxis, top: top, on: &canvas)
      PlotFrame.drawHorizontalGrid(yAxis, on: &canvas)
      for (index, line) in series.enumerated() {
        draw(line, colour: SVGCanvas.seriesColour(index), xAxis, yAxis, on: &canvas)
      }
      PlotFrame.drawAxes(top: top, on: &canvas)
    }
  }

  private func draw(
    _ line: LineSeries, colour: String, _ xAxis: PlotAxis, _ yAxis: PlotAxis, on canvas: inout SVGCanvas
  ) {
    for run in runs(line, xAxis, yAxis) {
      if let deviation = line.deviation {
        // A band that reaches to zero or below ends at the frame of a logarithmic axis.
        let foot = yAxis.pixels.first
        let upper = run.map { (x: $0.x, y: yAxis.position(line.y[$0.index] + deviation[$0.index]) ?? $0.y) }
        let lower = run.map { (x: $0.x, y: yAxis.position(line.y[$0.index] - deviation[$0.index]) ?? foot) }
        canvas.polygon(upper + lower.reversed(), fill: colour, opacity: 0.18)
      }
      canvas.polyline(run.map { (x: $0.x, y: $0.y) }, colour: colour, width: 1.8)
      if line.hasMarkers || run.count == 1 {
        for point in run { canvas.circle(x: point.x, y: point.y, radius: 3.2, fill: colour) }
      }
    }
  }

  /// The stretches of a series that the axes can show.
  private func runs(
    _ line: LineSeries, _ xAxis: PlotAxis, _ yAxis: PlotAxis
  ) -> [[(index: Int, x: Double, y: Double)]] {
    var runs: [[(index: Int, x: Double, y: Double)]] = [[]]
    for index in line.x.indices {
      if let x = xAxis.position(line.x[index]), let y = yAxis.position(line.y[index]) {
        runs[runs.count - 1].append((index, x, y))
      } else {
        runs.append([])
      }
    }
    return runs.filter { !$0.isEmpty }
  }
}
