import Essentials
import Foundation
import Interpolation
import MapStorage
import Metrics

/// What `ckm plan-measurements` is asked for.
public struct PlanRequest: Sendable {
  /// What is known.
  public var source: PlanSource
  /// Reconstructed maps whose spread, or whose layer `deviation`, tells where the map is uncertain; nil: kriging does.
  public var draws: String?
  /// How many measurements to plan.
  public var count: Int
  /// Standard deviation of a measurement's error [dB].
  public var noise = 0.0
  /// Where the plan goes.
  public var outputDirectory: String

  /// - Parameters:
  ///   - source: what is known.
  ///   - count: how many measurements to plan.
  ///   - outputDirectory: where the plan goes.
  public init(source: PlanSource, count: Int, outputDirectory: String) {
    self.source = source
    self.count = count
    self.outputDirectory = outputDirectory
  }
}

/// Where to measure next, in this order.
public struct MeasurementPlan: Codable, Equatable, Sendable {
  /// Where the known samples come from.
  public var source: String
  /// How many samples are known.
  public var known: Int
  /// What told where the map is uncertain: "kriging", "kriging, scaled by the deviation" or "ensemble of K".
  public var uncertainty: String
  /// The expected root mean square error of the map before any of the measurements [dB].
  public var expectedErrorBefore: Double
  /// Where to measure, and what is expected then.
  public var measurements: [Place]

  /// As in `plan.json`.
  private enum CodingKeys: String, CodingKey {
    case source
    case known = "known_samples"
    case uncertainty
    case expectedErrorBefore = "expected_rmse_before_db"
    case measurements
  }

  /// One place.
  public struct Place: Codable, Equatable, Sendable {
    /// The fine row.
    public var row: Int
    /// The fine column.
    public var column: Int
    /// Its x [m].
    public var x: Double
    /// Its y [m].
    public var y: Double
    /// The expected root mean square error of the map once this and all before it are measured [dB].
    public var expectedError: Double

    private enum CodingKeys: String, CodingKey {
      case row, column
      case x = "x_m"
      case y = "y_m"
      case expectedError = "expected_rmse_db"
    }
  }

  /// Plans, and writes `plan.csv`, `plan.json` and `plan.png`.
  ///
  /// - Throws: `Fault` when a file cannot be read, the files do not fit each other, or nothing can be written.
  public static func run(_ request: PlanRequest) throws -> MeasurementPlan {
    try ReportDirectory.make(request.outputDirectory)
    let known = try KnownSamples(request.source)
    let kriging = try known.kriging()
    let interpolated = try kriging.interpolated(rows: known.rows, columns: known.columns, scalesLocally: false)
    var (planner, uncertainty) = try planner(request, known, kriging, interpolated)
    known.exclude(from: &planner)
    var plan = MeasurementPlan(
      source: request.source.path, known: known.samples.values.count, uncertainty: uncertainty.name,
      expectedErrorBefore: planner.expectedMeanSquare.squareRoot(), measurements: [])
    while plan.measurements.count < request.count, let next = planner.next() {
      plan.measurements.append(
        Place(
          row: next.row, column: next.column, x: known.area.x(next.column), y: known.area.y(next.row),
          expectedError: next.expectedMeanSquare.squareRoot()))
    }
    try plan.write(to: request.outputDirectory)
    try plan.picture(known, interpolated.map, uncertainty.map).write(to: "\(request.outputDirectory)/plan.png")
    return plan
  }

  private typealias Uncertainty = (name: String, map: ChannelFingerprint)

  private static func planner(
    _ request: PlanRequest, _ known: KnownSamples, _ kriging: ScatteredKriging, _ interpolated: InterpolatedMap
  ) throws -> (MeasurementPlanner, Uncertainty) {
    let deviation = interpolated.deviation ?? ChannelFingerprint(rows: known.rows, columns: known.columns, repeating: 0)
    let noise = request.noise * request.noise
    func planner(_ scale: [Float]?) throws -> MeasurementPlanner {
      try MeasurementPlanner(
        known: kriging, rows: known.rows, columns: known.columns, scale: scale, mask: known.mask, noise: noise)
    }
    guard let path = request.draws else {
      return (try planner(nil), ("kriging", deviation))
    }
    let draws = try Draws(path: path, for: request.source, rows: known.rows, columns: known.columns)
    if let given = draws.deviation {
      // Around samples the process is certain, whatever the draws say.
      let least = (deviation.values.max() ?? 0) * 1e-3
      let scale = zip(given.values, deviation.values).map { $1 > least ? $0 / $1 : 1 }
      return (try planner(scale), ("kriging, scaled by the deviation of \(path)", given))
    }
    let spacing = (Double(known.rows * known.columns) / Double(known.samples.values.count)).squareRoot()
    return (
      try MeasurementPlanner(ensemble: draws.maps, reach: spacing, mask: known.mask, noise: noise),
      ("ensemble of \(draws.maps.count)", draws.spread)
    )
  }
}

/// Reconstructed maps of one sample.
private struct Draws {
  /// The draws; empty where there is a deviation.
  var maps: [ChannelFingerprint] = []
  /// The layer `deviation` of the sample's only map.
  var deviation: ChannelFingerprint?

  /// The standard deviation of the draws.
  var spread: ChannelFingerprint {
    var moments = DrawMoments(rows: maps[0].rows, columns: maps[0].columns)
    for map in maps { moments.add(map) }
    return moments.deviation(aboutMean: false)
  }

  /// Several maps of the sample are draws, as are those kept beside a single one; else it needs a layer `deviation`.
  /// Where the file does not say which samples its maps belong to, all are draws.
  init(path: String, for source: PlanSource, rows: Int, columns: Int) throws {
    let reader = try MapSetReader(path: path)
    guard reader.rows == rows, reader.columns == columns else {
      throw Fault(
        "the draws and the known samples differ in shape", at: path, expected: "\(rows)x\(columns)",
        found: "\(reader.rows)x\(reader.columns)")
    }
    let sample =
      switch source {
      case .dataSet(_, let sample, _), .coarse(_, _, let sample, _): sample
      }
    let all = Array(0..<reader.count)
    let chosen = try reader.sampleIndices(indices: all).map { indices in all.filter { indices[$0] == sample } } ?? all
    let layer = ReconstructionRecord.deviationName
    if chosen.count == 1, reader.description.draws > 1 {
      maps = try reader.draws(of: chosen[0])
    } else if chosen.count == 1, reader.description.layers.contains(where: { $0.name == layer }) {
      deviation = try reader.read(layer: layer, indices: chosen)[0]
    } else if chosen.count > 1 {
      maps = try reader.read(indices: chosen)
    } else {
      throw Fault(
        "the file does not tell where the map is uncertain", at: path,
        expected: "several maps of sample \(sample), or one with draws or a layer deviation",
        found: "\(chosen.count) maps of it"
      )
    }
  }
}
