import ArgumentParser
import Essentials
import Evaluation
import Interpolation
import MapStorage
import MessagePassing
import Records
import Runs
import Tensors

extension BenchCommand {
  /// `ckm bench tiles`: maps of other sizes than a run was trained at.
  struct Tiles: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Reconstruct maps of other sizes than a run was trained at: seams, error, time and memory by size.",
      discussion: """
        Cuts maps of each size from a data set's and reconstructs them in blended windows, as a whole, and, as a control, in \
        windows that know nothing of each other. Seams: the mean absolute step across the windows' borders over that \
        elsewhere, over what the true maps have there.
        """)

    @Option(help: "The run's directory.")
    var model: String
    @Option(help: "A data set of maps at least as large as the largest size.")
    var data: String
    @Option(help: "What the run was trained at, pixels on a side: its model.image_size.")
    var window: Int
    @Option(parsing: .upToNextOption, help: "Sizes of maps, smallest first: 128 128x192 512.")
    var sizes: [MapSize]
    @Option(help: "How many maps of each size.")
    var count = 8
    @Option(help: "Fine pixels from one coarse sample to the next.")
    var magnification = 4
    @OptionGroup var sampling: SamplingOptions
    @OptionGroup var compute: ComputeOptions
    @Flag(help: "Print JSON instead of a table.")
    var json = false

    func validate() throws {
      guard window > 0, count > 0, !sizes.isEmpty else {
        throw ValidationError("--window, --count and --sizes must be given and at least 1.")
      }
      try SamplingGrid.validate([magnification])
    }

    func run() throws {
      let world = try Communicator.world()
      guard world.size == 1 else {
        throw Fault("this is measured on one process", at: "ranks", expected: "1", found: "\(world.size)")
      }
      let console = Console(isEnabled: true)
      let threads = try compute.makeThreads(world, console)
      let trained = try ChannelKnowledgeMaps.families.load(
        run: model, weights: sampling.weights, communicator: world, console: console)
      let rows = try TilingTrial.run(
        TilingTrial.Request(
          dataPath: data, model: trained, sizes: sizes.map { ($0.rows, $0.columns) }, count: count,
          magnification: magnification, sampling: sampling.request, batch: sampling.batch),
        window: window, communicator: world, engine: Engine(threads))
      guard !json else { return print(try JSONValue.encoding(rows, keys: .snakeCase).indented, terminator: "") }
      var table = MarkdownTable(["maps", "seen", "seams", "RMSE dB", "bicubic dB", "s a map", "peak memory"])
      for row in rows {
        table.add([
          row.size.map(String.init).joined(separator: " x "), row.way, row.seams.map { Units.number($0) } ?? "",
          Units.number(row.error), Units.number(row.interpolationError), Units.number(row.seconds),
          Units.bytes(row.memory),
        ])
      }
      print(table.text, terminator: "")
    }
  }
}

/// "128", or rows and columns: "128x192".
struct MapSize: ExpressibleByArgument {
  let rows: Int
  let columns: Int

  init?(argument: String) {
    let sides = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard (1...2).contains(sides.count), sides.allSatisfy({ $0 > 0 }) else { return nil }
    (rows, columns) = (sides[0], sides[sides.count - 1])
  }
}
