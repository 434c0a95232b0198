import Computing
import Essentials

/// Buildings that are known as a mask: what the dominant path model gives for a station anywhere among them.
public struct UrbanSurroundings: Sendable {
  private let graph: CornerGraph
  private let area: Area
  private let law: UrbanLaw
  private let buildingHeight: Double

  /// - Parameters:
  ///   - outdoors: the places without a building, `[y, x]`.
  ///   - rows: rows of the area.
  ///   - columns: columns of the area.
  ///   - area: where the places lie.
  ///   - law: the coefficients of the paths.
  ///   - buildingHeight: height of the buildings [m]; nil: the usual one.
  ///   - threads: the workers.
  /// - Throws: `Fault` for an area that the model cannot have.
  public init(
    outdoors: Mask, rows: Int, columns: Int, area: Area, law: UrbanLaw = UrbanLaw(),
    buildingHeight: Double? = nil, threads: Threads? = nil
  ) throws {
    let grid = AreaGrid(columns: columns, rows: rows, spacing: area.spacing)
    try grid.validate()
    graph = CornerGraph(City(isBuilt: outdoors.flags.map { !$0 }, grid: grid), threads: threads)
    (self.area, self.law, self.buildingHeight) = (area, law, buildingHeight ?? UrbanHeights().buildings)
  }

  /// The gains of a station [dB], where no path leads the weakest that the law knows.
  ///
  /// - Parameter station: (x, y, z) [m].
  public func map(of station: SIMD3<Float>) -> ChannelFingerprint {
    let heights = UrbanHeights(
      station: Double(station.z), user: area.userHeight, buildings: buildingHeight)
    var paths = DominantPaths(graph, law, heights)
    let place = SIMD2(
      (Double(station.x) - area.originX) / area.spacing, (Double(station.y) - area.originY) / area.spacing)
    let values = UrbanQuantity.gain.values(paths.losses(from: place), graph.city, weakest: law.weakest)
    return ChannelFingerprint(rows: graph.city.grid.rows, columns: graph.city.grid.columns, values: values)
  }
}
