import Computing
import Essentials
import Foundation
import MapStorage
import MessagePassing
import Metrics
import Reconstruction
import Records
import Tensors

/// What deploying where a method says costs in known cities, beside the true best place: the paper's Fig. 9 as a statistic.
public struct DeploymentTrial: Codable, Sendable {
  /// What to try.
  public struct Request: Sendable {
    /// A data set of cities.
    public var data: String
    /// How many known maps of each are looked at.
    public var sources: Int
    /// How many of the first cities; nil: all.
    public var maximum: Int?
    /// Distance between candidates [m]; nil: a thirty-second of the area's longer side.
    public var spacing: Double?
    /// Candidates that are looked at together.
    public var batch = 4
    /// Keys regions and random choices.
    public var seed: UInt64 = 0
    /// The report's directory.
    public var output: String

    /// - Parameters:
    ///   - data: a data set of cities.
    ///   - sources: how many known maps of each are looked at.
    ///   - output: the report's directory.
    public init(data: String, sources: Int, output: String) {
      (self.data, self.sources, self.output) = (data, sources, output)
    }
  }

  /// What one city's choices cost, in the order of the methods.
  public struct Row: Codable, Sendable {
    /// The environment.
    public var environment: Int
    /// The two regions.
    public var regions: [CoverageRegion]
    /// Mean gain in the regions from the true best place less that from the chosen one [dB].
    public var lostMean: [Double]
    /// The same of the least gain, where that was to be greatest [dB].
    public var lostLeast: [Double]
  }

  /// The data's file.
  public var data: String
  /// Known maps of each city.
  public var sources: Int
  /// What chose: the methods, then chance.
  public var methods: [String]
  /// One a city.
  public var rows: [Row]

  /// Collective. For each city two regions are drawn; each method chooses a place by its own maps, and the simulator tells what
  /// the true best place would have given. Writes `trial.md` and `trial.json`.
  ///
  /// - Parameters:
  ///   - request: what to try.
  ///   - methods: what chooses.
  ///   - truth: what is true.
  ///   - communicator: the ranks, which share the candidates.
  ///   - engine: this rank's threads and buffers.
  ///   - style: how progress is told.
  /// - Throws: `Fault` on all ranks when the data cannot be read, or nothing can be written.
  public static func run(
    _ request: Request, _ methods: [DeploymentMethod], truth: DeploymentMethod, communicator: Communicator,
    engine: Engine, progress style: ProgressDisplay.Style
  ) throws -> DeploymentTrial {
    try communicator.onRoot("make the report's directory") {
      try Files.makeDirectory(request.output, what: "cannot make the report's directory")
    }
    let environments = try communicator.agree("open the known maps") {
      let all = try KnownStations.environments(of: request.data, stations: request.sources)
      guard !all.isEmpty else {
        throw Fault(
          "no city has so many known maps", at: "\(request.data):/environment",
          expected: "\(request.sources) maps of one environment at least", found: "fewer of each")
      }
      return Array(all.prefix(request.maximum ?? .max))
    }
    let display = ProgressDisplay("trial", total: environments.count, unit: "cities", style: style)
    var rows: [Row] = []
    for environment in environments {
      let problem = try communicator.agree("draw regions") { try Self.problem(request, environment) }
      func gains(_ method: DeploymentMethod) throws -> DeploymentGains {
        try DeploymentSearch.gains(
          problem, method, batch: request.batch, communicator: communicator, engine: engine)
      }
      let real = try gains(truth), told = try methods.map(gains)
      let chance = RandomStream(seed: request.seed, purpose: .scene, layer: 1).integer(
        below: problem.candidates.count, sample: environment)
      func lost(_ choices: [Int], _ value: (DeploymentGains.Coverage) -> Double) -> [Double] {
        let best = problem.candidates.indices.map { value(real.coverage(of: $0)) }.max() ?? 0
        return choices.map { best - value(real.coverage(of: $0)) }
      }
      // No place reaches an endless threshold: the best is the one whose least gain is greatest.
      rows.append(
        Row(
          environment: environment, regions: problem.regions,
          lostMean: lost(told.map { $0.best(threshold: nil).candidates[0] } + [chance], \.meanOfAll),
          lostLeast: lost(told.map { $0.best(threshold: .infinity).candidates[0] } + [chance], \.leastOfAll)))
      display.update(step: rows.count)
    }
    display.finish()
    let trial = DeploymentTrial(
      data: request.data, sources: request.sources, methods: methods.map(\.title) + ["chance"], rows: rows)
    try communicator.onRoot("write the trial") {
      let what = "cannot write the trial"
      try Files.write(trial.markdown.utf8, to: "\(request.output)/trial.md", what: what)
      let json = try JSONValue.encoding(trial, keys: .snakeCase)
      try Files.write(json.indented.utf8, to: "\(request.output)/trial.json", what: what)
    }
    return trial
  }

  /// Two squares, a sixth of the area's shorter side wide, half of each out of doors at least.
  private static func problem(_ request: Request, _ environment: Int) throws -> DeploymentProblem {
    let known = try KnownStations(path: request.data, environment: environment, sources: request.sources)
    let description = known.description, area = description.area
    let shorter = min(description.rows, description.columns), side = min(shorter, max(2, shorter / 6))
    let stream = RandomStream(seed: request.seed, purpose: .scene)
    let outdoors = Mask.union(of: known.maps)
    var regions: [CoverageRegion] = []
    for attempt in 0..<1000 {
      let row = stream.integer(below: description.rows - side + 1, sample: environment, step: 2 * attempt)
      let column = stream.integer(below: description.columns - side + 1, sample: environment, step: 2 * attempt + 1)
      let places = (row..<row + side).flatMap { y in (column..<column + side).map { y * description.columns + $0 } }
      let open = places.count { outdoors?[$0] != false }
      guard 2 * open >= places.count else { continue }
      regions.append(
        CoverageRegion(
          left: area.x(column), bottom: area.y(row), right: area.x(column + side - 1), top: area.y(row + side - 1)))
      if regions.count == 2 { break }
    }
    guard !regions.isEmpty else {
      throw Fault(
        "a city has no open region", at: "\(request.data), environment \(environment)",
        expected: "a square of \(side) places, half of it out of doors", found: "none")
    }
    return try DeploymentProblem(
      sources: known.maps, environment: known.environment, area: area, regions: regions,
      spacing: request.spacing ?? description.candidateSpacing, height: nil)
  }

  private static func text(_ summary: Summary) -> String {
    String(format: "%.2f ± %.2f", summary.mean ?? 0, summary.standardError ?? 0)
  }

  /// The trial for people.
  public var markdown: String {
    var table = MarkdownTable([
      "chosen by", "mean gain lost dB: median", "90 %", "mean", "least gain lost dB: median", "90 %", "mean",
    ])
    for (place, method) in methods.enumerated() {
      let cells = [rows.map { $0.lostMean[place] }, rows.map { $0.lostLeast[place] }].flatMap { lost in
        let sorted = lost.sorted()
        return [
          String(format: "%.2f", Percentiles.of(sorted, 0.5)), String(format: "%.2f", Percentiles.of(sorted, 0.9)),
          Self.text(Summary(lost)),
        ]
      }
      table.add([method] + cells)
    }
    return """
      # Deployment in \(rows.count) cities, from \(sources) known stations

      Data: `\(data)`. Lost is what a station at the true best place would have given more, told by the simulator: in the mean \
      gain of two regions where that was to be greatest, and in the least gain where that was.

      \(table.text)

      """
  }
}
