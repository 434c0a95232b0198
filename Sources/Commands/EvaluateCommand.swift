import ArgumentParser
import Evaluation
import MessagePassing

/// `ckm evaluate`: a reconstruction beside plain interpolation.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Hold reconstructions against the truth, beside plain interpolation.",
    discussion: """
      Writes report.md, report.json, calibration.svg and pictures of the best, the median and the worst map. Runs on any \
      number of ranks.
      """)

  @Option(help: "The data set with the true maps.")
  var data: String

  @Option(
    help: "What ckm reconstruct wrote from it. Repeatable: several models in one table. Default: interpolations alone.")
  var reconstruction: [String] = []

  @Option(help: "Fine pixels from one coarse sample to the next, where there is no reconstruction.")
  var magnification: Int?

  @Option(name: .shortAndLong, help: "The report's directory.")
  var out: String

  func validate() throws {
    guard magnification != nil || !reconstruction.isEmpty else {
      throw ValidationError("Give --reconstruction, or --magnification for the interpolations alone.")
    }
    guard magnification.map({ (1...4096).contains($0) }) ?? true else {
      throw ValidationError("--magnification must be 1 to 4096.")
    }
  }

  func run() throws {
    let communicator = try Communicator.world()
    let report = try Evaluator.run(
      dataPath: data, reconstructionPaths: reconstruction, magnification: magnification, outputDirectory: out,
      communicator: communicator)
    if communicator.isRoot {
      print(report.markdown)
      print("\(out): report.md, report.json, calibration.svg, best.png, median.png, worst.png")
    }
  }
}
