import Essentials

/// What an import made of a file: for people, so that nothing is taken without a word.
public struct ImportReport: Sendable {
  /// What was taken for what.
  public var notes: [String]
  /// What a user should look at.
  public var warnings: [String]
}

/// What ranks have seen while they read maps.
struct ImportTally: Codable, Equatable {
  /// Places without a value by the reason, beside those of masks.
  var holes: [String: Int] = [:]
  /// Places that were read.
  var places = 0
  /// Maps and stations together.
  var fit = StationFit()

  /// What another rank has seen.
  mutating func add(_ other: ImportTally) {
    holes.merge(other.holes, uniquingKeysWith: +)
    places += other.places
    fit.add(other.fit)
  }
}

extension ImportedMaps {
  /// What has been made of the file.
  ///
  /// - Parameter tally: what all ranks have seen.
  func report(_ tally: ImportTally) -> ImportReport {
    var notes = ["numbers: \(numberNote)"]
    if !tally.holes.isEmpty {
      let count = tally.holes.values.reduce(0, +)
      let kinds = tally.holes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
      notes.append("no value: \(count) of \(tally.places) places (\(kinds))")
    }
    notes.append("places: \(placeNote)")
    if let table = stationArray?.source as? StationTable { notes.append("stations: \(table.facts.type)") }
    if let remark = maps.remark, !remark.contains("?") { notes.append("shape: \(remark)") }
    var warnings = tally.fit.warnings(options.orientation, area)
    if let remark = maps.remark, remark.contains("?") { warnings.insert(remark, at: 0) }
    return ImportReport(notes: notes, warnings: warnings)
  }

  private var numberNote: String {
    let facts = maps.source.facts
    var note = facts.type.isEmpty ? "" : "\(facts.type), "
    note += "taken for \(numbers.units.rawValue) (\(numbers.reason))"
    if !facts.isPicture, !options.ignoresAttributes {
      if let scale = facts.scale { note += ", times \(scale)" }
      if let offset = facts.offset { note += ", plus \(offset)" }
    }
    if let power = options.transmitPower { note += ", less \(power) dBm sent" }
    return note
  }

  private var placeNote: String {
    func end(_ origin: Double, _ count: Int) -> String { "\(number(origin + area.spacing * Double(count - 1))) m" }
    let facts = maps.source.facts.place
    let isNorthUp = facts.isNorthUp != options.orientation.flipsY
    return "\(number(area.spacing)) m apart; "
      + (options.orientation.transposes
        ? "the file's columns are rows of the maps, y from \(number(area.originY)) m to \(end(area.originY, rows))"
        : "the file's first row is y = " + (isNorthUp ? end(area.originY, rows) : "\(number(area.originY)) m")
          + ", its last " + (isNorthUp ? "\(number(area.originY)) m" : end(area.originY, rows)))
      + (facts.isNorthUp
        ? " (the file says so)" : options.orientation == MapOrientation() ? " (`flip` y: the other way about)" : "")
  }

  private func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e9 ? "\(Int(value))" : "\(value)"
  }
}
