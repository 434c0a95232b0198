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

  /// For scripts: "own", or what is 0 and what is 255 [dB].
  var json: JSONValue {
    switch self {
    case .own: .text("own")
    case .fixed(let range): .array([range.minimum, range.maximum].map { .real(Double($0)) })
    }
  }
}

extension EvaluationReport {
  /// The report for people.
  public var markdown: String {
    let subject = reconstructions.isEmpty ? "Interpolation" : names[interpolations...].joined(separator: ", ")
    var lines = ["# \(subject), x\(magnification), \(rows.count) maps", "", "Data: `\(data)`."]
    for (origin, name) in zip(reconstructions, names[interpolations...]) {
      lines.append("\(name): `\(origin.path)`\(Self.text(origin.record)).")
    }
    lines += [
      "", errorTable,
      "Mean ± standard error over maps. NMSE, MSE, PSNR and SSIM on the scale on which \(scale.text), not rounded; RMSE and "
        + "MAE in dB of channel power.",
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
    var table = MarkdownTable(["method", "NMSE ×1e-5", "MSE", "PSNR dB", "SSIM", "RMSE dB", "MAE dB"])
    for method in methods {
      table.add([
        method.name, method.nmse.text(scale: 1e5), method.mse.text(), method.psnr.text(),
        method.ssim.text(), method.rmseDB.text(), method.maeDB.text(),
      ])
    }
    return table.text
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
    guard methods.contains(where: { $0.interior != nil && $0.border != nil }) else { return [] }
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

  /// The report for scripts: everything in the tables, and one object a map.
  var json: JSONValue {
    .members([
      "data": .text(data), "magnification": .integer(magnification), "maps": .integer(rows.count), "scale": scale.json,
      "reconstructions": .array(reconstructions.map(Self.json)),
      "methods": .array(methods.enumerated().map { Self.json($1, isInterpolation: $0 < interpolations) }),
      "gains": .array(gains.map(Self.json)),
      "calibration_levels": .array(CalibrationMetrics.levels.map { .real($0) }),
      "rows": .array(
        rows.map { row in
          .object(
            [
              JSONMember(key: "sample", value: .integer(row.sample)),
              JSONMember(key: "position", value: .integer(row.position)),
            ]
              + names.indices.map { JSONMember(key: names[$0], value: Self.json(row, $0)) })
        }),
    ])
  }

  private static func json(_ origin: Origin) -> JSONValue {
    let record = origin.record
    return .members([
      "file": .text(origin.path), "method": .text(record.method), "model": .text(record.model),
      "sampler": .text(record.sampler), "steps": .integer(record.steps), "estimate": .text(record.estimate),
      "draws": .integer(record.draws), "views": .integer(record.views),
    ])
  }

  static func json(_ gain: PairedGain) -> JSONValue {
    .members([
      "of": .text(gain.of), "over": .text(gain.over), "psnr": json(gain.psnr), "rmse_db": json(gain.rmseDB),
      "better_maps": .integer(gain.betterMaps),
    ])
  }

  static func json(_ method: MethodSummary, isInterpolation: Bool) -> JSONValue {
    .members([
      "name": .text(method.name), "interpolation": .flag(isInterpolation), "nmse": json(method.nmse),
      "mse": json(method.mse), "psnr": json(method.psnr), "ssim": json(method.ssim),
      "rmse_db": json(method.rmseDB), "mae_db": json(method.maeDB), "capped_maps": .integer(method.cappedMaps),
      "interior": json(method.interior), "border": json(method.border), "calibration": json(method.calibration),
    ])
  }

  private static func json(_ region: RegionSummary?) -> JSONValue {
    guard let region else { return .null }
    return .members(["mse": json(region.mse), "psnr": json(region.psnr), "rmse_db": json(region.rmseDB)])
  }

  private static func json(_ found: CalibrationSummary?) -> JSONValue {
    guard let found else { return .null }
    return .members([
      "crps_db": json(found.crps), "crps_grey": json(found.crpsGrey), "deviation_db": json(found.deviation),
      "error_db": json(found.error), "coverage": .array(found.coverage.map { json($0) }),
    ])
  }

  private static func json(_ summary: Summary) -> JSONValue {
    .members([
      "mean": json(summary.mean), "standard_error": json(summary.standardError),
      "count": .integer(summary.count),
    ])
  }

  private static func json(_ row: EvaluationRow, _ method: Int) -> JSONValue {
    func region(_ metrics: MapMetrics?) -> JSONValue {
      metrics.map { .members(["mse": .real($0.mse), "rmse_db": .real($0.rmseDB)]) } ?? .null
    }
    let metrics = row.metrics[method]
    return .members([
      "nmse": .real(metrics.nmse), "mse": .real(metrics.mse), "psnr": .real(metrics.psnr),
      "ssim": json(metrics.ssim), "rmse_db": .real(metrics.rmseDB), "mae_db": .real(metrics.maeDB),
      "pixels": .integer(metrics.pixels), "interior": region(row.interior[method]),
      "border": region(row.border[method]),
      "crps_db": json(row.calibration[method]?.crps),
      "coverage": row.calibration[method].map { .array($0.coverage.map { .real($0) }) } ?? .null,
    ])
  }

  private static func json(_ value: Double?) -> JSONValue { value.map { .real($0) } ?? .null }

  /// Writes `report.json`, `report.md` and the calibration curve, each in one step.
  ///
  /// - Throws: `Fault` when the directory cannot be written.
  func write(to directory: String) throws {
    try calibrationPlot?.write(to: "\(directory)/calibration.svg")
    try Files.write(json.indented.utf8, to: "\(directory)/report.json", what: "cannot write the report")
    try Files.write(markdown.utf8, to: "\(directory)/report.md", what: "cannot write the report")
  }
}
