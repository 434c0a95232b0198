import ArgumentParser
import Evaluation
import Foundation
import Interpolation
import MessagePassing

/// `ckm plan-measurements`: where to measure next.
struct PlanMeasurementsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan-measurements", abstract: "Choose the places whose measurement would reduce a map's error most.",
    discussion: """
      Known are the decimated pixels of a data set's map (--data) or a measured coarse map alone (--coarse); with \
      --magnification 1 and --valid that is any set of pixels. How uncertain the map is everywhere else tells kriging, or, \
      with --draws, a file of reconstructions: several draws of the map, or one with a layer deviation. Writes plan.csv, \
      plan.json and plan.png. --trial instead measures on known maps what plans are worth beside random and grid placement, \
      and writes trial.md and trial.json; under mpirun, ranks share its maps.
      """)

  @Option(help: "A data set of fine maps; what is known is decimated from them.")
  var data: String?

  @OptionGroup var alone: CoarseMapOptions

  @Option(help: "Which map of the file.")
  var sample = 0

  @Option(help: "Fine pixels from one known sample to the next.")
  var magnification = 4

  @Option(help: "Reconstructions of the map, fine, in dB.")
  var draws: String?

  @Option(help: "Measurements to plan.")
  var count = 16

  @Option(help: "Standard deviation of a measurement's error, in dB.")
  var noise = 0.0

  @Flag(help: "Try placements on the data set's maps instead.")
  var trial = false

  @Option(help: "With --trial: how many of the first maps. Default: all.")
  var maximum: Int?

  @Option(help: "With --trial: rounds of the plan that looks at what was measured before.")
  var rounds = 4

  @Option(help: "With --trial: keys the random places.")
  var seed: UInt64 = 0

  @Option(name: .shortAndLong, help: "The directory for the plan, or the trial.")
  var out: String

  func validate() throws {
    try alone.validate(beside: data)
    guard !trial || data != nil && draws == nil else { throw ValidationError("--trial takes --data alone.") }
    try SamplingGrid.validate([magnification])
    guard (1...10_000).contains(count) else { throw ValidationError("--count must be 1 to 10000.") }
    guard noise >= 0, noise.isFinite else { throw ValidationError("--noise must not be negative.") }
    guard maximum.map({ $0 >= 1 }) ?? true else { throw ValidationError("--maximum must be at least 1.") }
    guard (1...count).contains(rounds) || !trial else { throw ValidationError("--rounds must be 1 to --count.") }
  }

  func run() throws {
    if trial, let data { return try tryPlacements(data) }
    try Launch.onRoot("plan the measurements") {
      let source: PlanSource =
        if let data {
          .dataSet(path: data, sample: sample, magnification: magnification)
        } else {
          .coarse(
            path: alone.coarse ?? "", options: alone.options, sample: sample, magnification: magnification)
        }
      var request = PlanRequest(source: source, count: count, outputDirectory: out)
      request.draws = draws
      request.noise = noise
      let plan = try MeasurementPlan.run(request)
      print(plan.csv, terminator: "")
      let after = plan.measurements.last?.expectedError ?? plan.expectedErrorBefore
      print(
        String(
          format: "%d measurements: expected RMSE %.3f dB before, %.3f dB after (%@)", plan.measurements.count,
          plan.expectedErrorBefore, after, plan.uncertainty))
      print("\(out): plan.csv, plan.json, plan.png")
    }
  }

  private func tryPlacements(_ data: String) throws {
    let communicator = try Communicator.world()
    var request = MeasurementTrial.Request(
      dataPath: data, magnification: magnification, count: count, outputDirectory: out)
    request.maps = maximum
    request.rounds = rounds
    request.seed = seed
    let trial = try MeasurementTrial.run(request, communicator: communicator)
    if communicator.isRoot {
      print(trial.markdown)
      print("\(out): trial.md, trial.json")
    }
  }
}
