import ArgumentParser
import Computing
import Evaluation
import MapStorage
import MessagePassing
import Metrics
import Records

/// `ckm inspect data`: what a data set of maps holds, and what its maps look like.
struct InspectData: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data", abstract: "Describe a data set of maps, and take its statistics.",
    discussion: """
      Reads every map and layer once, so it also shows that the file is whole. The statistics: mean power by distance, \
      shadow fading and its autocorrelation, roughness, ranges, and, where the layers coherent_power and line_of_sight \
      are there, small-scale fading and the share in line of sight. Shadow fading needs a pathloss: that of the \
      simulation that made the file, or --pathloss. Runs on any number of ranks.
      """)

  @Argument(help: "The data set, as simulate, import and reconstruct write it.")
  var file: String

  @Flag(help: "Print JSON.")
  var json = false

  @Flag(inversion: .prefixedNo, help: "Take the statistics of power maps.")
  var statistics = true

  @Option(help: ArgumentHelp("The layer to take statistics of. Default: the maps themselves.", valueName: "layer"))
  var maps: String?

  @Option(help: ArgumentHelp("Another data set, to hold the statistics against.", valueName: "file"))
  var against: String?

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Write table, JSON, plots (SVG) and a few maps (PNG) into this directory.", valueName: "directory"))
  var out: String?

  @OptionGroup var pathloss: PathlossOptions

  @OptionGroup var compute: ComputeOptions

  func validate() throws {
    guard statistics || (maps == nil && against == nil && out == nil) else {
      throw ValidationError("--maps, --against and --out are about the statistics that --no-statistics leaves out.")
    }
  }

  func run() throws {
    guard statistics else {
      return try Launch.onRoot("describe the data set") {
        let summary = try DataSummary(MapSetReader(path: file))
        try show(summary, nil)
      }
    }
    let communicator = try Communicator.world()
    let work = try communicator.agree("open \(file)") { try StatisticsWork(self) }
    // Before the survey: a file that is damaged, or none of ours, shows at once.
    var summary: DataSummary?
    try communicator.onRoot("describe the data set") {
      summary = try DataSummary(work.reader)
      if !json, let summary { print(summary.text) }
    }
    let report = try work.run(communicator)
    try communicator.onRoot("write the statistics") {
      guard let summary else { return }
      if json { try show(summary, report) } else if let report { print(report.markdown, terminator: "") }
      guard let out, let report else { return }
      let files = try report.write(to: out)
      if !json { print("\n\(out): \(files.joined(separator: ", "))") }
    }
  }

  private func show(_ summary: DataSummary, _ report: DataStatisticsReport?) throws {
    let description = Description(summary: summary, report: report)
    print(
      json ? try JSONValue.encoding(description, keys: .snakeCase).indented : summary.text, terminator: "")
  }
}

/// What there is to tell of a data set, as one object.
private struct Description: Encodable {
  let summary: DataSummary
  let report: DataStatisticsReport?

  func encode(to encoder: any Encoder) throws {
    try summary.encode(to: encoder)
    try report?.encode(to: encoder)
  }
}

/// The files of which statistics are taken, opened.
private struct StatisticsWork {
  private let command: InspectData
  let reader: MapSetReader
  private let own: DataStatistics?
  private let reference: (path: String, statistics: DataStatistics)?

  init(_ command: InspectData) throws {
    self.command = command
    let reader = try MapSetReader(path: command.file)
    self.reader = reader
    let other = try command.against.map { try MapSetReader(path: $0) }
    // A foreign reference is judged by the pathloss of what is held against it.
    let mine = try command.pathloss.link(of: reader)
    let theirs = try other.flatMap { try command.pathloss.link(of: $0) }
    let isAsked = command.maps != nil || command.against != nil || command.out != nil
    if reader.description.units != "dB", !isAsked {
      own = nil  // maps of something else: no statistics that nobody asked for
    } else {
      own = try DataStatistics(reader, maps: command.maps, link: mine ?? theirs)
    }
    reference = try other.map { ($0.path, try DataStatistics($0, link: theirs ?? mine)) }
  }

  /// Collective: the report on rank 0, nil elsewhere or where there are no statistics.
  func run(_ communicator: Communicator) throws -> DataStatisticsReport? {
    let threads = try command.compute.makeThreads(communicator, Console(isEnabled: communicator.isRoot))
    guard let own, let found = try survey(own, reader.path, communicator, threads) else {
      _ = try reference.map { try survey($0.statistics, $0.path, communicator, threads) }
      return nil
    }
    let other = try reference.flatMap { try survey($0.statistics, $0.path, communicator, threads) }
    return DataStatisticsReport(found, against: other)
  }

  private func survey(
    _ statistics: DataStatistics, _ path: String, _ communicator: Communicator, _ threads: Threads
  ) throws -> DataStatisticsReport.Subject? {
    // Of rank 0's share: the others are about as far.
    let total = Share.range(of: statistics.count, rank: 0, size: communicator.size).count
    let progress = ProgressDisplay(
      "survey", total: total, unit: "maps", style: .automatic(isEnabled: communicator.isRoot))
    progress.update(step: 0)
    let found = try statistics.run(communicator, threads: threads) {
      progress.update(step: $0, unitsPerStep: Double(communicator.size))
    }
    progress.finish()
    let cities = try statistics.cities(communicator, threads: threads)
    guard let found else { return nil }
    let examples = command.out == nil ? [] : try statistics.examples()
    return .init(path: path, statistics: found, examples: examples, cities: cities.flatMap(CityStatistics.init))
  }
}
