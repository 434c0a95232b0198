import Essentials

/// Where in a foreign file the maps are, what their numbers mean, and how they lie.
public struct ImportOptions: Sendable {
  /// A layer beside the maps.
  public struct Layer: Equatable, Sendable {
    /// What the data set calls it.
    public var name: String
    /// The data set, array, file or folder that it comes from.
    public var source: String

    /// - Parameters:
    ///   - name: what the data set calls it.
    ///   - source: the data set, array, file or folder that it comes from.
    public init(name: String, source: String) {
      self.name = name
      self.source = source
    }
  }

  /// The values of black and white in pictures, in the maps' units; white may be the less.
  public struct GreyRange: Equatable, Sendable {
    /// The value of grey level 0.
    public var black: Float
    /// The value of the greatest grey level.
    public var white: Float

    /// - Parameters:
    ///   - black: the value of grey level 0.
    ///   - white: the value of the greatest grey level; another one.
    public init(black: Float, white: Float) {
      precondition(black != white, "one value for black and white")
      self.black = black
      self.white = white
    }
  }

  /// What stands in a file where a map holds nothing.
  public enum NoData: Hashable, Sendable {
    /// This number, as the file has it: a finite one, an infinite one or none (NaN).
    case value(Float)
    /// This grey level of pictures.
    case grey(Int)
    /// Pixels of pictures that are not opaque.
    case transparent
  }

  /// The source is an archive of RadioMapSeer, of which this part is taken; nil: it is none. Its layers' sources are the names
  /// of folders in png/.
  public var radioMapSeer: RadioMapSeerPart?
  /// The maps' data set in an HDF5 file or their array in a `.npz`; nil: "maps", or the only array.
  public var maps: String?
  /// The stations' positions `[N, 2 or 3]`: a data set or array of the same file, or a file beside it.
  public var stations: String?
  /// The masks, of the maps' shape or one for all, 0 where a map holds nothing: as `stations`.
  public var valid: String?
  /// The masks the other way about, 0 where a map holds something, such as of buildings: as `stations`.
  public var holes: String?
  /// The environments' numbers `[N]`: as `stations`.
  public var environments: String?
  /// Further layers, of the maps' shape or one for all, taken as they are: as `stations`.
  public var layers: [Layer] = []
  /// What the numbers are; nil: what the file says, else decibels, unless the numbers speak against it.
  public var units: PowerUnits?
  /// The power that was sent [dBm], to make gains of received powers; nil: maps stay in dBm.
  public var transmitPower: Float?
  /// The values of black and white in pictures, in the maps' units; in arrays of 0 to 1 of those, in arrays of uint8 and
  /// uint16 of the least and greatest number.
  public var greyRange: GreyRange?
  /// What stored numbers are multiplied by, whatever the file says; nil: as it says.
  public var scale: Double?
  /// What is added then, whatever the file says; nil: as it says.
  public var offset: Double?
  /// What stands where a map holds nothing, beside what the file says itself.
  public var nodata: [NoData] = []
  /// Whether what attributes say of the numbers is not listened to.
  public var ignoresAttributes = false
  /// The least and greatest value that a map may have [dB or dBm]; nil: what channels have, `usualLimits`.
  public var limits: ValueRange?
  /// Values below count as this one [dB or dBm]; nil: each as it is.
  public var threshold: Float?
  /// The order of the maps' axes in their array; nil: map, y, x.
  public var axes: AxisOrder?
  /// How rows and columns of the file become rows and columns of a map.
  public var orientation = MapOrientation()
  /// What stations' numbers are; nil: x, y and z in metres, or what a table's header says.
  public var stationCoordinates: StationCoordinates?
  /// Latitude and longitude of x = 0, y = 0 [degree], for stations in degrees.
  public var geographicOrigin: SIMD2<Double>?
  /// The height of stations that are given in the plane [m].
  public var stationHeight: Float = 0
  /// Distance between neighbouring places [m]; nil: what the file says, else 1 m.
  public var spacing: Double?
  /// Distance between places [m] where neither the user nor the file says it.
  var usualSpacing = 1.0
  /// x and y of the place with the least x and y [m]; nil: what the file says, else (0, 0).
  public var origin: SIMD2<Double>?
  /// The height at which the power was received [m].
  public var userHeight = Area.usualUserHeight

  /// Values of decibels that channels have: from below any receiver's noise to more than the largest array's gain at arm's
  /// length; of received powers, to more than any transmitter sends.
  public static func usualLimits(received: Bool) -> ValueRange {
    ValueRange(minimum: -250, maximum: received ? 80 : 30)
  }

  /// - Parameters:
  ///   - maps: the maps' data set or array.
  ///   - stations: the stations' data set, array or file.
  ///   - valid: the masks' data set, array, file or folder.
  ///   - environments: the environments' data set, array or file.
  ///   - layers: further layers beside the maps.
  ///   - units: what the numbers are; nil: what the file says.
  ///   - stationHeight: the height of stations that are given in the plane [m].
  public init(
    maps: String? = nil, stations: String? = nil, valid: String? = nil, environments: String? = nil,
    layers: [Layer] = [], units: PowerUnits? = nil, stationHeight: Float = 0
  ) {
    self.maps = maps
    self.stations = stations
    self.valid = valid
    self.environments = environments
    self.layers = layers
    self.units = units
    self.stationHeight = stationHeight
  }

  /// Where maps lie whose file says nothing of it.
  public var area: Area {
    get {
      Area(spacing: spacing ?? usualSpacing, originX: origin?.x ?? 0, originY: origin?.y ?? 0, userHeight: userHeight)
    }
    set {
      spacing = newValue.spacing
      origin = SIMD2(newValue.originX, newValue.originY)
      userHeight = newValue.userHeight
    }
  }
}

extension ImportOptions {
  /// The layers beside the maps, an archive's buildings among them.
  var allLayers: [Layer] {
    let buildings = RadioMapSeerArchive.buildings
    return radioMapSeer == nil || layers.contains { $0.name == buildings.name } ? layers : [buildings] + layers
  }

  /// For coarse maps, where the spacing is that of the fine places.
  ///
  /// - Parameter magnification: fine places from one coarse sample to the next.
  public func coarse(_ magnification: Int) -> ImportOptions {
    var options = self
    options.spacing = spacing.map { $0 * Double(magnification) }
    // Without a word of spacing, neither from the user nor from the file, fine places are 1 m apart.
    options.usualSpacing = Double(magnification)
    return options
  }
}

extension Area {
  /// Where fine places lie, of which one in so many is a coarse one.
  public func fine(_ magnification: Int) -> Area {
    var fine = self
    fine.spacing /= Double(magnification)
    return fine
  }
}

/// What stations' numbers are. Heights follow, where there are three.
public enum StationCoordinates: String, Codable, CaseIterable, Sendable {
  /// Metres, x first.
  case xy
  /// Metres, y first.
  case yx
  /// Columns and rows of the map as it stands in the file, counted from 0.
  case columnRow = "column-row"
  /// Rows and columns of the map as it stands in the file, counted from 0.
  case rowColumn = "row-column"
  /// Degrees of WGS 84, longitude first.
  case lonLat = "lon-lat"
  /// Degrees of WGS 84, latitude first.
  case latLon = "lat-lon"

  /// The same with its axes in the other order.
  var swapped: StationCoordinates {
    switch self {
    case .xy: .yx
    case .yx: .xy
    case .columnRow: .rowColumn
    case .rowColumn: .columnRow
    case .lonLat: .latLon
    case .latLon: .lonLat
    }
  }
  /// Whether they are degrees.
  public var isGeographic: Bool { self == .lonLat || self == .latLon }
  /// Whether the second number belongs to the first axis.
  var isSwapped: Bool { self == .yx || self == .rowColumn || self == .latLon }
}
