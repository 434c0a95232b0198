import ArgumentParser
import Essentials
import Foundation
import MapStorage
import MessagePassing
import RunRecords

extension ImportOptions.Units: ExpressibleByArgument {}

/// `ckm import`: foreign maps into a data set.
struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Take maps from HDF5, NumPy or PNG files into a data set.",
    discussion: """
      HDF5: any data set [N, H, W] or [H, W] by its path. NumPy: .npy, or an array of an .npz by its name. PNG: \
      grey pictures of 8 or 16 bits, one or a folder of them, with the values of black and white. Runs on any \
      number of ranks.
      """)

  @Argument(help: "The file, or a folder of PNG pictures.")
  var source: String

  @Option(help: "The maps' data set (HDF5) or array (.npz). Default: maps, or the only array.")
  var maps: String?

  @Option(help: "The stations' positions [N, 2 or 3] in metres: a data set, an array, or a .npy file.")
  var stations: String?

  @Option(help: "Masks like the maps, 0 where a map holds nothing: a data set, an array, or a .npy file.")
  var valid: String?

  @Option(help: "The numbers of the maps' environments [N]: a data set, an array, or a .npy file.")
  var environments: String?

  @Option(help: "What the numbers are: dB, or linear power ratios.")
  var units = ImportOptions.Units.decibel

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The values of black and white in PNG pictures, in dB: -147,-47.84", valueName: "low,high"))
  var pngRange: PictureRange?

  @Option(help: "Distance between neighbouring grid lines in metres.")
  var spacing = 1.0

  @Option(help: "Height in metres of stations that are given in the plane.")
  var stationHeight: Float = 0

  @Option(name: .shortAndLong, help: "The data set to write.")
  var out: String

  @Flag(help: "Replace the data set if there is one.")
  var overwrite = false

  func validate() throws {
    guard stationHeight.isFinite else { throw ValidationError("--station-height must be a number of metres.") }
  }

  func run() throws {
    let communicator = try Communicator.world()
    var progress: ProgressDisplay?
    let options = ImportOptions(
      maps: maps, stations: stations, valid: valid, environments: environments, units: units,
      pictureRange: pngRange?.range, stationHeight: stationHeight)
    let (description, count) = try MapImporter.run(
      path: source, options: options, target: out, spacing: spacing, softwareVersion: Software.version,
      communicator: communicator, overwrite: overwrite
    ) { done, total in
      // Of rank 0's share: the others are about as far.
      let display = progress ?? Self.display(total, communicator)
      progress = display
      display.update(step: done, unitsPerStep: Double(communicator.size))
    }
    progress?.finish()
    if communicator.isRoot {
      print("\(out): \(count) maps of \(description.rows) x \(description.columns), \(description.units)")
    }
  }

  private static func display(_ total: Int, _ communicator: Communicator) -> ProgressDisplay {
    ProgressDisplay(
      "import", total: total, unit: "maps", style: .automatic(isEnabled: communicator.isRoot))
  }
}

/// Two numbers "-147,-47.84": the values [dB] of black and white.
struct PictureRange: ExpressibleByArgument {
  let range: ValueRange

  init?(argument: String) {
    let ends = argument.split(separator: ",", omittingEmptySubsequences: false).map { Float($0) }
    guard ends.count == 2, let low = ends[0], let high = ends[1], low.isFinite, high.isFinite, low < high
    else { return nil }
    range = ValueRange(minimum: low, maximum: high)
  }
}
