import Essentials
import MapStorage

/// A station's map as networks see it that look at several stations of one environment.
public struct StationView: Sendable {
  /// `[row, column]` on a scale whose darkest is 0 and whose brightest is 1; where the map holds nothing 0, or of targets what lies
  /// around.
  public var grey: [Float]
  /// Which places hold a value; nil: all.
  public var mask: Mask?
  /// Where the station stands (row, column) [pixels], also between them.
  public var position: SIMD2<Double>

  /// - Parameters:
  ///   - grey: `[row, column]`, 0 to 1; 0 where the map holds nothing.
  ///   - mask: which places hold a value; nil: all.
  ///   - position: where the station stands (row, column) [pixels].
  public init(grey: [Float], mask: Mask? = nil, position: SIMD2<Double>) {
    (self.grey, self.mask, self.position) = (grey, mask, position)
  }
}

/// Maps of stations of one environment: what is known, and what is asked for.
public struct StationScene: Sendable {
  /// Rows of every map.
  public var rows: Int
  /// Columns of every map.
  public var columns: Int
  /// What is known.
  public var sources: [StationView]
  /// What is asked for.
  public var targets: [StationView]

  /// - Parameters:
  ///   - rows: rows of every map.
  ///   - columns: columns of every map.
  ///   - sources: what is known.
  ///   - targets: what is asked for.
  public init(rows: Int, columns: Int, sources: [StationView], targets: [StationView]) {
    (self.rows, self.columns, self.sources, self.targets) = (rows, columns, sources, targets)
  }

  /// The same scene of a square area, turned or mirrored: maps and stations together.
  public func seen(as symmetry: GridSymmetry) -> StationScene {
    guard symmetry != .identity else { return self }
    precondition(rows == columns, "only a square area has eight symmetries: \(rows) x \(columns)")
    func turned(_ view: StationView) -> StationView {
      StationView(
        grey: symmetry.turn(view.grey, side: rows), mask: view.mask.map { Mask(symmetry.turn($0.flags, side: rows)) },
        position: symmetry.seen(view.position, side: rows))
    }
    return StationScene(rows: rows, columns: columns, sources: sources.map(turned), targets: targets.map(turned))
  }
}

extension GridSymmetry {
  /// The values of a square grid, turned.
  func turn<Value>(_ values: [Value], side: Int) -> [Value] {
    guard self != .identity else { return values }
    return (0..<side * side).map { values[pixel(row: $0 / side, column: $0 % side, rows: side, columns: side)] }
  }

  /// Where a place (row, column) of a square grid is seen; the inverse of `pixel`.
  func seen(_ place: SIMD2<Double>, side: Int) -> SIMD2<Double> {
    let last = Double(side - 1)
    let down = mirrorsRows ? last - place.x : place.x, across = mirrorsColumns ? last - place.y : place.y
    return transposes ? SIMD2(across, down) : SIMD2(down, across)
  }
}

extension ValueRange {
  /// A value [dB] between the range's ends, 0 and 1; values beyond are clipped.
  public func grey(_ value: Float) -> Float { min(1, max(0, (value - minimum) / (maximum - minimum))) }

  /// A value between 0 and 1 in dB.
  public func decibels(grey: Float) -> Float { minimum + grey * (maximum - minimum) }

  /// A map [dB] between 0 and 1; 0 where it holds nothing.
  public func grey(_ map: StationMap) -> [Float] {
    map.map.values.indices.map { map.mask?[$0] == false ? 0 : grey(map.map.values[$0]) }
  }
}

extension Area {
  /// Where a station stands among the places (row, column) [pixels].
  ///
  /// - Parameter station: (x, y, z) [m].
  public func position(of station: SIMD3<Float>) -> SIMD2<Double> {
    SIMD2((Double(station.y) - originY) / spacing, (Double(station.x) - originX) / spacing)
  }

  /// The same, where networks need it to stand among the places.
  ///
  /// - Parameters:
  ///   - station: (x, y, z) [m].
  ///   - rows: rows of the maps.
  ///   - columns: columns of the maps.
  ///   - place: for the message.
  /// - Throws: `Fault` for a station further outside than half a place.
  public func position(of station: SIMD3<Float>, rows: Int, columns: Int, at place: String) throws -> SIMD2<Double> {
    let position = position(of: station)
    guard (-0.5...Double(rows) - 0.5).contains(position.x), (-0.5...Double(columns) - 0.5).contains(position.y) else {
      throw Fault(
        "a station stands outside the area", at: place,
        expected: "x of \(x(0)) to \(x(columns - 1)) m, y of \(y(0)) to \(y(rows - 1)) m",
        found: "(\(station.x), \(station.y)) m")
    }
    return position
  }
}

extension StationMap {
  /// As networks see it that look at several stations.
  ///
  /// - Parameters:
  ///   - range: what is 0 and what is 1 [dB].
  ///   - area: where the places lie.
  /// - Throws: `Fault` where nobody says where the station stands, or it stands outside.
  public func view(_ range: ValueRange, in area: Area) throws -> StationView {
    guard let station else {
      throw Fault("nobody says where the map's station stands", at: place, expected: "a data set `station`")
    }
    let position = try area.position(of: station, rows: map.rows, columns: map.columns, at: place)
    return StationView(grey: range.grey(self), mask: mask, position: position)
  }
}

extension MapSetDescription {
  /// Throws unless each map says where its station stands.
  ///
  /// - Parameter path: the file, for the message.
  public func requireStations(at path: String) throws {
    guard hasStations else {
      throw Fault(
        "nobody says where the maps' stations stand", at: "\(path):/station", expected: "x, y, z of each map",
        found: "no such data set", hint: "ckm import takes them in: `stations`")
    }
  }
}

/// The environments of data sets, each with the numbers of its maps.
public struct SceneIndex: Sendable {
  /// An environment and its stations' maps.
  public struct Entry: Sendable {
    /// The environment's number.
    public let environment: Int32
    /// Numbers of maps, rising.
    public let maps: [Int]
  }
  /// In the order of their numbers.
  public let entries: [Entry]

  /// - Parameters:
  ///   - environments: each map's environment; nil: all maps are of one.
  ///   - numbers: the maps that are looked at.
  public init(environments: [Int32]?, among numbers: [Int]) {
    let groups = Dictionary(grouping: numbers) { environments?[$0] ?? 0 }
    entries = groups.sorted { $0.key < $1.key }.map { Entry(environment: $0.key, maps: $0.value.sorted()) }
  }

  /// Throws unless every environment has so many stations.
  public func require(stations count: Int, at path: String) throws {
    guard !entries.isEmpty else {
      throw Fault("there are no maps to choose from", at: path, expected: "one environment at least", found: "none")
    }
    guard let poor = entries.first(where: { $0.maps.count < count }) else { return }
    throw Fault(
      "an environment has too few stations", at: "\(path):/environment", expected: "\(count) stations at least",
      found: "\(poor.maps.count) in environment \(poor.environment)")
  }
}
