import Essentials
import Foundation
import Metrics
import Pictures
import Records

/// The statistics of a data set, beside those of a reference if there is one: as a table, as JSON, and as plots.
public struct DataStatisticsReport: Sendable {
  /// A data set and its statistics.
  public struct Subject: Sendable {
    /// The file.
    public var path: String
    /// What was found.
    public var statistics: MapStatistics
    /// A few maps to look at.
    public var examples: [MapPanel]
    /// What the cities look like; nil where the maps are of none.
    public var cities: CityStatistics?

    /// - Parameters:
    ///   - path: the file.
    ///   - statistics: what was found.
    ///   - examples: a few maps to look at.
    ///   - cities: what the cities look like; nil where the maps are of none.
    public init(
      path: String, statistics: MapStatistics, examples: [MapPanel] = [], cities: CityStatistics? = nil
    ) {
      self.path = path
      self.statistics = statistics
      self.examples = examples
      self.cities = cities
    }
  }

  let subject: Subject
  let reference: Subject?
  let rows: [MapStatisticsRow]

  /// - Parameters:
  ///   - subject: the data set.
  ///   - reference: what it is held against.
  public init(_ subject: Subject, against reference: Subject? = nil) {
    self.subject = subject
    self.reference = reference
    rows = reference.map { subject.statistics.compared(with: $0.statistics) } ?? []
  }

  /// Rows of the comparison that lie outside what is allowed.
  public var outside: Int { rows.count { !$0.isWithin } }

  /// A table for people.
  public var markdown: String { (reference.map(comparison) ?? table) + cityTable }

  /// The cities' numbers; a median is within what the reference's cities have, or not.
  private var cityTable: String {
    guard let own = subject.cities else { return "" }
    let theirs = reference?.cities, name = "statistic of \(own.count) cit\(own.count == 1 ? "y" : "ies")"
    guard own.count > 1 || theirs != nil else {
      var table = MarkdownTable([name, "value"])
      for entry in own.entries { table.add([entry.name, Units.number(entry.median)]) }
      return "\n\(table.text)"
    }
    var table = MarkdownTable(
      [name, "median", "10-90 %"] + (theirs.map { ["reference, \($0.count)", "10-90 %", "within"] } ?? []))
    for entry in own.entries {
      let other = theirs?.entries.first { $0.name == entry.name }
      let beside = other.map { [Units.number($0.median), Self.span($0), entry.isWithin($0) ? "yes" : "no"] }
      table.add(
        [entry.name, Units.number(entry.median), Self.span(entry)]
          + (theirs == nil ? [] : beside ?? ["-", "-", "-"]))
    }
    return "\n\(table.text)"
  }

  private static func span(_ entry: CityStatistics.Entry) -> String {
    "\(Units.number(entry.low)) to \(Units.number(entry.high))"
  }

  private var table: String {
    var table = MarkdownTable(["statistic of \(subject.statistics.count) maps", "value"])
    for entry in subject.statistics.entries { table.add([entry.name, Self.text(entry.estimate)]) }
    return table.text + "\n± standard error over maps.\n"
  }

  private func comparison(with reference: Subject) -> String {
    let counts = (mine: subject.statistics.count, theirs: reference.statistics.count)
    var table = MarkdownTable(
      [
        "statistic", "\(counts.mine) maps", "reference, \(counts.theirs)", "difference", "allowed", "within",
        "deviations",
      ])
    for row in rows {
      table.add([
        row.name, Self.text(row.value), Self.text(row.reference), String(format: "%+.3f", row.difference),
        String(format: "%.3f", row.allowed), row.isWithin ? "yes" : "no",
        row.deviations.map { String(format: "%+.1f", $0) } ?? "-",
      ])
    }
    let known = rows.filter { !$0.isWithin }.compactMap(\.deviations)
    let far =
      known.isEmpty ? "" : ", \(known.count { abs($0) > 3 }) of them by more than 3 deviations"
    return """
      Reference: `\(reference.path)`

      \(table.text)
      ± standard error over maps. Allowed: a fixed tolerance, or three standard errors of the reference where that is more. \
      Deviations: the difference over its standard error by the scatter of the \(counts.mine) maps, where they are more \
      than the reference's. Ranges: of sets of as many maps as the reference has.

      \(outside) of \(rows.count) rows outside what is allowed\(far).

      """
  }

  private static func text(_ estimate: MapStatistics.Estimate) -> String {
    withError(estimate.value, estimate.standardError)
  }

  /// Writes `statistics.md`, `statistics.json`, the plots and `maps.png` into a directory, which is made where it is missing.
  ///
  /// - Returns: the names of the files.
  /// - Throws: `Fault` when the directory cannot be written.
  public func write(to directory: String) throws -> [String] {
    try ReportDirectory.make(directory)
    let head = "# \(subject.path)\n\n"
    let plots = plots
    let pictures =
      plots.map { "![\($0.plot.title)](\($0.name))\n" }.joined(separator: "\n")
      + (examples == nil ? "" : "\n![maps](maps.png)\n")
    try Files.write(
      (head + markdown + "\n" + pictures).utf8, to: "\(directory)/statistics.md", what: "cannot write the statistics")
    let json = try JSONValue.encoding(File(file: subject.path, report: self), keys: .snakeCase)
    try Files.write(
      json.indented.utf8, to: "\(directory)/statistics.json", what: "cannot write the statistics")
    for (name, plot) in plots { try plot.write(to: "\(directory)/\(name)") }
    try examples?.write(to: "\(directory)/maps.png")
    return ["statistics.md", "statistics.json"] + plots.map(\.name) + (examples == nil ? [] : ["maps.png"])
  }
}

extension DataStatisticsReport: Encodable {
  /// `statistics.json`.
  private struct File: Encodable {
    let file: String
    let report: DataStatisticsReport

    func encode(to encoder: any Encoder) throws {
      var members = encoder.container(keyedBy: JSONKey.self)
      try members.encode(file, forKey: "file")
      try report.encode(to: encoder)
    }
  }

  private struct Entries: Encodable {
    let statistics: MapStatistics

    func encode(to encoder: any Encoder) throws {
      var members = encoder.container(keyedBy: JSONKey.self)
      try members.encode(statistics.count, forKey: "maps")
      for entry in statistics.entries { try members.encode(entry.estimate, forKey: JSONKey(entry.name)) }
    }
  }

  private struct Cities: Encodable {
    let statistics: CityStatistics

    func encode(to encoder: any Encoder) throws {
      var members = encoder.container(keyedBy: JSONKey.self)
      try members.encode(statistics.count, forKey: "cities")
      for entry in statistics.entries { try members.encode(entry, forKey: JSONKey(entry.name)) }
    }
  }

  private struct Reference: Encodable {
    let file: String, statistics: Entries, cities: Cities?
  }

  private struct Row: Encodable {
    let name: String, value: MapStatistics.Estimate, reference: MapStatistics.Estimate
    let difference: Double, allowed: Double, within: Bool, deviations: Double?

    init(_ row: MapStatisticsRow) {
      (name, value, reference, difference) = (row.name, row.value, row.reference, row.difference)
      (allowed, within, deviations) = (row.allowed, row.isWithin, row.deviations)
    }
  }

  /// For programs: `statistics`, and `reference` and `comparison` where there is a reference.
  public func encode(to encoder: any Encoder) throws {
    var members = encoder.container(keyedBy: JSONKey.self)
    try members.encode(Entries(statistics: subject.statistics), forKey: "statistics")
    try subject.cities.map { try members.encode(Cities(statistics: $0), forKey: "cities") }
    guard let reference else { return }
    try members.encode(
      Reference(
        file: reference.path, statistics: Entries(statistics: reference.statistics),
        cities: reference.cities.map(Cities.init)), forKey: "reference")
    try members.encode(rows.map(Row.init), forKey: "comparison")
    try members.encode(outside, forKey: "rows_outside")
  }
}
