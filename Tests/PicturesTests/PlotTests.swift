import Foundation
import Testing

@testable import Pictures

@Suite struct PlotTests {
  private func keep(_ svg: String, _ name: String) throws {
    if let place = ProcessInfo.processInfo.environment["CKM_KEEP_PICTURES"] {
      try svg.write(toFile: "\(place)/\(name).svg", atomically: true, encoding: .utf8)
    }
  }

  @Test func lossCurvesHaveAxesLegendAndBands() throws {
    let steps = Array(stride(from: 0.0, through: 20000, by: 100))
    func loss(_ scale: Double) -> [Double] {
      steps.map { scale * exp(-$0 / 4000) + 0.004 + 0.002 * sin($0 / 300) }
    }
    let plot = LinePlot(
      title: "Loss, tiny, batch 12", xLabel: "step", yLabel: "mean squared error of epsilon",
      yScale: .logarithmic,
      series: [
        LineSeries("training", x: steps, y: loss(1)),
        LineSeries("validation", x: steps, y: loss(0.5), deviation: loss(0.12)),
      ])
    let svg = plot.svg
    try keep(svg, "loss")
    #expect(svg.contains(">training<") && svg.contains(">validation<"))
    #expect(svg.contains(">1e-2<") && svg.contains(">15000<"))
    #expect(svg.components(separatedBy: "<polyline").count == 3)
    #expect(svg.components(separatedBy: "<polygon").count == 2)
    #expect(plot.svg == svg)
  }

  @Test func barsStandOnZero() throws {
    let chart = BarChart(
      title: "NMSE by magnification", xLabel: "magnification", yLabel: "NMSE [dB]",
      categories: ["x2", "x4", "x8", "x16"],
      series: [
        BarSeries("nearest", [-14, -11, -8, -6], deviation: [1, 0.6, 0.4, 0.3]),
        BarSeries("bicubic", [-18, -14, -10, -7]),
        BarSeries("CGDM", [-24, -21, -16, 1.5], deviation: [1, 1, 1, 1]),
      ])
    let svg = chart.svg
    try keep(svg, "bars")
    // The paper, three legend marks, twelve bars.
    #expect(svg.components(separatedBy: "<rect").count == 17)
    #expect(svg.contains(">-20<") && svg.contains(">x16<"))
  }

  @Test func whatCannotBeShownLeavesAGap() {
    let line = LineSeries("", x: [0, 1, 2, 3, 4], y: [1, .nan, 3, 0, 5], hasMarkers: true)
    let linear = LinePlot(title: "", xLabel: "", yLabel: "", series: [line]).svg
    #expect(linear.components(separatedBy: "<polyline").count == 3)
    let logarithmic = LinePlot(title: "", xLabel: "", yLabel: "", yScale: .logarithmic, series: [line]).svg
    #expect(logarithmic.components(separatedBy: "<polyline").count == 4)
    for svg in [linear, logarithmic] { #expect(!svg.contains("nan") && !svg.contains("inf")) }
    #expect(!LinePlot(title: "", xLabel: "", yLabel: "", series: []).svg.contains("nan"))
    #expect(!BarChart(title: "", yLabel: "", categories: [], series: []).svg.contains("nan"))
    #expect(
      !BarChart(title: "", yLabel: "", categories: ["a"], series: [BarSeries("", [.nan])]).svg.contains("nan")
    )
  }

  @Test func labelsAreEscaped() {
    let svg = LinePlot(title: "a < b & \"c\"\u{1}", xLabel: "", yLabel: "", series: []).svg
    #expect(svg.contains(">a &lt; b &amp; &quot;c&quot;<"))
  }
}
