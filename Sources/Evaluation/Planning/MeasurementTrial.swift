import Computing
import Essentials
import Foundation
import Interpolation
import MapStorage
import MessagePassing
import Metrics

/// A trial of planned measurements on maps that are known everywhere.
public struct MeasurementTrial: Codable, Equatable, Sendable {
  /// How places are chosen.
  public enum Placement: String, CaseIterable, Codable, Sendable {
    /// None: what is known before.
    case none
    /// Drawn uniformly.
    case random
    /// A regular grid of its own.
    case grid
    /// All planned at once.
    case plan
    /// Planned in rounds, each from all that is measured by then.
    case rounds
  }

  /// What to try.
  public struct Request: Sendable {
    /// A data set of fine maps.
    public var dataPath: String
    /// Fine pixels from one known sample to the next.
    public var magnification: Int
    /// Measurements added to each map.
    public var count: Int
    /// How many of the first maps to try; nil: all.
    public var maps: Int?
    /// Rounds of the placement `rounds`.
    public var rounds = 4
    /// Keys the random places.
    public var seed: UInt64 = 0
    /// Where `trial.md` and `trial.json` go.
    public var outputDirectory: String

    /// - Parameters:
    ///   - dataPath: a data set of fine maps.
    ///   - magnification: fine pixels from one known sample to the next.
    ///   - count: measurements added to each map.
    ///   - outputDirectory: where `trial.md` and `trial.json` go.
    public init(dataPath: String, magnification: Int, count: Int, outputDirectory: String) {
      self.dataPath = dataPath
      self.magnification = magnification
      self.count = count
      self.outputDirectory = outputDirectory
    }
  }

  /// One map: the metrics of its reconstruction after each placement, in the order of `Placement.allCases`.
  public struct Row: Codable, Equatable, Sendable {
    /// The number of the sample in the data.
    public var sample: Int
    /// One a placement.
    public var metrics: [MapMetrics]
  }

  /// The data's file.
  public var data: String
  /// Fine pixels from one known sample to the next.
  public var magnification: Int
  /// Measurements added to each map.
  public var count: Int
  /// Rounds of the placement `rounds`.
  public var rounds: Int
  /// One a map.
  public var rows: [Row]

  /// Collective: adds measurements to each map by every placement, reconstructs it by kriging of all samples, and
  /// compares with the truth. Maps are shared out over the ranks. Writes `trial.md` and `trial.json`.
  ///
  /// - Returns: the trial, on every rank.
  /// - Throws: `Fault` on every rank when the data cannot be read, do not fit the magnification, have too few places,
  ///   or nothing can be written.
  public static func run(_ request: Request, communicator: Communicator) throws -> MeasurementTrial {
    try communicator.onRoot("make the report's directory") { try ReportDirectory.make(request.outputDirectory) }
    let reader = try communicator.agree("open the maps") { try MapSetReader(path: request.dataPath) }
    let total = min(request.maps ?? reader.count, reader.count)
    let share = Share.range(of: total, rank: communicator.rank, size: communicator.size)
    let own = try communicator.agree("try the placements") {
      try share.map { sample in
        do { return try row(sample, reader, request) } catch let fault as Fault {
          throw fault.within("\(request.dataPath), sample \(sample)")
        }
      }
    }
    let gathered = try communicator.gather(value: own)
    return try communicator.onRoot("write the trial") {
      let trial = MeasurementTrial(
        data: request.dataPath, magnification: request.magnification, count: request.count, rounds: request.rounds,
        rows: (gathered ?? [own]).flatMap { $0 })
      try trial.write(to: request.outputDirectory)
      return trial
    }
  }

  private static func row(_ sample: Int, _ reader: MapSetReader, _ request: Request) throws -> Row {
    let fine = try reader.map(sample), truth = fine.map
    let known = try KnownSamples(fine, reader.description.area, magnification: request.magnification)
    return Row(
      sample: sample,
      metrics: try Placement.allCases.map { placement in
        let measured = try places(placement, sample, truth, known, request)
        let map = try measured.kriging().interpolated(rows: truth.rows, columns: truth.columns).map
        return try MapMetrics(comparing: map, to: truth, mask: known.mask)
      })
  }

  /// What is known after the measurements.
  private static func places(
    _ placement: Placement, _ sample: Int, _ truth: ChannelFingerprint, _ known: KnownSamples, _ request: Request
  ) throws -> KnownSamples {
    switch placement {
    case .none: return known
    case .grid: return known.measured(regular(request.count, known), truth)
    case .random:
      let taken = Set(known.samples.positions)
      let order = RandomStream(seed: request.seed, purpose: .measurementPlaces, layer: 0)
        .permutation(truth.values.count, step: sample)
      let open = order.lazy.map { (row: $0 / truth.columns, column: $0 % truth.columns) }.filter {
        !taken.contains(SIMD2(Double($0.row), Double($0.column))) && known.isValid($0.row, $0.column)
      }
      return known.measured(Array(open.prefix(request.count)), truth)
    case .plan: return try planned(known, truth, count: request.count, rounds: 1)
    case .rounds: return try planned(known, truth, count: request.count, rounds: request.rounds)
    }
  }

  private static func planned(
    _ known: KnownSamples, _ truth: ChannelFingerprint, count: Int, rounds: Int
  ) throws -> KnownSamples {
    var measured = known
    for round in 0..<rounds {
      var planner = try MeasurementPlanner(
        known: try measured.kriging(), rows: truth.rows, columns: truth.columns, mask: known.mask)
      measured.exclude(from: &planner)
      var next: [(row: Int, column: Int)] = []
      let share = Share.range(of: count, rank: round, size: rounds).count
      while next.count < share, let place = planner.next() { next.append((place.row, place.column)) }
      measured = measured.measured(next, truth)
    }
    return measured
  }

  /// Lines as evenly spaced as the number allows; in the last line the rest.
  private static func regular(_ count: Int, _ known: KnownSamples) -> [(row: Int, column: Int)] {
    let lines = max(1, Int((Double(count) * Double(known.rows) / Double(known.columns)).squareRoot().rounded()))
    return (0..<lines).flatMap { line in
      let share = Share.range(of: count, rank: line, size: lines).count
      return (0..<share).map { place in
        (
          row: (2 * line + 1) * known.rows / (2 * lines), column: (2 * place + 1) * known.columns / (2 * share)
        )
      }
    }.filter { known.isValid($0.row, $0.column) }
  }
}

extension KnownSamples {
  func isValid(_ row: Int, _ column: Int) -> Bool { mask?[row * columns + column] != false }

  /// With the truth at some more places.
  func measured(_ places: [(row: Int, column: Int)], _ truth: ChannelFingerprint) -> KnownSamples {
    var result = self
    result.samples.positions += places.map { SIMD2(Double($0.row), Double($0.column)) }
    result.samples.values += places.map { truth[$0.row, $0.column] }
    return result
  }
}
