import Essentials

/// Where in a foreign file the maps are, and what their numbers mean.
public struct ImportOptions: Sendable {
  /// What a map's numbers are.
  public enum Units: String, Codable, CaseIterable, Sendable {
    /// Decibels: taken as they are.
    case decibel = "dB"
    /// Power ratios: ten times their decimal logarithm is taken.
    case linear
  }

  /// A layer beside the maps.
  public struct Layer: Equatable, Sendable {
    /// What the data set calls it.
    public var name: String
    /// The data set, array or `.npy` file that it comes from.
    public var source: String

    /// - Parameters:
    ///   - name: what the data set calls it.
    ///   - source: the data set, array or `.npy` file that it comes from.
    public init(name: String, source: String) {
      self.name = name
      self.source = source
    }
  }

  /// The maps' data set in an HDF5 file or their array in a `.npz`; nil: "maps", or the only array.
  public var maps: String?
  /// The stations' positions `[N, 2 or 3]` [m]: a data set or array of the same file, or a `.npy` file beside others.
  public var stations: String?
  /// The masks, of the maps' shape, 0 where a map holds nothing: as `stations`.
  public var valid: String?
  /// The environments' numbers `[N]`: as `stations`.
  public var environments: String?
  /// Further layers, of the maps' shape, taken as they are: as `stations`.
  public var layers: [Layer]
  /// What the numbers are.
  public var units: Units
  /// The values [dB] of black and white in pictures.
  public var pictureRange: ValueRange?
  /// The height of stations that are given in the plane [m].
  public var stationHeight: Float

  /// - Parameters:
  ///   - maps: the maps' data set or array.
  ///   - stations: the stations' data set, array or `.npy` file.
  ///   - valid: the masks' data set, array or `.npy` file.
  ///   - environments: the environments' data set, array or `.npy` file.
  ///   - layers: further layers beside the maps.
  ///   - units: what the numbers are.
  ///   - pictureRange: the values [dB] of black and white in pictures.
  ///   - stationHeight: the height of stations that are given in the plane [m].
  public init(
    maps: String? = nil, stations: String? = nil, valid: String? = nil, environments: String? = nil,
    layers: [Layer] = [], units: Units = .decibel, pictureRange: ValueRange? = nil, stationHeight: Float = 0
  ) {
    self.maps = maps
    self.stations = stations
    self.valid = valid
    self.environments = environments
    self.layers = layers
    self.units = units
    self.pictureRange = pictureRange
    self.stationHeight = stationHeight
  }
}
