import ArgumentParser
import Essentials
import Foundation
import MapStorage
import MessagePassing
import Records

/// `ckm import`: foreign maps into a data set.
struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Take maps from HDF5, NumPy, GeoTIFF or PNG files, or from an archive, into a data set.",
    discussion: """
      HDF5 (netCDF-4, MATLAB v7.3): any data set [N, H, W] or [H, W] by its path. NumPy: .npy, or an array of an .npz by its \
      name. PNG: grey pictures of 8 or 16 bits, one or a folder of them, with the values of black and white. GeoTIFF: each band of each file is a map, \
      in its place where its coordinates are metres. A map's row 0 \
      has the least y, its column 0 the least x. What the file was taken for is told; what cannot be known is asked for. Runs \
      on any number of ranks.

      RadioMapSeer (--layout radiomapseer) as it was published, or a part of it: gain/METHOD/, antenna/, png/. Greys are \
      -147 to -47.84 dB (in works that round to 100 dB: --png-range -147,-47); buildings are masks and a layer, cars and \
      roads are layers if asked for (--layer cars). Finished blocks stay in FILE.partial: the same command goes on from there.

      Received power:   ckm import rsrp.npy --units dBm --nodata -140 --stations sites.csv -o maps.h5
      Loss, north up:   ckm import loss.h5 --maps PL --units pathloss --flip y --valid outdoor.png -o maps.h5
      Pictures:         ckm import pictures/ --png-range -147,-47.84 --nodata-grey 0 -o maps.h5
      RadioMapSeer:     ckm import RadioMapSeer/ --layout radiomapseer --method DPM --cities 0-99 -o maps.h5
      """)

  @Argument(help: "The file, or a folder of PNG or GeoTIFF files.")
  var source: String

  @OptionGroup var archive: ArchiveOptions

  @OptionGroup var foreign: ForeignMapOptions

  @OptionGroup var stations: StationOptions

  @Option(help: "The numbers of the maps' environments [N]: a data set, an array, a .npy file, or FILE:NAME.")
  var environments: String?

  @Option(
    name: .customLong("layer"),
    help: ArgumentHelp(
      "A further layer beside the maps, or one for all, taken as it is: coherent_power=NLOS/coherent_power; a name alone "
        + "where the file, or an archive, calls it so. Repeatable.",
      valueName: "name=source"), transform: ImportCommand.layerOfSource)
  var layers: [ImportOptions.Layer] = []

  @OptionGroup var place: PlaceOptions

  @Option(name: .shortAndLong, help: "The data set to write.")
  var out: String

  @Flag(help: "Replace the data set if there is one.")
  var overwrite = false

  func validate() throws {
    try archive.validate(
      beside: foreign.beyondArchives + stations.beyondArchives + place.beyondArchives
        + (environments == nil ? [] : ["--environments"]))
  }

  private var options: ImportOptions {
    var options = foreign.options
    stations.set(&options)
    place.set(&options)
    options.environments = environments
    options.layers = layers
    options.radioMapSeer = archive.part
    return options
  }

  func run() throws {
    let communicator = try Communicator.world()
    try OutputFile.requireDataSet(out, communicator)
    let console = Console(isEnabled: communicator.isRoot)
    let (description, count, report) =
      try archive.layout == nil ? imported(communicator) : importedInBlocks(communicator, console)
    report.notes.map(OptionNames.told).forEach(console.note)
    report.warnings.map(OptionNames.told).forEach(console.warn)
    if communicator.isRoot {
      print(
        "\(out): \(count) map\(count == 1 ? "" : "s") of \(description.rows) x \(description.columns), \(description.units)"
      )
    }
  }

  private typealias Imported = (description: MapSetDescription, count: Int, report: ImportReport)

  private func imported(_ communicator: Communicator) throws -> Imported {
    var progress: ProgressDisplay?
    let imported = try MapImporter.run(
      path: source, options: options, target: out, softwareVersion: Software.version, communicator: communicator,
      overwrite: overwrite
    ) { done, total in
      // Of rank 0's share: the others are about as far.
      let display = progress ?? Self.display(total, communicator)
      progress = display
      display.update(step: done, unitsPerStep: Double(communicator.size))
    }
    progress?.finish()
    return imported
  }

  private func importedInBlocks(_ communicator: Communicator, _ console: Console) throws -> Imported {
    let imported = try MapImporter.runInBlocks(
      path: source, options: options, target: out, softwareVersion: Software.version, communicator: communicator,
      console: console, overwrite: overwrite, restart: archive.restart)
    guard let imported else { throw ExitCode(75) }
    return imported
  }

  /// "NAME=SOURCE", or "NAME" where the source calls it so.
  static func layerOfSource(_ text: String) throws -> ImportOptions.Layer {
    try text.contains("=") ? layer(text) : .init(name: text, source: text)
  }

  /// "NAME=SOURCE".
  static func layer(_ text: String) throws -> ImportOptions.Layer {
    let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { throw ValidationError("A layer is NAME=SOURCE, found \"\(text)\".") }
    return .init(name: parts[0], source: parts[1])
  }

  private static func display(_ total: Int, _ communicator: Communicator) -> ProgressDisplay {
    ProgressDisplay(
      "import", total: total, unit: "maps", style: .automatic(isEnabled: communicator.isRoot))
  }
}

/// Two numbers "1,1": a place in the plane [m].
struct Position: ExpressibleByArgument {
  let x: Double
  let y: Double

  init(x: Double, y: Double) {
    self.x = x
    self.y = y
  }

  init?(argument: String) {
    let numbers = argument.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
    guard numbers.count == 2, let x = numbers[0], let y = numbers[1], x.isFinite, y.isFinite else { return nil }
    self.init(x: x, y: y)
  }

  var defaultValueDescription: String { "\(Units.number(x)),\(Units.number(y))" }
}
