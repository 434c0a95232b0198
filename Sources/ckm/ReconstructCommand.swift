import ArgumentParser
import Checkpoints
import Essentials
import Evaluation
import MapStorage
import MessagePassing
import RunRecords
import Tensors

extension SplitChoice: ExpressibleByArgument {}
extension ReconstructionRequest.SamplerKind: ExpressibleByArgument {}
extension TrainedModel.Weights: ExpressibleByArgument {}

/// `ckm reconstruct`: fine maps out of coarse ones.
struct ReconstructCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reconstruct", abstract: "Reconstruct fine maps from coarse ones with a trained run.",
    discussion: """
      --data takes the coarse maps out of a data set's fine ones, to be evaluated; --coarse takes measured coarse maps \
      alone (HDF5, NumPy, PNG). Results are in dB.
      """)

  @Option(help: "The run's directory.")
  var model: String

  @Option(help: "A data set; its maps are decimated.")
  var data: String?

  @Option(help: "Which maps of the data set: train, test or all, as the run was split.")
  var split = SplitChoice.test

  @Option(help: "Coarse maps alone: HDF5, .npy, .npz, PNG or a folder of PNG.")
  var coarse: String?

  @OptionGroup var foreign: ForeignMapOptions

  @Option(help: "Fine pixels from one coarse sample to the next.")
  var magnification = 4

  @Option(help: "The way from noise to a map: ddim, or ancestral with all steps.")
  var sampler = ReconstructionRequest.SamplerKind.ddim

  @Option(help: "Network evaluations of ddim.")
  var steps = 20

  @Option(help: "The timestep where a coarse start begins. Default: the run's diffusion.start_timestep.")
  var startTimestep: Int?

  @Option(help: "ddim's share of noise, 0 to 1.")
  var eta = 0.0

  @Option(help: "The averaged weights (ema) or the last step's own (model).")
  var weights = TrainedModel.Weights.ema

  @Option(help: "Keys the sampler's noise. Default: the run's seed.")
  var seed: UInt64?

  @Option(help: "Maps that a rank has in the network at a time.")
  var batch = 4

  @Option(name: .shortAndLong, help: "The file to write.")
  var out: String

  @Flag(help: "Replace the file if there is one.")
  var overwrite = false

  @OptionGroup var compute: ComputeOptions

  func validate() throws {
    guard (data == nil) != (coarse == nil) else {
      throw ValidationError("Give either --data or --coarse.")
    }
    guard batch >= 1 else { throw ValidationError("--batch must be at least 1.") }
    guard startTimestep.map({ $0 >= 1 }) ?? true else {
      throw ValidationError("--start-timestep must be at least 1.")
    }
    guard (1...4096).contains(magnification) else {
      throw ValidationError("--magnification must be 1 to 4096.")
    }
  }

  func run() throws {
    let communicator = try Communicator.world()
    let console = Console(isEnabled: communicator.isRoot)
    let threads = try compute.makeThreads(communicator, console)
    let trained = try TrainedModel.load(
      run: model, weights: weights, communicator: communicator, console: console)
    var request = ReconstructionRequest(input: input, output: out)
    request.magnification = magnification
    request.sampler = sampler
    request.steps = steps
    request.startTimestep = startTimestep
    request.eta = eta
    request.batch = batch
    request.seed = seed
    request.overwrite = overwrite
    request.softwareVersion = Software.version
    let count = try Reconstructor.run(
      request, trained, communicator: communicator, engine: Engine(threads),
      progress: .automatic(isEnabled: communicator.isRoot))
    if communicator.isRoot { print("\(out): \(count) maps at x\(magnification), dB") }
  }

  private var input: ReconstructionInput {
    if let data { return .dataSet(path: data, split: split) }
    return .coarse(path: coarse ?? "", options: foreign.options)
  }
}
