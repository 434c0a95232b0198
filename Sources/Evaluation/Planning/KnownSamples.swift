import Essentials
import Interpolation
import MapStorage

/// Where the known samples of a plan come from.
public enum PlanSource: Sendable {
  /// A map of a data set, decimated.
  case dataSet(path: String, sample: Int, magnification: Int)
  /// A measured coarse map alone; with a mask and magnification 1 that is any set of pixels. The options'
  /// spacing is that of the fine places.
  case coarse(path: String, options: ImportOptions, sample: Int, magnification: Int)

  /// The file or folder.
  public var path: String {
    switch self {
    case .dataSet(let path, _, _), .coarse(let path, _, _, _): path
    }
  }
}

/// What is known of a map before measurements are planned.
struct KnownSamples {
  let rows: Int
  let columns: Int
  var samples: ScatteredSamples
  let station: SIMD3<Float>?
  let area: Area
  /// Which pixels can be measured; nil: all.
  let mask: Mask?

  /// - Throws: `Fault` when the file cannot be read, has no such sample or does not fit the magnification.
  init(_ source: PlanSource) throws {
    switch source {
    case .dataSet(let path, let sample, let magnification):
      let reader = try MapSetReader(path: path)
      try Self.require(sample, below: reader.count, at: path)
      try self.init(try reader.map(sample), reader.description.area, magnification: magnification)
    case .coarse(let path, let options, let sample, let magnification):
      let maps = try ImportedMaps(path: path, options: options.coarse(magnification))
      try Self.require(sample, below: maps.count, at: path)
      let grid = try SamplingGrid(coarseRows: maps.rows, coarseColumns: maps.columns, magnification: magnification)
      self.init(try maps.read(sample..<sample + 1)[0], on: grid, maps.area.fine(magnification), mask: nil)
    }
  }

  /// A fine map, decimated.
  init(_ fine: StationMap, _ area: Area, magnification: Int) throws {
    let grid = try SamplingGrid(rows: fine.map.rows, columns: fine.map.columns, magnification: magnification)
    self.init(grid.decimate(fine), on: grid, area, mask: fine.mask)
  }

  private init(_ coarse: StationMap, on grid: SamplingGrid, _ area: Area, mask: Mask?) {
    rows = grid.rows
    columns = grid.columns
    station = coarse.station
    self.area = area
    self.mask = mask
    samples = ScatteredSamples(coarse, on: grid)
  }

  private static func require(_ sample: Int, below count: Int, at path: String) throws {
    guard (0..<count).contains(sample) else {
      throw Fault(
        "there is no such map", at: path, expected: "a sample of 0 to \(count - 1)", found: "\(sample)")
    }
  }

  /// The Gaussian process of the samples.
  func kriging() throws -> ScatteredKriging {
    try ScatteredKriging(samples, extent: Double(max(rows, columns)), station: station, area: area)
  }

  /// Places that are measured need not be measured again.
  func exclude(from planner: inout MeasurementPlanner) {
    for place in samples.positions { planner.exclude(row: Int(place.x), column: Int(place.y)) }
  }
}
