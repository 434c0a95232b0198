import Essentials
import Foundation
import MapStorage
import MessagePassing
import Pictures
import Reconstruction
import Records
import Tensors

/// What a deployment is asked to find.
public struct DeploymentRequest: Sendable {
  /// The data set with the known maps.
  public var data: String
  /// The environment; nil: the only one.
  public var environment: Int?
  /// How many known maps are looked at, drawn but always the same; nil: all.
  public var sources: Int?
  /// What is to be covered.
  public var regions: [CoverageRegion]
  /// What each region's least gain is to reach [dB]; the greatest mean gain without any is found in any case.
  public var thresholds: [Double] = []
  /// How many stations.
  public var stations = 1
  /// Distance between neighbouring places where a station may stand [m]; nil: a thirty-second of the area's longer side.
  public var spacing: Double?
  /// The new stations' height [m]; nil: the mean of the known ones.
  public var height: Float?
  /// Candidates that are looked at together.
  public var batch = 4
  /// The report's directory.
  public var output: String

  /// - Parameters:
  ///   - data: the data set with the known maps.
  ///   - regions: what is to be covered.
  ///   - output: the report's directory.
  public init(data: String, regions: [CoverageRegion], output: String) {
    (self.data, self.regions, self.output) = (data, regions, output)
  }
}

/// Where stations are best placed: for each threshold, and for none.
public struct DeploymentPlan: Codable, Sendable {
  /// What was chosen for a threshold.
  public struct Row: Codable, Sendable {
    /// What each region's least gain is to reach [dB]; nil: nothing.
    public var threshold: Double?
    /// Where the stations stand, in the order in which they were chosen (x, y, z) [m].
    public var stations: [[Double]]
    /// Whether the threshold is reached.
    public var isFeasible: Bool
    /// The least gain in each region [dB].
    public var least: [Double]
    /// The mean gain in each region [dB].
    public var mean: [Double]

    private enum CodingKeys: String, CodingKey {
      case threshold = "threshold_db"
      case stations = "stations_m"
      case isFeasible = "feasible"
      case least = "least_db"
      case mean = "mean_db"
    }
  }

  /// The data's file.
  public var data: String
  /// The environment.
  public var environment: Int
  /// What told the candidates' maps.
  public var method: String
  /// How many known maps were looked at.
  public var sources: Int
  /// How many places were looked at.
  public var candidates: Int
  /// What is to be covered.
  public var regions: [CoverageRegion]
  /// One for no threshold, then one for each.
  public var rows: [Row]

  /// Collective. Looks at all places, chooses, and writes `deployment.md`, `deployment.json`, `candidates.csv` and
  /// `deployment.png`.
  ///
  /// - Parameters:
  ///   - request: what to find.
  ///   - method: what tells a candidate's map.
  ///   - communicator: the ranks.
  ///   - engine: this rank's threads and buffers.
  ///   - style: how progress is told.
  /// - Returns: the plan, on every rank.
  /// - Throws: `Fault` on all ranks when the data cannot be read, nothing can be covered, or nothing can be written.
  public static func run(
    _ request: DeploymentRequest, _ method: DeploymentMethod, communicator: Communicator, engine: Engine,
    progress style: ProgressDisplay.Style
  ) throws -> DeploymentPlan {
    try communicator.onRoot("make the report's directory") {
      try Files.makeDirectory(request.output, what: "cannot make the report's directory")
    }
    let problem = try communicator.agree("open the known maps") { try Self.problem(request) }
    let share = DeploymentSearch.share(of: problem.candidates.count, batch: request.batch, communicator)
    let display = ProgressDisplay("deploy", total: share.count, unit: "places a rank", style: style)
    let gains = try DeploymentSearch.gains(
      problem, method, batch: request.batch, communicator: communicator, engine: engine
    ) { display.update(step: $0) }
    display.finish()
    let choices = ([nil] + request.thresholds.map(Optional.some)).map { threshold in
      (threshold, gains.best(threshold: threshold, stations: request.stations))
    }
    let plan = DeploymentPlan(
      data: request.data, environment: Int(problem.environment), method: method.title, sources: problem.sources.count,
      candidates: problem.candidates.count, regions: request.regions,
      rows: choices.map { threshold, choice in
        Row(
          threshold: threshold,
          stations: choice.candidates.map { candidate in
            let station = problem.station(at: problem.candidates[candidate])
            return [station.x, station.y, station.z].map(Double.init)
          }, isFeasible: choice.isFeasible, least: choice.coverage.least, mean: choice.coverage.mean)
      })
    try communicator.onRoot("write the report") { try plan.write(problem, gains, choices[0].1, to: request.output) }
    return plan
  }

  /// What the data say of a request.
  static func problem(_ request: DeploymentRequest) throws -> DeploymentProblem {
    let source = try KnownStations(path: request.data, environment: request.environment, sources: request.sources)
    let problem = try DeploymentProblem(
      sources: source.maps, environment: source.environment, area: source.description.area, regions: request.regions,
      spacing: request.spacing ?? source.description.candidateSpacing, height: request.height)
    guard request.stations <= problem.candidates.count else {
      throw Fault(
        "there are fewer places than new stations", at: "`new_stations`",
        expected: "at most \(problem.candidates.count), or a smaller `every`", found: "\(request.stations)")
    }
    return problem
  }
}

extension DeploymentPlan {
  /// The plan for people.
  public var markdown: String {
    var table = MarkdownTable(["threshold dB", "stations x, y (m)", "reached", "least gain dB", "mean gain dB"])
    func text(_ values: [Double]) -> String { values.map { String(format: "%.1f", $0) }.joined(separator: ", ") }
    for row in rows {
      table.add([
        row.threshold.map { String(format: "%.1f", $0) } ?? "none",
        row.stations.map { String(format: "%.1f, %.1f", $0[0], $0[1]) }.joined(separator: "; "),
        row.threshold == nil ? "" : row.isFeasible ? "yes" : "no", text(row.least), text(row.mean),
      ])
    }
    return """
      # Where to put \(rows[0].stations.count == 1 ? "a station" : "\(rows[0].stations.count) stations")

      Data: `\(data)`, environment \(environment), \(sources) known stations; \(candidates) places, their maps by \(method). \
      Regions: \(regions.map(\.text).joined(separator: "; ")) m (left, bottom, right, top).

      \(table.text)
      Gains of each region in turn, of the strongest station at each place. Chosen is the greatest mean gain among places where \
      every region's least gain reaches the threshold; where none does, the place whose least gain is greatest.

      """
  }

  func write(
    _ problem: DeploymentProblem, _ gains: DeploymentGains, _ choice: DeploymentGains.Choice, to directory: String
  ) throws {
    let what = "cannot write the report"
    try Files.write(markdown.utf8, to: "\(directory)/deployment.md", what: what)
    try Files.write(try JSONValue.encoding(self).indented.utf8, to: "\(directory)/deployment.json", what: what)
    var lines = [
      "x_m,y_m," + regions.indices.map { "least\($0 + 1)_db,mean\($0 + 1)_db" }.joined(separator: ",")
    ]
    var mean = ChannelFingerprint(rows: problem.rows, columns: problem.columns, repeating: .nan)
    var least = mean
    for (candidate, place) in problem.candidates.enumerated() {
      let coverage = gains.coverage(of: candidate), station = problem.station(at: place)
      let cells = zip(coverage.least, coverage.mean).map { String(format: "%.2f,%.2f", $0, $1) }
      lines.append("\(station.x),\(station.y)," + cells.joined(separator: ","))
      problem.paint(Float(coverage.meanOfAll), around: place, on: &mean)
      problem.paint(Float(coverage.leastOfAll), around: place, on: &least)
    }
    try Files.write((lines.joined(separator: "\n") + "\n").utf8, to: "\(directory)/candidates.csv", what: what)
    var covered = ChannelFingerprint(rows: problem.rows, columns: problem.columns, repeating: 0)
    for (number, places) in problem.regionPlaces.enumerated() {
      for place in places { covered.values[place] = Float(number + 1) }
    }
    let mark = choice.candidates.first.map { candidate in
      let place = problem.candidates[candidate]
      return SIMD2(Double(place % problem.columns), Double(place / problem.columns))
    }
    try MapPicture(
      title: "gain in the regions from a station at each place, by \(method)",
      panels: [
        MapPanel("mean of the regions", mean, mask: problem.outdoors, scale: .own, mark: mark),
        MapPanel("least of all", least, mask: problem.outdoors, scale: .own, mark: mark),
        MapPanel("regions", covered, mask: problem.outdoors, scale: .own, mark: mark),
      ], isRowZeroAtBottom: true
    ).write(to: "\(directory)/deployment.png")
  }
}

extension MapSetDescription {
  /// The usual distance between places where a station may stand [m]: a thirty-second of the area's longer side.
  var candidateSpacing: Double { area.spacing * max(1, Double(max(rows, columns)) / 32) }
}

extension DeploymentProblem {
  /// Paints the places that are nearer to a candidate than to its neighbours.
  fileprivate func paint(_ value: Float, around place: Int, on map: inout ChannelFingerprint) {
    let (row, column) = (place / columns, place % columns)
    for y in max(0, row - step / 2)..<min(rows, row - step / 2 + step) {
      for x in max(0, column - step / 2)..<min(columns, column - step / 2 + step) { map[y, x] = value }
    }
  }
}
