import ArgumentParser
import MapStorage

/// Archives of maps that are known as they were published.
enum ArchiveLayout: String, CaseIterable, ExpressibleByArgument {
  case radioMapSeer = "radiomapseer"
}

/// Which part of an archive is taken.
struct ArchiveOptions: ParsableArguments {
  @Option(help: "The source is the folder of an archive of many cities and stations as it was published.")
  var layout: ArchiveLayout?

  @Option(
    help: ArgumentHelp(
      "By which method the archive's maps were made: DPM, IRT2, IRT4, carsDPM, … Default: the only one that is there.",
      valueName: "name"))
  var method: String?

  @Option(
    help: ArgumentHelp("Which of the archive's cities. Default: those that are there.", valueName: "0-99,200"))
  var cities: SampleNumbers?

  @Option(
    help: ArgumentHelp(
      "Which of the transmitters of each city, counted from 0. Default: those that are there.", valueName: "0-9,15"))
  var transmitters: SampleNumbers?

  @Flag(help: "Where files of the archive are missing, take the maps that have all that belongs to them.")
  var allowMissing = false

  @Flag(help: "Throw away what an interrupted run has left, and start over.")
  var restart = false

  /// What is asked for; nil where the source is no archive.
  var part: RadioMapSeerPart? {
    guard layout != nil else { return nil }
    return RadioMapSeerPart(
      method: method, cities: cities?.numbers, transmitters: transmitters?.numbers, allowsMissing: allowMissing)
  }

  /// Options that are for archives alone, and were given.
  private var own: [String] {
    [
      ("--method", method != nil), ("--cities", cities != nil), ("--transmitters", transmitters != nil),
      ("--allow-missing", allowMissing), ("--restart", restart),
    ].filter(\.1).map(\.0)
  }

  /// An archive says itself what others have to be asked for.
  ///
  /// - Parameter others: options that say such, and were given.
  func validate(beside others: [String]) throws {
    if let layout, let other = others.first {
      throw ValidationError("\(other) is not for --layout \(layout.rawValue), which says that itself.")
    }
    if layout == nil, let option = own.first { throw ValidationError("\(option) is for --layout.") }
  }
}

extension ForeignMapOptions {
  /// Options that say what an archive says itself, and were given.
  var beyondArchives: [String] {
    [
      ("--maps", maps != nil), ("--valid", valid != nil), ("--holes", holes != nil), ("--units", units != nil),
      ("--transmit-power", transmitPower != nil), ("--scale-factor", scaleFactor != nil),
      ("--add-offset", addOffset != nil), ("--nodata", !nodata.isEmpty), ("--nodata-grey", !nodataGrey.isEmpty),
      ("--ignore-attributes", ignoreAttributes), ("--axes", axes != nil), ("--transpose", transpose),
      ("--flip", flip != nil),
    ].filter(\.1).map(\.0)
  }
}

extension StationOptions {
  /// As for maps.
  var beyondArchives: [String] {
    [
      ("--stations", stations != nil), ("--station-coordinates", stationCoordinates != nil),
      ("--geo-origin", geoOrigin != nil),
    ].filter(\.1).map(\.0)
  }
}

extension PlaceOptions {
  /// As for maps; where an archive's maps lie among others it does not say.
  var beyondArchives: [String] {
    [
      ("--spacing", spacing != nil), ("--station-height", stationHeight != nil), ("--user-height", userHeight != nil),
    ].filter(\.1).map(\.0)
  }
}
