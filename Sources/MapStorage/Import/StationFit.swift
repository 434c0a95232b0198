import Essentials
import Foundation

/// How well maps and their stations belong together: sums over maps, which ranks can add up.
///
/// Power falls with the distance. So the correlation of a map with the logarithm of the distance to its station tells whether
/// the map lies as its station thinks: a mirrored or transposed one correlates less than its own image.
struct StationFit: Codable, Equatable {
  /// Places of a map that are looked at, about.
  private static let places = 1024.0
  /// A mirror image has to fit by so much better to be spoken of.
  private static let margin = 0.1
  /// What it has to reach itself.
  private static let least = -0.3

  /// Maps that were looked at.
  private(set) var maps = 0
  /// Stations that are off their maps.
  private(set) var offMap = 0
  /// How far off the farthest is [m].
  private(set) var farthest = 0.0
  /// Maps whose strongest place is farther from the station than a quarter of the map's diagonal.
  private(set) var weak = 0
  /// By orientation, the sum of correlations with the logarithm of the distance.
  private(set) var correlations = [Double](repeating: 0, count: MapOrientation.all.count)

  /// Looks at a map that has a station.
  mutating func add(_ map: StationMap, _ area: Area) {
    guard let station = map.station else { return }
    let rows = map.map.rows, columns = map.map.columns
    let column = (Double(station.x) - area.originX) / area.spacing,
      row = (Double(station.y) - area.originY) / area.spacing
    let off = max(-column, column - Double(columns - 1), -row, row - Double(rows - 1), 0)
    if off > 0.5 {
      offMap += 1
      farthest = max(farthest, off * area.spacing)
    }
    maps += 1
    let step = max(1, Int((Double(rows * columns) / Self.places).squareRoot()))
    var strongest = (value: -Float.infinity, row: 0, column: 0)
    var values: [Double] = [], seats: [(row: Int, column: Int)] = []
    for y in stride(from: step / 2, to: rows, by: step) {
      for x in stride(from: step / 2, to: columns, by: step) where map.mask?[y * columns + x] != false {
        let value = map.map[y, x]
        if value > strongest.value { strongest = (value, y, x) }
        values.append(Double(value))
        seats.append((y, x))
      }
    }
    let diagonal = hypot(Double(rows), Double(columns))
    if hypot(Double(strongest.row) - row, Double(strongest.column) - column) > diagonal / 4 { weak += 1 }
    for (index, orientation) in MapOrientation.all.enumerated() where !orientation.transposes || rows == columns {
      let distances = seats.map { place in
        let seen = orientation.place(row: place.row, column: place.column, rows: rows, columns: columns)
        return log(max(1, hypot(Double(seen.row) - row, Double(seen.column) - column)))
      }
      correlations[index] += Self.correlation(values, distances)
    }
  }

  private static func correlation(_ first: [Double], _ second: [Double]) -> Double {
    let count = Double(first.count)
    guard count > 2 else { return 0 }
    let means = (first.reduce(0, +) / count, second.reduce(0, +) / count)
    var sums = (cross: 0.0, first: 0.0, second: 0.0)
    for (one, other) in zip(first, second) {
      sums.cross += (one - means.0) * (other - means.1)
      sums.first += (one - means.0) * (one - means.0)
      sums.second += (other - means.1) * (other - means.1)
    }
    let scale = (sums.first * sums.second).squareRoot()
    return scale > 0 ? sums.cross / scale : 0
  }

  /// What was seen together.
  mutating func add(_ other: StationFit) {
    maps += other.maps
    offMap += other.offMap
    farthest = max(farthest, other.farthest)
    weak += other.weak
    for index in correlations.indices { correlations[index] += other.correlations[index] }
  }

  /// What a user should look at; empty where maps and stations belong together.
  ///
  /// - Parameters:
  ///   - orientation: how the maps were turned already.
  ///   - area: where they lie.
  func warnings(_ orientation: MapOrientation, _ area: Area) -> [String] {
    guard maps > 0 else { return [] }
    var warnings: [String] = []
    if offMap > 0 {
      warnings.append(
        "\(offMap) of \(maps) stations lie off their maps, by up to \(Self.text(farthest)) m: do `origin` and `spacing` "
          + "(\(Self.text(area.spacing)) m) say where the places lie, and `station_coordinates` what the stations' numbers are?"
      )
    }
    let means = correlations.map { $0 / Double(maps) }
    let best = means.indices.min { means[$0] < means[$1] } ?? 0
    if means[best] < Self.least, means[best] < means[0] - Self.margin {
      let mend = orientation.followed(by: MapOrientation.all[best]).parameters
      warnings.append(
        "the maps fit their stations better when they are "
          + (MapOrientation.all[best].transposes ? "transposed" : "mirrored")
          + " (correlation of power and distance \(Self.text(means[best])) against \(Self.text(means[0])) as they lie): "
          + (mend.isEmpty ? "leave out \(orientation.parameters)" : "\(mend) would mend it"))
    } else if weak * 2 > maps {
      warnings.append(
        "\(weak) of \(maps) maps are strongest far from their stations: are these the stations of these maps, in this "
          + "order, in metres?")
    }
    return warnings
  }

  private static func text(_ value: Double) -> String { String(format: "%.3g", value) }
}
