import ArgumentParser
import MapStorage

extension ImportOptions.Units: ExpressibleByArgument {}

/// Where in a foreign file the maps are, and what their numbers mean; shared by all commands that take such files.
struct ForeignMapOptions: ParsableArguments {
  @Option(help: "The maps' data set (HDF5) or array (.npz). Default: maps, or the only array.")
  var maps: String?

  @Option(help: "Masks like the maps, 0 where a map holds nothing: a data set, an array, or a .npy file.")
  var valid: String?

  @Option(help: "What the numbers are: dB, or linear power ratios.")
  var units = ImportOptions.Units.decibel

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The values of black and white in PNG pictures, in dB: -147,-47.84", valueName: "low,high"))
  var pngRange: PictureRange?

  var options: ImportOptions {
    ImportOptions(maps: maps, valid: valid, units: units, pictureRange: pngRange?.range)
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
