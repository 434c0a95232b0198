import ArgumentParser
import Essentials
import Foundation
import MapStorage
import MessagePassing
import Records

/// `ckm export`: maps of a data set in the forms that other tools read.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write maps of a data set as NumPy, PNG or GeoTIFF files.",
    discussion: """
      The ending of --out says the form: .npy (float32 [N, H, W], NaN where a map holds nothing), .npz (the same with masks, \
      layers, stations, x and y), .tif (GeoTIFF, a band for each map, north up, places in metres, no data NaN), .png (one map, \
      16 bits), or NAME/ for a folder of PNG with their stations in a table.

      Grey level g of a picture stands for black + g (white - black) / 65535, level 0 for no value; black and white are told, \
      and stand in the picture, so that ckm import needs no range. The first row of arrays and pictures has the least y.
      """)

  @Argument(help: "The data set, as simulate, import and reconstruct write it.")
  var source: String

  @Option(name: .shortAndLong, help: "The file to write, or a folder: NAME/.")
  var out: String

  @Option(help: ArgumentHelp("The layer to write in place of the maps: deviation.", valueName: "layer"))
  var maps: String?

  @Option(help: ArgumentHelp("Which maps to write, by their numbers. Default: all.", valueName: "0,5,7-9"))
  var select: SampleNumbers?

  @Option(help: "GeoTIFF: the code of the projected coordinate system, in metres, that the maps' x and y belong to.")
  var epsg: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "PNG: the values of grey levels 0 and 65535, as in import. Default: so that the maps' values are 1 to 65535.",
      valueName: "black,white"))
  var pngRange: GreyRangeArgument?

  @Flag(help: "Replace what has this name.")
  var overwrite = false

  func run() throws {
    try Launch.onRoot("export the maps") {
      var request = ExportRequest(source: source, target: out)
      request.layer = maps
      request.samples = select?.numbers
      request.coordinateSystem = epsg
      request.greyRange = pngRange?.range
      request.overwrite = overwrite
      request.softwareVersion = Software.version
      try Self.export(request, style: .automatic(isEnabled: true))
    }
  }

  /// Writes the file, and tells what it is.
  static func export(_ request: ExportRequest, style: ProgressDisplay.Style) throws {
    let exporter = try MapExporter(request)
    var progress: ProgressDisplay?
    let report = try exporter.run { done in
      let display =
        progress
        ?? ProgressDisplay("export", total: exporter.count, unit: "maps", style: style)
      progress = display
      display.update(step: done)
    }
    progress?.finish()
    print(
      "\(request.target): \(report.count) map\(report.count == 1 ? "" : "s") of \(report.rows) x \(report.columns), \(report.units)"
    )
    if let range = report.greyRange {
      let stations = exporter.stationTable.map { " --stations \($0)" } ?? ""
      print(
        "again a data set: ckm import \(request.target)\(stations) --png-range \(range.black),\(range.white) "
          + "--nodata-grey 0 -o maps.h5")
    }
  }
}

/// Numbers of maps: "0,5,7-9".
struct SampleNumbers: ExpressibleByArgument {
  let numbers: [Int]

  init?(argument: String) {
    var numbers: [Int] = []
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first >= 0,
        first <= last,
        last <= Int(Int32.max), numbers.count + last - first < 1 << 24
      else { return nil }
      numbers += Array(first...last)
    }
    guard !numbers.isEmpty, Set(numbers).count == numbers.count else { return nil }
    self.numbers = numbers
  }
}
