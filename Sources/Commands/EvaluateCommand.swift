import ArgumentParser
import Evaluation
import Interpolation
import MessagePassing
import Metrics

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

  @Option(
    help: ArgumentHelp(
      "Weights of a perceptual distance, which becomes a column: what Scripts/lpips-weights writes.",
      valueName: "file.safetensors"))
  var lpips: String?

  @Option(parsing: .unconditional, help: MetricScale.help)
  var scale = MetricScale.own

  @Option(name: .shortAndLong, help: "The report's directory.")
  var out: String

  func validate() throws {
    guard magnification != nil || !reconstruction.isEmpty else {
      throw ValidationError("Give --reconstruction, or --magnification for the interpolations alone.")
    }
    if let magnification { try SamplingGrid.validate([magnification]) }
  }

  func run() throws {
    let communicator = try Communicator.world()
    let report = try Evaluator.run(
      dataPath: data, reconstructionPaths: reconstruction, magnification: magnification, scale: scale,
      perceptual: lpips, outputDirectory: out, communicator: communicator)
    if communicator.isRoot {
      print(report.markdown)
      print("\(out): report.md, report.json, calibration.svg, best.png, median.png, worst.png")
    }
  }
}

extension MetricScale: ExpressibleByArgument {
  /// Of options that take one.
  static let help = ArgumentHelp(
    "What is 0 and what is 255 of the scale of NMSE, MSE, PSNR and SSIM: own, each true map's least and greatest value, or "
      + "two values in dB for all maps: -147,-47", valueName: "own|low,high")

  /// "own", or two numbers "-147,-47" [dB].
  public init?(argument: String) {
    if argument == "own" {
      self = .own
    } else if let ends = PictureRange(argument: argument) {
      self = .fixed(ends.range)
    } else {
      return nil
    }
  }

  /// As it is given.
  public var defaultValueDescription: String {
    switch self {
    case .own: "own"
    case .fixed(let range): "\(range.minimum),\(range.maximum)"
    }
  }
}

extension SamplingGrid {
  /// Throws unless all magnifications of an option `--magnification` can be asked for.
  static func validate(_ asked: [Int]) throws {
    guard asked.allSatisfy(magnifications.contains) else {
      throw ValidationError("--magnification must be \(magnifications.lowerBound) to \(magnifications.upperBound).")
    }
  }
}
