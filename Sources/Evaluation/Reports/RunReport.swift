import Configuration
import Essentials
import Foundation
import Pictures
import Records
import Runs

/// What there is to tell about a run's directory.
public struct RunReport<Family: ModelFamily> {
  private let run: RunDirectory
  private let configuration: RunConfiguration<Family>
  private let metrics: [MetricsRecord]

  /// Reads a run that may be in training.
  ///
  /// - Parameter path: the run's directory.
  /// - Throws: `Fault` when there is none, or a file cannot be read.
  public init(_ path: String) throws {
    run = try RunDirectory.open(at: path)
    configuration = try Configuration.read(yaml: run.configuration(), named: run.configurationPath)
    metrics = FileManager.default.fileExists(atPath: run.metricsPath) ? try MetricsLog.read(run.metricsPath) : []
  }

  /// Markdown.
  public var text: String {
    """
    # \(run.path)

    \(differences)
    \(checkpoints)
    \(lastMetrics)
    """
  }

  /// The preset with the fewest differences is the one that the run was made from, or as good as that.
  private var differences: String {
    let candidates = Family.presets.map { preset in
      (preset: preset, keys: Configuration.differences(preset.configuration, configuration))
    }
    guard let nearest = candidates.min(by: { $0.keys.count < $1.keys.count }) else { return "" }
    guard !nearest.keys.isEmpty else { return "Configuration: preset \(nearest.preset.name).\n" }
    var table = MarkdownTable(
      ["key", "preset \(nearest.preset.name)", "this run"], alignments: [.left, .left, .left])
    for key in nearest.keys { table.add([key.key, key.first, key.second]) }
    return "Configuration: preset \(nearest.preset.name), but for\n\n\(table.text)"
  }

  private var checkpoints: String {
    let steps = run.steps
    guard !steps.isEmpty else { return "Checkpoints: none yet.\n" }
    var table = MarkdownTable(["checkpoint", "state", "files"], alignments: [.left, .left, .left])
    for step in steps {
      do {
        let saved = try run.saved(step: step)
        table.add(["step-\(step)", "whole", saved.fileNames.joined(separator: ", ")])
      } catch let fault as Fault {
        let found = fault.found.map { ": \($0)" } ?? ""
        table.add(["step-\(step)", "damaged", "\(fault.place): \(fault.what)\(found)"])
      } catch {
        table.add(["step-\(step)", "unreadable", "\(error)"])
      }
    }
    return table.text
  }

  private var lastMetrics: String {
    guard let last = metrics.last else { return "Metrics: none yet.\n" }
    var names: [String] = []
    for record in metrics { for value in record.values where !names.contains(value.key) { names.append(value.key) } }
    var table = MarkdownTable(["metric", "last value", "at step"])
    for name in names {
      guard let record = metrics.last(where: { $0[name] != nil }), let value = record[name] else { continue }
      table.add([name, value.realValue.map(Units.number) ?? value.serialised, "\(record.step)"])
    }
    return "Metrics: \(metrics.count) lines, to step \(last.step) of \(configuration.training.steps)\n\n\(table.text)"
  }

  /// Every metric that is a loss, over the steps.
  ///
  /// - Throws: `Fault` when the run has none yet.
  public func lossCurves() throws -> LinePlot {
    var names: [String] = []
    for record in metrics {
      for value in record.values where value.key.contains("loss") && !names.contains(value.key) {
        names.append(value.key)
      }
    }
    let series = names.map { metrics.curve($0, label: $0) }
    guard series.contains(where: { !$0.x.isEmpty }) else {
      throw Fault(
        "the run has no losses to draw yet", at: run.metricsPath, expected: "lines with a value named \"loss\"",
        found: "\(metrics.count) lines without")
    }
    return LinePlot(title: run.path, xLabel: "step", yLabel: "loss", yScale: .logarithmic, series: series)
  }

  /// The validation losses of several runs, of any families, over the steps.
  ///
  /// - Parameter paths: the runs' directories.
  /// - Throws: `Fault` when one has none yet.
  public static func validationCurves(_ paths: [String]) throws -> LinePlot {
    let series = try paths.map { path in
      let run = try RunDirectory.open(at: path), name = URL(fileURLWithPath: path).lastPathComponent
      let curve = try MetricsLog.read(run.metricsPath).curve("validation_loss", label: name)
      guard !curve.x.isEmpty else {
        throw Fault("the run has no validation loss to draw yet", at: run.metricsPath, hint: "`validation.every=100`")
      }
      return curve
    }
    return LinePlot(
      title: "validation loss", xLabel: "step", yLabel: "validation loss", yScale: .logarithmic, series: series)
  }
}

extension [MetricsRecord] {
  /// Points of one line; more could not be told apart on a plot's few pixels.
  private static var mostPoints: Int { 1000 }

  /// Means over equal runs of points, so that a long log makes no large file.
  fileprivate func curve(_ name: String, label: String) -> LineSeries {
    let points = compactMap { record in
      record[name]?.realValue.map { (x: Double(record.step), y: $0) }
    }
    let run = Swift.max(1, (points.count + Self.mostPoints - 1) / Self.mostPoints)
    let means = stride(from: 0, to: points.count, by: run).map { first in
      let part = points[first..<Swift.min(first + run, points.count)]
      let count = Double(part.count)
      return (x: part.reduce(0) { $0 + $1.x } / count, y: part.reduce(0) { $0 + $1.y } / count)
    }
    return LineSeries(label, x: means.map(\.x), y: means.map(\.y))
  }
}
