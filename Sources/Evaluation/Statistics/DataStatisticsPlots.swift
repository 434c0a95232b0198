import Pictures

extension DataStatisticsReport {
  /// Mean power over distance, and autocorrelations; the reference's bands are what is allowed.
  var plots: [(name: String, plot: LinePlot)] {
    var plots: [(name: String, plot: LinePlot)] = []
    let bins = lines("mean power at", subject.statistics.bins.map { ($0.from, $0.to, $0.name + ", dB") })
    if !bins.isEmpty {
      plots.append(
        (
          "mean-power.svg",
          LinePlot(
            title: "Mean power by distance", xLabel: "2-D distance, m", yLabel: "mean power, dB", series: bins)
        ))
    }
    for (name, title, quantity, lags) in [
      (
        "shadow-autocorrelation.svg", "Autocorrelation of shadow fading", "shadow fading",
        subject.statistics.shadowAutocorrelation
      ),
      (
        "fading-autocorrelation.svg", "Autocorrelation of coherent - path power", "coherent - path power",
        subject.statistics.fadingAutocorrelation
      ),
    ] where !lags.isEmpty {
      let series = lines(
        "\(quantity), autocorrelation at", lags.map { ($0.distance, $0.distance, "\(Int($0.distance)) m") })
      plots.append((name, LinePlot(title: title, xLabel: "lag, m", yLabel: "correlation", series: series)))
    }
    return plots
  }

  /// Maps of both sets on one scale, those of the reference below; nil where there are none.
  var examples: MapPicture? {
    var panels = subject.examples
    guard let columns = panels.isEmpty ? nil : panels.count else { return nil }
    panels += (reference?.examples.prefix(columns) ?? []).map { panel in
      var panel = panel
      panel.title = "reference, \(panel.title)"
      return panel
    }
    return MapPicture(
      title: subject.path, panels: panels, columns: columns, isRowZeroAtBottom: true)
  }

  private func lines(_ prefix: String, _ points: [(from: Double, to: Double?, name: String)]) -> [LineSeries] {
    // The open bin's middle lies as far behind its edge as that of the bin before.
    let x = points.map { ($0.from + ($0.to ?? ($0.from + 50))) / 2 }
    let names = points.map { "\(prefix) \($0.name)" }
    func line(_ label: String, _ value: (String) -> (value: Double, band: Double)?) -> LineSeries {
      let found = names.map { value($0) ?? (.nan, 0) }
      return LineSeries(
        label, x: x, y: found.map(\.value), deviation: found.map(\.band), hasMarkers: true)
    }
    let entries = subject.statistics.entries
    let own = line("\(subject.statistics.count) maps ± 3 standard errors") { name in
      entries.first { $0.name == name }.map { ($0.estimate.value, 3 * ($0.estimate.standardError ?? 0)) }
    }
    guard let reference, !points.isEmpty else { return points.isEmpty ? [] : [own] }
    let theirs = line("reference, \(reference.statistics.count) maps ± what is allowed") { name in
      rows.first { $0.name == name }.map { ($0.reference.value, $0.allowed) }
    }
    return [own, theirs]
  }
}
