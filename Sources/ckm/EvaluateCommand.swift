import ArgumentParser
import Evaluation
import MessagePassing

/// `ckm evaluate`: a reconstruction beside plain interpolation.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Hold a reconstruction against the truth, beside plain interpolation.",
    discussion: "Writes report.md, report.json and pictures of the best, the median and the worst map.")

  @Option(help: "The data set with the true maps.")
  var data: String

  @Option(help: "What ckm reconstruct wrote from it.")
  var reconstruction: String

  @Option(name: .shortAndLong, help: "The report's directory.")
  var out: String

  func run() throws {
    let communicator = try Communicator.world()
    let report = try Evaluator.run(
      dataPath: data, reconstructionPath: reconstruction, outputDirectory: out, communicator: communicator)
    if communicator.isRoot {
      print(report.markdown)
      print("\(out): report.md, report.json, best.png, median.png, worst.png")
    }
  }
}
