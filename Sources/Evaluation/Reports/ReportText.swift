import Foundation
import MapStorage
import Metrics
import Records

/// "49.85 ± 0.12": the error with two digits that count, the value with as many places.
func withError(_ value: Double, _ error: Double?) -> String {
  guard let error, error > 0, error.isFinite else { return Units.number(value) }
  let places = min(max(1 - Int(floor(log10(error))), 0), 9)
  return String(format: "%.*f ± %.*f", places, value, places, error)
}

extension Summary {
  /// The mean and its error.
  ///
  /// - Parameter scale: what both are multiplied by.
  func text(scale: Double = 1) -> String {
    mean.map { withError(scale * $0, standardError.map { scale * $0 }) } ?? "-"
  }
}

extension MetricScale {
  /// What it is, for people: follows "the scale on which".
  var text: String {
    switch self {
    case .own: "the true fine map's least value is 0 and its greatest 255, per map"
    case .fixed(let range): "\(range.minimum) dB is 0 and \(range.maximum) dB is 255, for all maps"
    }
  }
}

extension EvaluationReport {
  /// The report for people.
  public var markdown: String {
    let subject = reconstructions.isEmpty ? "Interpolation" : names[interpolations...].joined(separator: ", ")
    var lines = [
      "# " + [subject, times, "\(rows.count) maps"].filter { !$0.isEmpty }.joined(separator: ", "), "",
      "Data: `\(data)`.",
    ]
    for (origin, name) in zip(reconstructions, names[interpolations...]) {
      lines.append("\(name): `\(origin.path)`\(Self.text(origin.record)).")
    }
    lines += [
      "", errorTable,
      "Mean ± standard error over maps. NMSE, MSE, PSNR and SSIM on the scale on which \(scale.text), not rounded; RMSE and "
        + "MAE in dB of channel power." + perceptualText,
    ]
    lines += gainLines + regionLines + calibrationLines
    for (name, row) in examples {
      lines += ["", "The \(name) map, sample \(row.sample):", "", "![\(name) map](\(name).png)"]
    }
    for method in methods where method.cappedMaps > 0 {
      let ceiling = Units.number(MapMetrics.highestPSNR)
      lines += [
        "", "\(method.name): the PSNR of \(method.cappedMaps) maps is at the ceiling of \(ceiling) dB.",
      ]
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private var errorTable: String {
    var table = MarkdownTable(
      ["method", "NMSE ×1e-5", "MSE", "PSNR dB", "SSIM", "RMSE dB", "MAE dB"] + (perceptualTitle.map { [$0] } ?? []))
    for method in methods {
      table.add(
        [
          method.name, method.nmse.text(scale: 1e5), method.mse.text(), method.psnr.text(),
          method.ssim.text(), method.rmseDB.text(), method.maeDB.text(),
        ] + (method.perceptual.map { [$0.text()] } ?? []))
    }
    return table.text
  }

  /// What the perceptual distance is of, or how to get one.
  private var perceptualText: String {
    guard let perceptualTitle else {
      return " A perceptual distance comes with weights, which Scripts/lpips-weights makes: `lpips`."
    }
    return " \(perceptualTitle) of maps as grey pictures on that scale, black where they hold nothing."
  }

  /// Each reconstruction beside the best interpolation.
  var gainLines: [String] {
    gains.flatMap { gain in
      [
        "",
        "\(gain.of) against \(gain.over), the best interpolation here, map by map: PSNR \(signed(gain.psnr)) dB, RMSE "
          + "\(signed(gain.rmseDB)) dB (more than 0: \(gain.of) is better), better on "
          + "\(gain.betterMaps) of \(rows.count) maps.",
      ]
    }
  }

  private var regionLines: [String] {
    guard let magnification, methods.contains(where: { $0.interior != nil && $0.border != nil }) else { return [] }
    var table = MarkdownTable([
      "method", "interior: MSE", "PSNR dB", "RMSE dB", "border: MSE", "PSNR dB", "RMSE dB",
    ])
    for method in methods {
      let parts = [method.interior, method.border]
      table.add([method.name] + parts.flatMap { [$0?.mse, $0?.psnr, $0?.rmseDB].map { $0?.text() ?? "-" } })
    }
    return [
      "", table.text,
      "Border: a frame \(magnification) pixels wide, the coarse spacing; at the far sides it holds all that lies beyond the "
        + "last sample. Interior: the rest." + (scale == .own ? " The scale is that of the whole map." : ""),
    ]
  }

  private var calibrationLines: [String] {
    guard calibrationPlot != nil else { return [] }
    var table = MarkdownTable([
      "method", "CRPS dB", "CRPS 0..255", "predicted deviation dB", "error dB", "in 50 % interval", "in 90 % interval",
    ])
    for method in methods {
      guard let found = method.calibration else { continue }
      table.add([
        method.name, found.crps.text(), found.crpsGrey.text(), found.deviation.text(), found.error.text(),
        found.coverage(at: 0.5).text(scale: 100) + " %", found.coverage(at: 0.9).text(scale: 100) + " %",
      ])
    }
    return [
      "", table.text,
      "Of pixels that were not measured. Intervals are central: normal ones about the map where the deviation comes from a "
        + "formula, Student's where it is that of draws, by the draws' ranks where \(CalibrationMetrics.rankedDraws) or more are "
        + "kept. CRPS: of the normal distribution, or, where they are kept, of the draws (fair form).",
      "", "![calibration](calibration.svg)",
    ]
  }

  private static func text(_ record: ReconstructionRecord) -> String {
    var parts: [String] = []
    if !record.model.isEmpty { parts.append("model `\(record.model)`") }
    if !record.sampler.isEmpty { parts.append("\(record.sampler), \(record.steps) steps") }
    if !record.estimate.isEmpty { parts.append("estimate: \(record.estimate)") }
    if record.views > 1 { parts.append("seen in \(record.views) ways") }
    if record.draws > 0 { parts.append("deviation of \(record.draws) draws") }
    return parts.isEmpty ? "" : " (" + parts.joined(separator: "; ") + ")"
  }

  func signed(_ summary: Summary) -> String {
    ((summary.mean ?? 0) > 0 ? "+" : "") + summary.text()
  }

  /// Writes `report.json`, `report.md` and the calibration curve, each in one step.
  ///
  /// - Throws: `Fault` when the directory cannot be written.
  func write(to directory: String) throws {
    try calibrationPlot?.write(to: "\(directory)/calibration.svg")
    let json = try JSONValue.encoding(ReportFile(self), keys: .snakeCase)
    try Files.write(json.indented.utf8, to: "\(directory)/report.json", what: "cannot write the report")
    try Files.write(markdown.utf8, to: "\(directory)/report.md", what: "cannot write the report")
  }
}
