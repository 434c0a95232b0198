import Foundation
import Metrics
import Records

/// Every scenario at every magnification by every method.
public struct ProtocolReport: Codable, Equatable, Sendable {
  /// One scenario at one magnification.
  public struct Cell: Codable, Equatable, Sendable {
    /// The scenario's name.
    public var scenario: String
    /// Where its own report is, within the protocol's directory.
    public var folder: String
    /// What was found.
    public var report: EvaluationReport

    /// Mean squared errors of all methods over the least of an interpolation's; nil where that is 0.
    var errorRatios: [Double?] {
      let errors = report.methods.map { $0.mse.mean ?? .nan }
      guard let best = errors.prefix(report.interpolations).min(), best > 0 else { return errors.map { _ in nil } }
      return errors.map { $0 / best }
    }
  }
  /// What is 0 and what is 255 of the scale that errors are counted on.
  public var scale: MetricScale
  /// Scenario by scenario, in each magnification by magnification.
  public var cells: [Cell]

  private var scenarios: [String] {
    var names: [String] = []
    for cell in cells where names.last != cell.scenario { names.append(cell.scenario) }
    return names
  }

  private func cells(of scenario: String) -> [Cell] { cells.filter { $0.scenario == scenario } }

  /// The tables for people.
  public var markdown: String {
    var lines = ["# Evaluation protocol", ""]
    lines += gainLines
    for scenario in scenarios {
      let own = cells(of: scenario)
      lines += ["## \(scenario)", "", "Data: `\(own[0].report.data)`, \(own[0].report.rows.count) maps.", ""]
      lines += [overMagnifications("PSNR dB", own) { $0.psnr.text() }]
      lines += [overMagnifications("MSE on 0..255", own) { $0.mse.text() }]
      lines += [overMagnifications("RMSE dB of channel power", own) { $0.rmseDB.text() }]
      for cell in own { lines += section(cell) }
    }
    lines += [
      "Mean ± standard error over maps. NMSE, MSE, PSNR and SSIM on the scale on which \(scale.text), not rounded. MSE / best: over the least mean MSE of an interpolation. Interior and "
        + "border, errors in dB and what intervals and CRPS are: in each report."
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  /// Reconstructions against the best interpolation, all in one table.
  private var gainLines: [String] {
    guard cells.contains(where: { !$0.report.gains.isEmpty }) else { return [] }
    var table = MarkdownTable(
      ["scenario", "x", "method", "best interpolation", "PSNR gain dB", "MSE / best", "RMSE gain dB", "better maps"],
      alignments: [.left, .right, .left, .left, .right, .right, .right, .right])
    for cell in cells {
      let report = cell.report
      for (number, gain) in report.gains.enumerated() {
        table.add([
          cell.scenario, String(report.times.dropFirst()), gain.of, gain.over, report.signed(gain.psnr),
          Self.text(cell.errorRatios[report.interpolations + number]), report.signed(gain.rmseDB),
          "\(gain.betterMaps) of \(report.rows.count)",
        ])
      }
    }
    return ["Paired gains, map by map, over the interpolation with the highest PSNR:", "", table.text]
  }

  /// One quantity, methods down and magnifications across: the form of the paper's Table III.
  private func overMagnifications(
    _ title: String, _ own: [Cell], _ quantity: (MethodSummary) -> String
  ) -> String {
    var table = MarkdownTable([title] + own.map(\.report.times))
    for (index, method) in own[0].report.methods.enumerated() {
      table.add([method.name] + own.map { quantity($0.report.methods[index]) })
    }
    return table.text
  }

  /// All quantities of one cell, in the form of the paper's Table II.
  private func section(_ cell: Cell) -> [String] {
    let report = cell.report
    var table = MarkdownTable([
      "method", "NMSE ×1e-5", "MSE", "PSNR dB", "SSIM", "MSE / best", "interior MSE", "border MSE", "CRPS dB",
      "in 50 %", "in 90 %",
    ])
    for (method, ratio) in zip(report.methods, cell.errorRatios) {
      let found = method.calibration
      table.add([
        method.name, method.nmse.text(scale: 1e5), method.mse.text(), method.psnr.text(), method.ssim.text(),
        Self.text(ratio), method.interior?.mse.text() ?? "-", method.border?.mse.text() ?? "-",
        found?.crps.text() ?? "-", found.map { $0.coverage(at: 0.5).text(scale: 100) + " %" } ?? "-",
        found.map { $0.coverage(at: 0.9).text(scale: 100) + " %" } ?? "-",
      ])
    }
    let picture = report.examples.contains { $0.name == "median" } ? "median" : "best"
    return [
      "### \(cell.scenario), \(report.times)", "", table.text,
      "[Report](\(cell.folder)/report.md). The \(picture) map:", "",
      "![\(cell.scenario), \(report.times)](\(cell.folder)/\(picture).png)", "",
    ]
  }

  private static func text(_ ratio: Double?) -> String { ratio.map { String(format: "%.3g", $0) } ?? "-" }

  /// `protocol.json`: the tables for programs; what is by map stands in each cell's own report.
  private struct File: Encodable {
    struct Entry: Encodable {
      let scenario: String, magnification: Int?, data: String, maps: Int, report: String
      let methods: [MethodSummary]
      let mseOverBestInterpolation: [Double?]
      let gains: [PairedGain]
    }
    let scale: MetricScale
    let cells: [Entry]
  }

  private var file: File {
    File(
      scale: scale,
      cells: cells.map {
        File.Entry(
          scenario: $0.scenario, magnification: $0.report.magnification, data: $0.report.data,
          maps: $0.report.rows.count, report: "\($0.folder)/report.json", methods: $0.report.methods,
          mseOverBestInterpolation: $0.errorRatios, gains: $0.report.gains)
      })
  }

  /// Writes `protocol.md` and `protocol.json`, each in one step.
  func write(to directory: String) throws {
    let json = try JSONValue.encoding(file, keys: .snakeCase)
    try Files.write(json.indented.utf8, to: "\(directory)/protocol.json", what: "cannot write the protocol")
    try Files.write(markdown.utf8, to: "\(directory)/protocol.md", what: "cannot write the protocol")
  }
}
