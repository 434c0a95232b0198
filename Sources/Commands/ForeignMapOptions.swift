import ArgumentParser
import Essentials
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

/// Where foreign maps and their stations lie.
struct PlaceOptions: ParsableArguments {
  @Option(help: "Distance between neighbouring grid lines in metres, of the fine maps where coarse ones are given.")
  var spacing = 1.0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Where the first place of foreign maps lies in metres, in the stations' coordinates.", valueName: "x,y"))
  var origin = Position(x: 0, y: 0)

  @Option(help: "Height in metres of stations that are given in the plane.")
  var stationHeight: Float = 0

  @Option(help: "Height in metres at which the power was received.")
  var userHeight = Area.usualUserHeight

  /// Where the places lie.
  var area: Area { Area(spacing: spacing, originX: origin.x, originY: origin.y, userHeight: userHeight) }

  func validate() throws {
    guard spacing.isFinite, spacing > 0 else {
      throw ValidationError("--spacing: expected a positive number of metres, found \(spacing)")
    }
    guard userHeight.isFinite, userHeight >= 0 else {
      throw ValidationError("--user-height: expected a number of metres from 0 on, found \(userHeight)")
    }
    guard stationHeight.isFinite else { throw ValidationError("--station-height must be a number of metres.") }
  }
}

/// Coarse maps alone.
struct CoarseMapOptions: ParsableArguments {
  @Option(help: "Coarse maps alone: HDF5, .npy, .npz, PNG or a folder of PNG.")
  var coarse: String?

  @OptionGroup var foreign: ForeignMapOptions

  @Option(help: "Coarse maps' stations [N, 2 or 3] in metres: a data set, an array, or a .npy file.")
  var stations: String?

  @OptionGroup var place: PlaceOptions

  var options: ImportOptions {
    var options = foreign.options
    options.stations = stations
    options.stationHeight = place.stationHeight
    return options
  }

  /// Either a data set or coarse maps alone.
  func validate(beside data: String?) throws {
    guard (data == nil) != (coarse == nil) else { throw ValidationError("Give either --data or --coarse.") }
    guard data == nil || stations == nil else {
      throw ValidationError("--stations is for --coarse; a data set has its own.")
    }
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
