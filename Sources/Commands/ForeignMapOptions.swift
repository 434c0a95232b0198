import ArgumentParser
import Essentials
import MapStorage

/// Where in a foreign file the maps are, and what their numbers mean; shared by all commands that take such files.
struct ForeignMapOptions: ParsableArguments {
  @Option(help: "The maps' data set (HDF5) or array (.npz). Default: maps, or the only array.")
  var maps: String?

  @Option(
    help: ArgumentHelp(
      "Masks like the maps, or one for all, 0 where a map holds nothing: a data set, an array, a file (.npy, PNG), a folder of "
        + "PNG, or FILE:NAME.", valueName: "source"))
  var valid: String?

  @Option(
    help: ArgumentHelp(
      "Masks the other way about, 0 where a map holds something: buildings. As --valid.", valueName: "source"))
  var holes: String?

  @Option(
    help: ArgumentHelp(
      "What the numbers are: dB (gain), pathloss (positive dB), linear (power ratio), amplitude (real or complex), or received "
        + "power in dBm, dBW, W, mW, uW, nW, pW. Default: what the file says, else dB if numbers can be such."))
  var units: PowerUnits?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The power that was sent, in dBm: received powers become gains. Without it such maps stay in dBm.",
      valueName: "dBm"))
  var transmitPower: Float?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The values of black and white in PNG pictures, in --units: -147,-47.84; white may be the less. In arrays those of 0 "
        + "and 255 (uint8), 65535 (uint16) or 1 (floats).",
      valueName: "black,white"))
  var pngRange: GreyRangeArgument?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "What stored numbers are multiplied by, where the file does not say it itself: 0.01.", valueName: "number"))
  var scaleFactor: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("What is added then: -90.", valueName: "number"))
  var addOffset: Double?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A number that stands where a map holds nothing, as the file has it: -9999, 0, nan, -inf; or transparent, of pictures. "
        + "Repeatable.", valueName: "value"))
  var nodata: [NoDataArgument] = []

  @Option(
    help: ArgumentHelp(
      "A grey level of pictures that stands where a map holds nothing. Repeatable.", valueName: "level"))
  var nodataGrey: [Int] = []

  @Flag(help: "Take the numbers as they are stored, whatever attributes say: scale_factor, _FillValue, units, ...")
  var ignoreAttributes = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Refuse maps with values beyond. Default: -250,30 dB, or -250,80 dBm.", valueName: "low,high"))
  var limits: PictureRange?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Values below count as this one, in dB or dBm: where another's maps were cut. Default: each as it is.",
      valueName: "dB"))
  var threshold: Float?

  @Option(
    help: ArgumentHelp(
      "The order of an array's axes, slowest first as NumPy has them: n for maps, y and x for places. Default: nyx. MATLAB keeps "
        + "A(y,x,n) as nxy.", valueName: "letters"))
  var axes: AxisOrder?

  @Flag(help: "The file's rows are columns of the maps.")
  var transpose = false

  @Option(help: "Turn axes round: y where the file's first row has the greatest y (north up), x, or xy.")
  var flip: FlipArgument?

  var options: ImportOptions {
    var options = ImportOptions(maps: maps, valid: valid, units: units)
    options.holes = holes
    options.transmitPower = transmitPower
    options.greyRange = pngRange?.range
    (options.scale, options.offset) = (scaleFactor, addOffset)
    options.nodata = nodata.map(\.value) + nodataGrey.map { .grey($0) }
    options.ignoresAttributes = ignoreAttributes
    options.limits = limits?.range
    options.threshold = threshold
    options.axes = axes
    options.orientation = MapOrientation(
      transposes: transpose, flipsX: flip?.flipsX ?? false, flipsY: flip?.flipsY ?? false)
    return options
  }

  func validate() throws {
    guard scaleFactor.map({ $0.isFinite && $0 != 0 }) ?? true, addOffset.map(\.isFinite) ?? true else {
      throw ValidationError("--scale-factor and --add-offset are finite numbers, the former not 0.")
    }
    guard threshold.map(\.isFinite) ?? true else { throw ValidationError("--threshold must be a number of dB.") }
    guard transmitPower.map(\.isFinite) ?? true else {
      throw ValidationError("--transmit-power must be a number of dBm.")
    }
    guard nodataGrey.allSatisfy({ (0...65535).contains($0) }) else {
      throw ValidationError("--nodata-grey must be 0 to 65535.")
    }
  }
}

/// Where the stations of foreign maps stand.
struct StationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The stations' positions [N, 2 or 3]: a data set, an array, a file (.npy, .csv, .json), or FILE:NAME.",
      valueName: "source"))
  var stations: String?

  @Option(
    help: ArgumentHelp(
      "What stations' numbers are: metres xy or yx; places of the map as the file has it, counted from 0, column-row or "
        + "row-column; degrees lon-lat or lat-lon. Default: a table's header, else xy."))
  var stationCoordinates: StationCoordinates?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Latitude and longitude of the maps' x = 0, y = 0, for stations in degrees: 52.52,13.405", valueName: "lat,lon"))
  var geoOrigin: Position?

  /// Adds what is said of stations.
  func set(_ options: inout ImportOptions) {
    options.stations = stations
    options.stationCoordinates = stationCoordinates
    options.geographicOrigin = geoOrigin.map { SIMD2($0.x, $0.y) }
  }

  func validate() throws {
    guard geoOrigin.map({ abs($0.x) < 90 && abs($0.y) <= 360 }) ?? true else {
      throw ValidationError("--geo-origin is a latitude within -90...90 and a longitude, in degrees.")
    }
  }
}

/// Where foreign maps and their stations lie.
struct PlaceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Distance between neighbouring grid lines in metres, of the fine maps where coarse ones are given. Default: what the "
        + "file says, else 1.", valueName: "metres"))
  var spacing: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Where the place of foreign maps with the least x and y lies in metres, in the stations' coordinates. Default: what the "
        + "file says, else 0,0.", valueName: "x,y"))
  var origin: Position?

  @Option(help: "Height in metres of stations that are given in the plane. Default: 0.")
  var stationHeight: Float?

  @Option(help: "Height in metres at which the power was received. Default: 1.5.")
  var userHeight: Double?

  /// Where the places lie, whatever a file says.
  var area: Area {
    Area(
      spacing: spacing ?? 1, originX: origin?.x ?? 0, originY: origin?.y ?? 0,
      userHeight: userHeight ?? Area.usualUserHeight)
  }

  /// Adds what is said of places.
  func set(_ options: inout ImportOptions) {
    options.spacing = spacing
    options.origin = origin.map { SIMD2($0.x, $0.y) }
    options.stationHeight = stationHeight ?? 0
    options.userHeight = userHeight ?? Area.usualUserHeight
  }

  func validate() throws {
    guard spacing.map({ $0.isFinite && $0 > 0 }) ?? true else {
      throw ValidationError("--spacing: expected a positive number of metres, found \(spacing ?? 0)")
    }
    guard userHeight.map({ $0.isFinite && $0 >= 0 }) ?? true else {
      throw ValidationError("--user-height: expected a number of metres from 0 on, found \(userHeight ?? 0)")
    }
    guard stationHeight.map(\.isFinite) ?? true else {
      throw ValidationError("--station-height must be a number of metres.")
    }
  }
}

/// Coarse maps alone.
struct CoarseMapOptions: ParsableArguments {
  @Option(help: "Coarse maps alone: HDF5, .npy, .npz, GeoTIFF, PNG or a folder of PNG.")
  var coarse: String?

  @OptionGroup var foreign: ForeignMapOptions

  @OptionGroup var stations: StationOptions

  @OptionGroup var place: PlaceOptions

  var options: ImportOptions {
    var options = foreign.options
    stations.set(&options)
    place.set(&options)
    return options
  }

  /// Either a data set or coarse maps alone.
  func validate(beside data: String?) throws {
    guard (data == nil) != (coarse == nil) else { throw ValidationError("Give either --data or --coarse.") }
    guard data == nil || stations.stations == nil else {
      throw ValidationError("--stations is for --coarse; a data set has its own.")
    }
  }
}

extension PowerUnits: ExpressibleByArgument {
  /// As it is written; where only one is meant, also with other capitals.
  public init?(argument: String) { self.init(named: argument) }
}

extension StationCoordinates: ExpressibleByArgument {}

extension AxisOrder: ExpressibleByArgument {
  /// "nyx", "n,x,y".
  public init?(argument: String) { self.init(argument) }
}

/// Which axes are turned round: "y", "x", "xy".
struct FlipArgument: ExpressibleByArgument {
  let flipsX: Bool
  let flipsY: Bool

  init?(argument: String) {
    guard ["x", "y", "xy", "yx"].contains(argument) else { return nil }
    flipsX = argument.contains("x")
    flipsY = argument.contains("y")
  }
}

/// What stands for nothing: a number, nan, inf, -inf, or "transparent".
struct NoDataArgument: ExpressibleByArgument {
  let value: ImportOptions.NoData

  init?(argument: String) {
    if argument == "transparent" {
      value = .transparent
    } else if let number = Float(argument) {
      value = .value(number)
    } else {
      return nil
    }
  }
}

/// Two numbers "-147,-47.84", or "0,-255": the values of black and white.
struct GreyRangeArgument: ExpressibleByArgument {
  let range: ImportOptions.GreyRange

  init?(argument: String) {
    let ends = argument.split(separator: ",", omittingEmptySubsequences: false).map { Float($0) }
    guard ends.count == 2, let black = ends[0], let white = ends[1], black.isFinite, white.isFinite, black != white
    else { return nil }
    range = ImportOptions.GreyRange(black: black, white: white)
  }
}

/// Two rising numbers "-147,-47.84": a range of values [dB].
struct PictureRange: ExpressibleByArgument {
  let range: ValueRange

  init?(argument: String) {
    let ends = argument.split(separator: ",", omittingEmptySubsequences: false).map { Float($0) }
    guard ends.count == 2, let low = ends[0], let high = ends[1], low.isFinite, high.isFinite, low < high
    else { return nil }
    range = ValueRange(minimum: low, maximum: high)
  }
}
