/// One set of bars, one bar a category.
public struct BarSeries: Sendable {
  /// Its name in the legend; empty for none.
  public var label: String
  /// A value for each category; what is not finite leaves a gap.
  public var values: [Double]
  /// Half the length of each bar's error mark; nil for none.
  public var deviation: [Double]?

  /// - Parameters:
  ///   - label: the name in the legend; empty for none.
  ///   - values: a value for each category.
  ///   - deviation: half the length of each error mark, as many; nil for none.
  public init(_ label: String, _ values: [Double], deviation: [Double]? = nil) {
    precondition(deviation.map { $0.count == values.count } ?? true, "an error for each bar")
    self.label = label
    self.values = values
    self.deviation = deviation
  }
}

/// Bars from zero, grouped by category, as SVG text.
public struct BarChart: Chart {
  /// What stands above.
  public var title: String
  /// What the categories are.
  public var xLabel: String
  /// What the bars count, with its unit.
  public var yLabel: String
  /// The names of the categories.
  public var categories: [String]
  /// The sets of bars.
  public var series: [BarSeries]

  /// - Parameters:
  ///   - title: what stands above.
  ///   - xLabel: what the categories are.
  ///   - yLabel: what the bars count, with its unit.
  ///   - categories: the names of the categories.
  ///   - series: the sets of bars, each with a value for each category.
  public init(title: String, xLabel: String = "", yLabel: String, categories: [String], series: [BarSeries]) {
    precondition(series.allSatisfy { $0.values.count == categories.count }, "a bar for each category")
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.categories = categories
    self.series = series
  }

  /// The chart as SVG.
  public var svg: String {
    framed(series.map(\.label)) { canvas, top in
      let axis = PlotAxis(
        series.flatMap { PlotFrame.extents($0.values, deviation: $0.deviation) }, scale: .linear, includesZero: true,
        margin: 0.06, pixels: (PlotFrame.height - PlotFrame.bottom, top))
      PlotFrame.drawHorizontalGrid(axis, on: &canvas)
      let step = (PlotFrame.width - PlotFrame.left - PlotFrame.right) / Double(max(1, categories.count))
      for (index, name) in categories.enumerated() {
        let centre = PlotFrame.left + (Double(index) + 0.5) * step
        drawBars(index, centre: centre, room: step, axis, on: &canvas)
        // Letters of 13 points are about 7.2 wide.
        let label = String(name.prefix(max(1, Int(step / 7.2))))
        canvas.text(label, x: centre, y: PlotFrame.height - PlotFrame.bottom + 20, anchor: .middle)
      }
      PlotFrame.drawAxes(top: top, on: &canvas)
      if let zero = axis.position(0), zero < PlotFrame.height - PlotFrame.bottom {
        canvas.line(PlotFrame.left, zero, PlotFrame.width - PlotFrame.right, zero, colour: PlotFrame.axis)
      }
    }
  }

  private func drawBars(
    _ category: Int, centre: Double, room: Double, _ axis: PlotAxis, on canvas: inout SVGCanvas
  ) {
    guard let zero = axis.position(0) else { return }
    let width = min(64, room * 0.8 / Double(max(1, series.count)))
    let left = centre - width * Double(series.count) / 2
    for (index, set) in series.enumerated() {
      let value = set.values[category]
      guard let tip = axis.position(value) else { continue }
      let x = left + Double(index) * width
      canvas.rectangle(
        x: x + 1, y: min(tip, zero), width: max(1, width - 2), height: abs(tip - zero),
        fill: SVGCanvas.seriesColour(index))
      guard let error = set.deviation?[category], let low = axis.position(value - error),
        let high = axis.position(value + error)
      else { continue }
      let middle = x + width / 2
      canvas.line(middle, low, middle, high, colour: "#202428", width: 1.2)
      for end in [low, high] { canvas.line(middle - 4, end, middle + 4, end, colour: "#202428", width: 1.2) }
    }
  }
}
