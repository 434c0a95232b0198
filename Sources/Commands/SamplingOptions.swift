import ArgumentParser
import Diffusion
import Runs

extension SamplingRequest.SamplerKind: ExpressibleByArgument {}
extension SamplingRequest.Kind: ExpressibleByArgument {}
extension SamplingRequest.ZeroShot: ExpressibleByArgument {}
extension TimestepSpacing: ExpressibleByArgument {}
extension WeightsChoice: ExpressibleByArgument {}

/// How a trained network draws maps; shared by all commands that let it.
struct SamplingOptions: ParsableArguments {
  @Option(
    help: "The way from noise to a map: ddim, dpm-solver (second order), or ancestral with all steps. Default: ddim.")
  var sampler: SamplingRequest.SamplerKind?

  @Option(help: "Network evaluations of a draw by ddim or dpm-solver. Default: 20.")
  var steps: Int?

  @Option(
    name: .customLong("sampler-spacing"),
    help: "Which timesteps: trailing, quadratic, log-snr, leading. Default: trailing for ddim, log-snr for dpm-solver.")
  var spacing: TimestepSpacing?

  @Option(help: "The timestep where a coarse start begins. Default: the run's diffusion.start_timestep.")
  var startTimestep: Int?

  @Option(help: "The share of noise that each step of ddim or dpm-solver adds, 0 to 1. Default: 0.")
  var eta: Double?

  @Option(
    name: .customLong("samples"),
    help: ArgumentHelp(
      "Draws of each map; from 2 on the file has the layer deviation, the standard deviation of what is predicted.",
      valueName: "count"))
  var draws = 1

  @Option(
    help: """
      What the maps are: one draw, the mean of all draws, or the network's direct estimate of that mean. Default: \
      mean where there are several draws.
      """)
  var estimate: SamplingRequest.Kind?

  @Flag(
    help: """
      Show the network each map turned and mirrored in all eight ways: a direct estimate is the mean over them (eight \
      evaluations), draws take turns. Needs a run with data.symmetries.
      """)
  var symmetries = false

  @Option(help: "The averaged weights (ema) or the last step's own (model).")
  var weights = WeightsChoice.ema

  @Option(help: "Keys the sampler's noise. Default: the run's seed.")
  var seed: UInt64?

  @Option(
    help: ArgumentHelp(
      """
      Show the network maps that are larger than it was trained at in overlapping windows of so many pixels on a side; whole: \
      all at once. Default: windows of the size that it was trained at where all maps have one range (data.normalisation: \
      dataset), else whole.
      """, valueName: "pixels|whole"))
  var tile: TilingArgument?

  @Option(
    help: """
      How a network that magnifies by one factor alone is asked for another: cascade (again and again, then decimated) or \
      resample (once, from samples resampled to its distance). Default: cascade.
      """)
  var zeroShot: SamplingRequest.ZeroShot?

  @Option(
    help: """
      Of runs that learnt without sources as well: answers are driven so far from those that know none towards those that do; \
      1: as they are. Default: 1.
      """)
  var guidance: Double?

  @Option(help: "Maps that a rank has in the network at a time.")
  var batch = 4

  func validate() throws {
    guard batch >= 1 else { throw ValidationError("--batch must be at least 1.") }
    guard draws >= 1 else { throw ValidationError("--samples must be at least 1.") }
    guard startTimestep.map({ $0 >= 1 }) ?? true else {
      throw ValidationError("--start-timestep must be at least 1.")
    }
    guard guidance.map({ (0...100).contains($0) }) ?? true else {
      throw ValidationError("--guidance must be 0 to 100.")
    }
    guard estimate != .draw || draws == 1 else {
      throw ValidationError("--estimate draw is of one draw; with --samples \(draws) take mean or direct.")
    }
  }

  /// What is asked of a model.
  var request: SamplingRequest {
    var request = SamplingRequest()
    request.sampler = sampler
    request.steps = steps
    request.spacing = spacing
    request.startTimestep = startTimestep
    request.eta = eta
    request.draws = draws
    request.estimate = estimate
    request.usesSymmetries = symmetries
    request.seed = seed
    request.tiling = tile?.tiling
    request.zeroShot = zeroShot
    request.guidance = guidance
    return request
  }
}

/// "whole", or pixels on a side.
struct TilingArgument: ExpressibleByArgument {
  let tiling: SamplingRequest.Tiling

  init?(argument: String) {
    if argument == "whole" {
      tiling = .whole
    } else if let side = Int(argument), side > 0 {
      tiling = .windows(side)
    } else {
      return nil
    }
  }
}
