import Foundation
import Metrics
import RunRecords

extension Summary {
  /// "49.85 ± 0.12": the error with two digits that count, the mean with as many places.
  ///
  /// - Parameter scale: what both are multiplied by.
  func text(scale: Double = 1) -> String {
    guard let mean = mean.map({ $0 * scale }) else { return "-" }
    guard let error = standardError.map({ $0 * scale }), error > 0, error.isFinite else {
      return Units.number(mean)
    }
    let places = min(max(1 - Int(floor(log10(error))), 0), 9)
    return String(format: "%.*f ± %.*f", places, mean, places, error)
  }
}

extension EvaluationReport {
  /// The report for people.
  public var markdown: String {
    var table = MarkdownTable([
      "method", "NMSE ×1e-5", "MSE", "PSNR dB", "SSIM", "RMSE dB", "MAE dB",
    ])
    for method in methods {
      table.add([
        method.name, method.nmse.text(scale: 1e5), method.mse.text(), method.psnr.text(),
        method.ssim.text(), method.rmseDB.text(), method.maeDB.text(),
      ])
    }
    let reconstructionName = names[names.count - 1]
    var lines = [
      "# \(reconstructionName), x\(magnification), \(rows.count) maps", "",
      "Data: `\(data)`. Reconstruction: `\(reconstruction)`\(origin).", "",
      table.text,
      "Mean ± standard error over maps. NMSE, MSE, PSNR and SSIM on the scale on which the true fine map's least value "
        + "is 0 and its greatest 255, per map, not rounded; RMSE and MAE in dB of channel power.",
      "",
      "Against \(gain.over), the best interpolation here, map by map: PSNR \(signed(gain.psnr)) dB, RMSE "
        + "\(signed(gain.rmseDB)) dB (more than 0: \(reconstructionName) is better), better on "
        + "\(gain.betterMaps) of \(rows.count) maps.",
    ]
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

  private var origin: String {
    var parts: [String] = []
    if !model.isEmpty { parts.append("model `\(model)`") }
    if !sampler.isEmpty { parts.append("\(sampler), \(steps) steps") }
    return parts.isEmpty ? "" : " (" + parts.joined(separator: "; ") + ")"
  }

  private func signed(_ summary: Summary) -> String {
    ((summary.mean ?? 0) > 0 ? "+" : "") + summary.text()
  }

  /// The report for scripts: everything in the table, and one object a map.
  var json: JSONValue {
    .members([
      "data": .text(data), "reconstruction": .text(reconstruction),
      "magnification": .integer(magnification), "model": .text(model), "sampler": .text(sampler),
      "steps": .integer(steps), "maps": .integer(rows.count),
      "methods": .array(
        methods.map { method in
          .members([
            "name": .text(method.name), "nmse": Self.json(method.nmse), "mse": Self.json(method.mse),
            "psnr": Self.json(method.psnr), "ssim": Self.json(method.ssim),
            "rmse_db": Self.json(method.rmseDB), "mae_db": Self.json(method.maeDB),
            "capped_maps": .integer(method.cappedMaps),
          ])
        }),
      "gain": .members([
        "over": .text(gain.over), "psnr": Self.json(gain.psnr), "rmse_db": Self.json(gain.rmseDB),
        "better_maps": .integer(gain.betterMaps),
      ]),
      "rows": .array(
        rows.map { row in
          .object(
            [
              JSONMember(key: "sample", value: .integer(row.sample)),
              JSONMember(key: "position", value: .integer(row.position)),
            ] + zip(names, row.metrics).map { JSONMember(key: $0, value: Self.json($1)) })
        }),
    ])
  }

  private static func json(_ summary: Summary) -> JSONValue {
    .members([
      "mean": json(summary.mean), "standard_error": json(summary.standardError),
      "count": .integer(summary.count),
    ])
  }

  private static func json(_ metrics: MapMetrics) -> JSONValue {
    .members([
      "nmse": .real(metrics.nmse), "mse": .real(metrics.mse), "psnr": .real(metrics.psnr),
      "ssim": json(metrics.ssim), "rmse_db": .real(metrics.rmseDB), "mae_db": .real(metrics.maeDB),
      "pixels": .integer(metrics.pixels),
    ])
  }

  private static func json(_ value: Double?) -> JSONValue { value.map { .real($0) } ?? .null }

  /// Writes `report.json` and `report.md`, each in one step.
  ///
  /// - Throws: `Fault` when the directory cannot be written.
  func write(to directory: String) throws {
    try Files.write(json.indented.utf8, to: "\(directory)/report.json", what: "cannot write the report")
    try Files.write(markdown.utf8, to: "\(directory)/report.md", what: "cannot write the report")
  }
}
