import ArgumentParser
import ChannelModels
import Computing
import Essentials
import Foundation
import MapStorage
import MessagePassing
import Records

/// `ckm calibrate`: the urban simulator's coefficients from maps.
struct CalibrateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "calibrate", abstract: "Fit the coefficients of simulate urban to measured or ray-traced maps.",
    discussion: """
      The maps need stations, and holes where buildings stand; where a layer buildings tells those, other holes are places that no \
      signal reached. What is left is told by the corners around which the path bends, with the coefficients as given, and with \
      coefficients fitted on other maps than those on which they are tried. The last line is what simulate urban takes.
      """)

  @Argument(help: "The data set, as import writes it.")
  var file: String

  @Option(help: "Parts of the maps: each is tried with what is fitted on the others; 1: tried on what it is fitted on.")
  var folds = 2

  @Option(help: "How many of the first maps. Default: all.")
  var maximum: Int?

  @Option(parsing: .unconditional, help: "Height of the buildings in metres: paths lead over them too.")
  var buildingHeight = 25.0

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "Another value to begin with for a key of the simulation's configuration.", valueName: "key=value"))
  var overrides: [String] = []

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      """
      Write the maps again, with layers for train: buildings and expected_gain, each map's by what is fitted on \
      the other parts.
      """, valueName: "file"))
  var out: String?

  @Flag(help: "Replace the data set if there is one.")
  var overwrite = false

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var compute: ComputeOptions

  func validate() throws {
    guard (1...1000).contains(folds) else { throw ValidationError("--folds must be 1 to 1000.") }
    guard maximum.map({ $0 >= 1 }) ?? true else { throw ValidationError("--maximum must be at least 1.") }
    guard buildingHeight > 0, buildingHeight <= 1000 else {
      throw ValidationError("--building-height must be above 0 and at most 1000.")
    }
  }

  func run() throws {
    let communicator = try Communicator.world(), console = Console(isEnabled: communicator.isRoot)
    let threads = try compute.makeThreads(communicator, console)
    if let out { try communicator.onRoot("calibrate") { try MapSetAssembly.requireFree(out, overwrite: overwrite) } }
    // Rank 0 fits; where maps are written, all ranks work out what is expected.
    let calibration: UrbanCalibration? = try communicator.agree("prepare the cities") {
      communicator.isRoot || out != nil ? try self.calibration(threads) : nil
    }
    let laws = try communicator.onRoot("calibrate") { try calibrate(calibration!, console) }
    guard let out, let calibration else { return }
    let maker = try communicator.agree("open the maps") {
      ExpectedMaps(try MapSetReader(path: file), calibration, laws: laws, threads: threads)
    }
    let run = AssemblyRun(
      maker: maker, work: "expect", count: calibration.count, path: out, width: threads.count, overwrite: overwrite,
      restart: true)
    if case .stopped = try run.run(communicator, console) { throw ExitCode(75) }
    if communicator.isRoot, !json { print("\(out): \(calibration.count) maps with what is expected of them") }
  }

  private func calibration(_ threads: Threads) throws -> UrbanCalibration {
    try UrbanCalibration(
      MapSetReader(path: file), maximum: maximum, buildingHeight: buildingHeight, threads: threads)
  }

  /// Prints what is left; the law for each part of the maps, fitted on the others.
  private func calibrate(_ calibration: UrbanCalibration, _ console: Console) throws -> [UrbanLaw] {
    let given = try UrbanConfiguration().changed(by: overrides).law
    guard folds <= calibration.count else {
      throw Fault(
        "a part has no map", at: file, expected: "--folds of at most \(calibration.count)", found: "\(folds)")
    }
    let all = Array(0..<calibration.count)
    var fitted = UrbanCalibration.Residuals(), laws = [UrbanLaw]()
    for fold in 0..<folds {
      let tried = all.filter { $0 % folds == fold }
      let law = calibration.fit(from: given, maps: folds == 1 ? all : all.filter { $0 % folds != fold })
      console.note("part \(fold + 1) of \(folds) is fitted")
      laws.append(law)
      fitted = fitted + calibration.residuals(law, maps: tried)
    }
    let last = folds == 1 ? laws[0] : calibration.fit(from: given, maps: all)
    let report = CalibrationReport(
      given: (given, calibration.residuals(given, maps: all)), fitted: (laws, fitted), law: last)
    print(json ? report.json.indented : "\(file): \(calibration.count) maps\n\n\(report.text)", terminator: "")
    return laws
  }
}

/// What a calibration has found.
private struct CalibrationReport {
  let given: (law: UrbanLaw, residuals: UrbanCalibration.Residuals)
  let fitted: (laws: [UrbanLaw], residuals: UrbanCalibration.Residuals)
  let law: UrbanLaw

  /// What is fitted.
  private static let coefficients: [(key: String, value: any KeyPath<UrbanLaw, Double> & Sendable)] = [
    ("direct_intercept", \.directIntercept), ("direct_exponent", \.directExponent), ("bent_intercept", \.bentIntercept),
    ("bent_exponent", \.bentExponent), ("turn", \.turn), ("largest_turn", \.largestTurn),
    ("further_corner", \.furtherCorner), ("roofs", \.roofs),
  ]

  private var kinds: [(name: String, given: UrbanCalibration.Errors?, fitted: UrbanCalibration.Errors?)] {
    UrbanCalibration.Kind.allCases.map { ($0.name, given.residuals.errors[$0], fitted.residuals.errors[$0]) }
      .filter { $0.given != nil || $0.fitted != nil } + [("all", given.residuals.all, fitted.residuals.all)]
  }

  private func entries(_ errors: UrbanCalibration.Errors?, of all: Int) -> [String] {
    guard let errors else { return ["-", "-", "-", "-"] }
    return [
      String(format: "%.1f %%", 100 * Double(errors.count) / Double(max(all, 1))),
      String(format: "%.2f", errors.deviation), String(format: "%.2f", errors.median),
      String(format: "%+.2f", errors.bias),
    ]
  }

  var text: String {
    var table = MarkdownTable([
      "path", "as given: places", "RMSE, dB", "median, dB", "bias, dB", "fitted on others: places", "RMSE, dB",
      "median, dB", "bias, dB",
    ])
    for row in kinds {
      table.add(
        [row.name] + entries(row.given, of: given.residuals.all.count)
          + entries(row.fitted, of: fitted.residuals.all.count))
    }
    var numbers = MarkdownTable(["coefficient", "as given", "fitted on all", "fitted on parts"])
    for (key, path) in Self.coefficients {
      let parts = fitted.laws.map { $0[keyPath: path] }
      numbers.add([
        key, Units.number(given.law[keyPath: path]), Units.number(law[keyPath: path]),
        "\(Units.number(parts.min()!)) to \(Units.number(parts.max()!))",
      ])
    }
    let words = Self.coefficients.map { "--set law.\($0.key)=\(Units.number(law[keyPath: $0.value]))" }
    return """
      \(table.text)
      Model minus map, both raised to \(Units.number(-given.law.weakest)) dB; median: of magnitudes. \(foreseen)

      \(numbers.text)
      ckm simulate urban \(words.joined(separator: " "))

      """
  }

  /// How well it is foreseen where a signal comes.
  private var foreseen: String {
    func share(_ counts: (places: Int, foreseen: Int)) -> String {
      counts.places == 0
        ? "no place"
        : String(format: "%.1f %% of %d places", 100 * Double(counts.foreseen) / Double(counts.places), counts.places)
    }
    return
      "With what is fitted on others, a signal is foreseen at \(share(fitted.residuals.reached)) that one reaches, and none "
      + "at \(share(fitted.residuals.unreached)) that none reaches."
  }

  var json: JSONValue {
    func object(_ errors: UrbanCalibration.Errors?) -> JSONValue {
      errors.map {
        .members([
          "places": .integer($0.count), "rmse": .real($0.deviation), "median": .real($0.median), "bias": .real($0.bias),
        ])
      } ?? .null
    }
    func law(_ law: UrbanLaw) -> JSONValue {
      .object(Self.coefficients.map { JSONMember(key: $0.key, value: .real(law[keyPath: $0.value])) })
    }
    func counts(_ counts: (places: Int, foreseen: Int)) -> JSONValue {
      .members(["places": .integer(counts.places), "foreseen": .integer(counts.foreseen)])
    }
    return .members([
      "residuals": .array(
        kinds.map { .members(["path": .text($0.name), "given": object($0.given), "fitted": object($0.fitted)]) }),
      "given": law(given.law), "law": law(self.law), "parts": .array(fitted.laws.map(law)),
      "reached": counts(fitted.residuals.reached), "unreached": counts(fitted.residuals.unreached),
    ])
  }
}
