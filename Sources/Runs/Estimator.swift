import Essentials
import Interpolation
import MapStorage

/// What is known of a scene, from which a map is to be inferred.
public enum Observation: Sendable {
  /// A coarse map: samples on a regular grid.
  case grid(GridObservation)
  /// Values at any places, as a drive test gives them.
  case scattered(ScatteredObservation)
  /// Maps of some stations, asked for those of others.
  case stations(StationsObservation)

  /// What kind it is of.
  public var kind: ObservationKind {
    switch self {
    case .grid: .grid
    case .scattered: .scattered
    case .stations: .stations
    }
  }
}

/// The kinds of observations; estimators say which they take.
public enum ObservationKind: String, CaseIterable, Sendable {
  /// A coarse map.
  case grid
  /// Values at any places.
  case scattered
  /// Maps of other stations.
  case stations
}

/// A coarse map, measured or decimated.
public struct GridObservation: Sendable {
  /// The samples and what is known of them.
  public var coarse: StationMap
  /// The true fine map where it is known: only a run whose maps are normalised by it (the paper's leak) looks at it.
  public var truth: StationMap?

  /// - Parameters:
  ///   - coarse: the samples and what is known of them.
  ///   - truth: the true fine map where it is known.
  public init(coarse: StationMap, truth: StationMap? = nil) {
    self.coarse = coarse
    self.truth = truth
  }
}

/// Values at some places of a map.
public struct ScatteredObservation: Sendable {
  /// Places (row, column) [pixels] and their values [dB].
  public var samples: ScatteredSamples
  /// Where the base station stands (x, y, z) [m], where that is known.
  public var station: SIMD3<Float>?
  /// File and sample, for messages.
  public var place: String

  /// - Parameters:
  ///   - samples: places and their values.
  ///   - station: where the base station stands (x, y, z) [m], where that is known.
  ///   - place: file and sample, for messages.
  public init(samples: ScatteredSamples, station: SIMD3<Float>? = nil, at place: String) {
    self.samples = samples
    self.station = station
    self.place = place
  }
}

/// Maps of stations of one environment, and places of other stations whose maps are wanted together.
public struct StationsObservation: Sendable {
  /// The known maps, each with its station.
  public var sources: [StationMap]
  /// Where the other stations stand or would stand (x, y, z) [m].
  public var targets: [SIMD3<Float>]

  /// - Parameters:
  ///   - sources: the known maps, each with its station.
  ///   - targets: where the other stations stand or would stand (x, y, z) [m].
  public init(sources: [StationMap], targets: [SIMD3<Float>]) {
    self.sources = sources
    self.targets = targets
  }
}

/// Where the inferred maps' places lie, and how observations lie in them.
public struct ObservationGeometry: Sendable {
  /// What is observed.
  public var kind: ObservationKind
  /// Rows of the inferred maps.
  public var rows: Int
  /// Columns of the inferred maps.
  public var columns: Int
  /// Where the places lie in metres.
  public var area: Area
  /// Where samples lie; of kind `grid` alone.
  public var grid: SamplingGrid?
  /// The file, for messages.
  public var place: String

  /// Coarse maps.
  public init(grid: SamplingGrid, area: Area, at place: String) {
    kind = .grid
    (rows, columns, self.grid) = (grid.rows, grid.columns, grid)
    (self.area, self.place) = (area, place)
  }

  /// Anything else.
  ///
  /// - Parameters:
  ///   - kind: what is observed.
  ///   - rows: rows of the inferred maps.
  ///   - columns: columns of the inferred maps.
  ///   - area: where the places lie in metres.
  ///   - place: the file, for messages.
  public init(_ kind: ObservationKind, rows: Int, columns: Int, area: Area, at place: String) {
    precondition(kind != .grid, "a grid says where its samples lie")
    (self.kind, self.rows, self.columns, self.area, self.place) = (kind, rows, columns, area, place)
  }

  /// Where the samples of coarse maps lie.
  ///
  /// - Parameter name: what the estimator is called.
  /// - Throws: `Fault` where something else is observed.
  public func requireGrid(by name: String) throws -> SamplingGrid {
    try require([.grid], by: name)
    guard let grid else { preconditionFailure("a grid says where its samples lie") }
    return grid
  }

  /// Throws unless an estimator takes what is observed.
  ///
  /// - Parameters:
  ///   - kinds: what it takes.
  ///   - name: what it is called.
  public func require(_ kinds: Set<ObservationKind>, by name: String) throws {
    guard kinds.contains(kind) else {
      throw Fault(
        "\(name) cannot start from such observations", at: place,
        expected: kinds.map(\.rawValue).sorted().joined(separator: " or "), found: kind.rawValue)
    }
  }
}

/// An inferred map.
public struct Estimate: Sendable {
  /// The map [dB].
  public var map: ChannelFingerprint
  /// The standard deviation of what is predicted [dB], where that is known.
  public var deviation: ChannelFingerprint?
  /// The draws, where they are kept.
  public var draws: [ChannelFingerprint]

  /// - Parameters:
  ///   - map: the map [dB].
  ///   - deviation: the standard deviation of what is predicted [dB]; nil where that is not known.
  ///   - draws: the draws, where they are kept.
  public init(map: ChannelFingerprint, deviation: ChannelFingerprint? = nil, draws: [ChannelFingerprint] = []) {
    (self.map, self.deviation, self.draws) = (map, deviation, draws)
  }
}

/// Infers maps from observations, a few at a time: a trained run, or a formula.
public protocol Estimator {
  /// As it stands in tables.
  var name: String { get }
  /// Whether each map comes with a deviation.
  var hasDeviation: Bool { get }
  /// How many draws come with each map.
  var keptDraws: Int { get }
  /// Rows and columns [pixels] at which windows begin or end in which a network sees a map; none where it sees the whole.
  var windowBorders: (rows: [Int], columns: [Int]) { get }
  /// Says in a file's record how its maps were made; what the observations were stands there already.
  func describe(_ record: inout ReconstructionRecord)
  /// The maps of some observations of the geometry that it was made for.
  ///
  /// - Parameters:
  ///   - observations: what is known of each.
  ///   - keys: a number for each, which keys its random numbers.
  /// - Returns: for each observation a map, or of stations one for each target.
  func estimate(_ observations: [Observation], keys: [Int]) throws -> [[Estimate]]
}

extension Estimator {
  /// The map as a whole.
  public var windowBorders: (rows: [Int], columns: [Int]) { ([], []) }
}
