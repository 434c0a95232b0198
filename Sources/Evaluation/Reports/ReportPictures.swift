import Foundation
import Interpolation
import Metrics
import Pictures

extension EvaluationReport {
  /// Draws the example maps side by side: truth, coarse and the best interpolation, then of each reconstruction the map,
  /// its error around zero and its deviation where it has one, all in dB. Writes `best.png`, `median.png` and `worst.png`.
  ///
  /// - Throws: `Fault` when a map cannot be read again or a picture cannot be written.
  func writePictures(
    _ source: EvaluationSource, _ interpolations: [any Interpolator], to directory: String
  ) throws {
    for (name, row) in examples {
      let pair = try source.pair(row.position)
      var panels = [MapPanel("truth", pair.truth.map, mask: pair.truth.mask)]
      if let best = bestInterpolation, let coarse = pair.coarse {
        let interpolation = ComparedMap(try interpolations[best].interpolate(coarse))
        panels.append(MapPanel("coarse \(coarse.map.rows)x\(coarse.map.columns)", coarse.map, mask: coarse.mask))
        panels +=
          pair.reconstructions.isEmpty
          ? Self.panels(names[best], interpolation, pair)
          : [MapPanel(names[best], interpolation.map, mask: pair.truth.mask)]
      }
      for (number, estimate) in pair.reconstructions.enumerated() {
        panels += Self.panels(names[self.interpolations + number], estimate, pair)
      }
      var title = String(
        format: "sample %d%@: PSNR %@ %.2f dB", row.sample, times.isEmpty ? "" : ", " + times, names[shown],
        row.metrics[shown].psnr)
      if let best = bestInterpolation, shown != best {
        title += String(format: ", %@ %.2f dB", names[best], row.metrics[best].psnr)
      }
      let picture = MapPicture(title: title, panels: panels, columns: panels.count > 6 ? 5 : 3)
      try picture.write(to: "\(directory)/\(name).png")
    }
  }

  private static func panels(
    _ name: String, _ estimate: ComparedMap, _ pair: EvaluationSource.Pair
  ) -> [MapPanel] {
    var error = estimate.map
    for i in error.values.indices { error.values[i] -= pair.truth.map.values[i] }
    let mask = pair.truth.mask
    var panels = [
      MapPanel(name, estimate.map, mask: mask),
      MapPanel("error of \(name)", error, mask: mask, scale: .diverging),
    ]
    if let predicted = estimate.predicted {
      panels.append(MapPanel("deviation of \(name)", predicted.deviation, mask: mask, scale: .own))
    }
    return panels
  }

  /// The share of pixels in central intervals over the intervals' probability; nil where nothing has a deviation.
  var calibrationPlot: LinePlot? {
    let percent = CalibrationMetrics.levels.map { 100 * $0 }
    let lines = methods.compactMap { method in
      method.calibration.map { found in
        LineSeries(
          method.name, x: percent, y: found.coverage.map { 100 * ($0.mean ?? .nan) },
          deviation: found.coverage.map { 100 * ($0.standardError ?? 0) }, hasMarkers: true)
      }
    }
    guard !lines.isEmpty else { return nil }
    return LinePlot(
      title: "Pixels within central intervals, \(times.isEmpty ? "" : times + ", ")\(rows.count) maps ± standard error",
      xLabel: "probability of the interval, %", yLabel: "pixels within it, %",
      series: lines + [LineSeries("calibrated", x: [0, 100], y: [0, 100])])
  }
}
