import ArgumentParser
import Essentials
import Interpolation
import MapStorage
import MessagePassing
import Reconstruction
import Records
import Tensors

extension SplitChoice: ExpressibleByArgument {}
extension InterpolationMethod: ExpressibleByArgument {}

/// `ckm reconstruct`: fine maps out of coarse ones.
struct ReconstructCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reconstruct",
    abstract: "Reconstruct fine maps from coarse ones with a trained run, or by interpolation.",
    discussion: """
      --data takes the coarse maps out of a data set's fine ones, to be evaluated; --coarse takes measured coarse maps \
      alone (HDF5, NumPy, PNG). Results are in dB. Runs on any number of ranks, with the same result.
      """)

  @Option(help: "The run's directory.")
  var model: String?

  @Option(help: "Interpolation instead of a model: nearest, bilinear, bicubic, spline or kriging.")
  var method: InterpolationMethod?

  @Option(
    help: ArgumentHelp(
      "Kriging with the mean over the distance and the covariance of all maps of a data set, and not those of each map.",
      valueName: "maps"))
  var covarianceOf: String?

  @Option(help: "A data set; its maps are decimated.")
  var data: String?

  @Option(
    help: "Which maps of the data set: train, test or all, as the run was split. Default: test, and all for --method.")
  var split: SplitChoice?

  @OptionGroup var alone: CoarseMapOptions

  @Option(
    help: ArgumentHelp(
      "With --coarse, a layer over the fine places that the run sees (data.conditions): buildings=outlines.png. Repeatable.",
      valueName: "name=source"), transform: ImportCommand.layer)
  var condition: [ImportOptions.Layer] = []

  @Option(help: "Fine pixels from one coarse sample to the next.")
  var magnification = 4

  @OptionGroup var sampling: SamplingOptions

  @Flag(help: "Write all draws of each map as well: the data set draws [sample, draw, y, x].")
  var keepDraws = false

  @Option(help: "What the method is called in tables. Default: the family's name, or the interpolation's.")
  var name: String?

  @Option(
    name: .shortAndLong,
    help: "The file to write. Its ending says the form: .h5, or .npy, .npz, .tif, .png, NAME/ as in ckm export.")
  var out: String

  @Flag(help: "Replace the file if there is one.")
  var overwrite = false

  @OptionGroup var compute: ComputeOptions

  func validate() throws {
    guard (model == nil) != (method == nil) else { throw ValidationError("Give either --model or --method.") }
    try alone.validate(beside: data)
    try SamplingGrid.validate([magnification])
    guard condition.isEmpty || data == nil else {
      throw ValidationError("--condition is for --coarse; a data set has its own layers.")
    }
    guard covarianceOf == nil || method == .kriging else {
      throw ValidationError("--covariance-of is for --method kriging.")
    }
    guard method == nil || (sampling.request.asked.isEmpty && !keepDraws) else {
      throw ValidationError("How maps are drawn (--sampler, --samples, --estimate, --keep-draws, ...) is a model's.")
    }
    guard !keepDraws || [.dataSet, .archive].contains((try? ExportFormat(of: out)) ?? .dataSet) else {
      throw ValidationError("--keep-draws needs a file that holds draws beside the maps: .h5 or .npz.")
    }
    guard method == nil || split == nil || split == .all else {
      throw ValidationError("--split \(split?.rawValue ?? "") is a run's; --method takes all maps.")
    }
  }

  func run() throws {
    let communicator = try Communicator.world()
    let console = Console(isEnabled: communicator.isRoot)
    let output = try OutputFile(out, overwrite: overwrite, communicator)
    let threads = try compute.makeThreads(communicator, console)
    try communicator.requireSameFiles([data, alone.coarse, covarianceOf].compactMap { $0 })
    var request = ReconstructionRequest(input: input, output: output.dataSet)
    request.exportedTo = output.isExported ? out : nil
    request.sampling = sampling.request
    request.batch = sampling.batch
    request.magnification = magnification
    request.sampling.keepsDraws = keepDraws
    request.name = name
    request.overwrite = overwrite || output.isExported
    request.softwareVersion = Software.version
    let count = try Reconstructor.run(
      request, try chosenMethod(communicator, console), communicator: communicator, engine: Engine(threads),
      progress: .automatic(isEnabled: communicator.isRoot))
    try output.finish(communicator)
    if communicator.isRoot, !output.isExported { print("\(out): \(count) maps at x\(magnification), dB") }
  }

  private func chosenMethod(_ communicator: Communicator, _ console: Console) throws -> ReconstructionMethod {
    if let covarianceOf {
      return .ensembleKriging(try MapEnsemble.measured(on: covarianceOf, communicator: communicator))
    }
    if let method { return .interpolation(method) }
    return .model(
      try ChannelKnowledgeMaps.families.load(
        run: model ?? "", weights: sampling.weights, communicator: communicator, console: console))
  }

  private var input: ReconstructionInput {
    if let data { return .dataSet(path: data, split: split ?? (method == nil ? .test : .all)) }
    return .coarse(path: alone.coarse ?? "", options: alone.options, conditions: condition)
  }
}
