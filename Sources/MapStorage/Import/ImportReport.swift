import Essentials
import Foundation

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
  /// Places of which masks say that they hold nothing.
  var masked = 0
  /// Places whose values were raised to the threshold.
  var raised = 0
  /// Values that stand alone.
  var lone: [LoneValue] = []
  /// The greatest stored number of pictures.
  var greatestGrey: Float = 0
  /// Maps and stations together.
  var fit = StationFit()

  /// What another rank has seen.
  mutating func add(_ other: ImportTally) {
    holes.merge(other.holes, uniquingKeysWith: +)
    places += other.places
    masked += other.masked
    raised += other.raised
    other.lone.forEach { add($0) }
    greatestGrey = max(greatestGrey, other.greatestGrey)
    fit.add(other.fit)
  }

  /// Another map's value that stands alone.
  mutating func add(_ value: LoneValue) {
    if let known = lone.firstIndex(where: { $0.stored == value.stored }) {
      lone[known].add(value)
    } else {
      lone.append(value)
    }
  }
}

extension ImportedMaps {
  /// What has been made of the file.
  ///
  /// - Parameter tally: what all ranks have seen.
  func report(_ tally: ImportTally) -> ImportReport {
    var notes = (archive?.notes ?? []) + ["numbers: \(numberNote)"]
    if !tally.holes.isEmpty {
      let count = tally.holes.values.reduce(0, +)
      let kinds = tally.holes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
      notes.append("no value: \(count) of \(tally.places) places (\(kinds))")
    }
    if let threshold = options.threshold {
      notes.append("threshold: \(tally.raised) values below \(threshold) \(units) are taken for it")
    }
    if hasMasks { notes.append("masks: \(tally.masked) of \(tally.places) places hold nothing") }
    notes.append("places: \(placeNote)")
    if let table = stationArray?.source as? StationTable { notes.append("stations: \(table.facts.type)") }
    if let remark = maps.remark, !remark.contains("?") { notes.append("shape: \(remark)") }
    var warnings = (archive?.warnings ?? []) + doubts(tally) + tally.fit.warnings(options, area)
    if let remark = maps.remark, remark.contains("?") { warnings.insert(remark, at: 0) }
    return ImportReport(notes: notes, warnings: warnings)
  }

  /// What makes one doubt that numbers and masks were taken for what they are.
  private func doubts(_ tally: ImportTally) -> [String] {
    var doubts = tally.lone.sorted { $0.places > $1.places }.prefix(3).map { lone in
      let value = MapNumbers.text(lone.stored)
      return "\(lone.places) places of \(lone.maps) maps have exactly \(value)"
        + (lone.decibels == lone.stored ? "" : " (\(lone.decibels) \(units))")
        + ", \(String(format: "%.3g", lone.distance)) dB from all other values: if that stands for no data or buildings: "
        + (maps.source.facts.isPicture ? "`nodata_grey` \(value)" : "`nodata` \(value)")
    }
    if tally.masked * 2 > tally.places {
      doubts.append(
        "the masks hide \(100 * tally.masked / tally.places) % of all places: if they are the other way about: "
          + (options.holes == nil ? "`holes`" : "`valid`") + " instead")
    }
    let place = maps.source.facts.place
    let back =
      (place.isEastFirst && options.orientation.flipsX ? "x" : "")
      + (place.isNorthUp && options.orientation.flipsY ? "y" : "")
    if !options.orientation.transposes, !back.isEmpty {
      doubts.append(
        "the file says itself that its \(back) falls, and `flip` \(back) turns that back: leave it out unless the file is wrong"
      )
    }
    if let range = options.greyRange, maps.source.facts.type.hasSuffix("16 bits"), tally.greatestGrey < 4096 {
      let usual: Float = tally.greatestGrey < 256 ? 255 : tally.greatestGrey < 1024 ? 1023 : 4095
      let white = range.black + (range.white - range.black) / usual * 65535
      doubts.append(
        "pictures of 16 bits without a level beyond \(MapNumbers.text(tally.greatestGrey)): white is 65535; if "
          + "\(MapNumbers.text(usual)) was meant to be \(range.white): `picture_range` \(range.black),\(white)")
    }
    return doubts
  }

  private var numberNote: String {
    let facts = numbers.facts
    if archive != nil {
      let greys = options.greyRange ?? RadioMapSeerArchive.greys
      return "\(facts.type), black is \(greys.black) dB, white \(greys.white) dB"
    }
    var note = facts.type.isEmpty ? "" : "\(facts.type), "
    note += "taken for \(numbers.units.rawValue) (\(numbers.reason))"
    if !facts.isPicture {
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
    let isAssumed = options.spacing == nil && facts.spacing == nil
    return "\(number(area.spacing)) m apart\(isAssumed ? " (nothing says otherwise: `spacing`)" : ""); "
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
