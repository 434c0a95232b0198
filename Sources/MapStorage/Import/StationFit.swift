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
  /// Correlations that are as good as equal.
  private static let equal = 0.01
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

  /// By orientation, how many maps fit better than as they lie.
  private(set) var better = [Int](repeating: 0, count: MapOrientation.all.count)
  /// By what the stations' numbers could be instead, the same sum.
  private(set) var readings: [String: Double] = [:]

  /// Looks at a map that has a station.
  ///
  /// - Parameters:
  ///   - map: the map.
  ///   - area: where it lies.
  ///   - alternatives: where the station would stand if its numbers were something else.
  mutating func add(_ map: StationMap, _ area: Area, _ alternatives: [StationCoordinates: SIMD3<Float>] = [:]) {
    guard let station = map.station else { return }
    let rows = map.map.rows, columns = map.map.columns
    func seat(_ station: SIMD3<Float>) -> (row: Double, column: Double) {
      ((Double(station.y) - area.originY) / area.spacing, (Double(station.x) - area.originX) / area.spacing)
    }
    let (row, column) = seat(station)
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
    func fit(_ seat: (row: Double, column: Double), _ turn: MapOrientation) -> Double {
      // A transposed map has as many rows as this one has columns.
      let (height, width) = turn.transposes ? (columns, rows) : (rows, columns)
      let distances = seats.map { place in
        let seen = turn.place(row: place.row, column: place.column, rows: height, columns: width)
        return log(max(1, hypot(Double(seen.row) - seat.row, Double(seen.column) - seat.column)))
      }
      return Self.correlation(values, distances)
    }
    let fits = MapOrientation.all.map { fit((row, column), $0) }
    for (index, fit) in fits.enumerated() {
      correlations[index] += fit
      better[index] += fit < fits[0] ? 1 : 0
    }
    for (reading, station) in alternatives {
      readings[reading.rawValue, default: 0] += fit(seat(station), MapOrientation())
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
    for index in better.indices { better[index] += other.better[index] }
    readings.merge(other.readings, uniquingKeysWith: +)
  }

  /// What a user should look at; empty where maps and stations belong together.
  ///
  /// - Parameters:
  ///   - options: what was said of them.
  ///   - area: where the maps lie.
  func warnings(_ options: ImportOptions, _ area: Area) -> [String] {
    guard maps > 0 else { return [] }
    var warnings: [String] = []
    if offMap > 0 {
      warnings.append(
        "\(offMap) of \(maps) stations lie off their maps, by up to \(Self.text(farthest)) m: do `origin` and `spacing` "
          + "(\(Self.text(area.spacing)) m) say where the places lie, and `station_coordinates` what the stations' numbers are?"
      )
    }
    if let mirrored = mirrored(options.orientation) {
      warnings.append(mirrored)
    } else if mean(0) > -Self.least, offMap == 0 {
      warnings.append(
        "power rises with the distance from the stations (correlation \(Self.text(mean(0)))): are these losses, `units` "
          + "pathloss, or is `picture_range` the wrong way about?")
    } else if weak * 2 > maps {
      warnings.append(
        "\(weak) of \(maps) maps are strongest far from their stations: are these the stations of these maps, in this "
          + "order, in metres?")
    }
    return warnings
  }

  private func mean(_ index: Int) -> Double { correlations[index] / Double(maps) }

  /// What would mend maps that lie otherwise than their stations; nil where they do not.
  private func mirrored(_ orientation: MapOrientation) -> String? {
    // An image has to fit better in most maps; of stations off their maps nothing can be said.
    let best =
      offMap * 2 > maps
      ? 0
      : correlations.indices.filter { $0 == 0 || better[$0] * 4 >= maps * 3 }.min {
        correlations[$0] < correlations[$1]
      } ?? 0
    let reading = readings.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.first
    let least = min(mean(best), (reading?.value ?? 0) / Double(maps))
    // Where they fit even better the other way about, power rises with the distance, and no image helps.
    guard least < Self.least, least < mean(0) - Self.margin, mean(0) <= -least else { return nil }
    var mends: [String] = []
    if let reading, reading.value / Double(maps) <= least + Self.equal {
      mends.append("`station_coordinates` \(reading.key)")
    }
    let turn = mean(best) <= least + Self.equal ? MapOrientation.all[best] : MapOrientation()
    if turn != MapOrientation() {
      let mend = orientation.followed(by: turn).parameters
      mends.append(mend.isEmpty ? "leaving out \(orientation.parameters)" : mend)
    }
    return "the maps fit their stations better "
      + (turn.transposes
        ? "when they are transposed" : turn != MapOrientation() ? "when they are mirrored" : "with other coordinates")
      + " (correlation of power and distance \(Self.text(least)) against \(Self.text(mean(0))) as they lie): "
      + mends.joined(separator: " or ") + " would mend it"
  }

  private static func text(_ value: Double) -> String { String(format: "%.3g", value) }
}
