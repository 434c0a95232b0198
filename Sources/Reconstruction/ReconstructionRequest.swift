import Diffusion
import Essentials
import Interpolation
import Runs

/// What makes fine maps out of coarse ones.
public enum ReconstructionMethod {
  /// A trained network, which draws them.
  case model(TrainedModel)
  /// Plain interpolation.
  case interpolation(InterpolationMethod)
  /// Kriging with the mean and the covariance of many maps of the same kind.
  case ensembleKriging(MapEnsemble)
}

/// What a reconstruction is asked to do.
public struct ReconstructionRequest: Sendable {
  /// The way from noise to a map.
  public enum SamplerKind: String, CaseIterable, Sendable {
    /// Eq. (34): all T steps.
    case ancestral
    /// Song, Meng and Ermon 2021: any number of steps.
    case ddim
    /// DPM-Solver++(2M), Lu et al. 2022: few steps.
    case dpmSolver = "dpm-solver"
  }
  /// What the file's maps are of the draws.
  public enum Estimate: String, CaseIterable, Sendable {
    /// One draw: a map as they are.
    case draw
    /// The mean of all draws: the map of least expected squared error, as far as so many draws tell it.
    case mean
    /// The network's own estimate of that mean: one evaluation where nothing is left of the signal.
    case direct
  }
  /// Where the coarse maps come from.
  public var input: ReconstructionInput
  /// The result's file.
  public var output: String
  /// Fine pixels from one coarse sample to the next.
  public var magnification = 4
  /// The way from noise to a map.
  public var sampler = SamplerKind.ddim
  /// Network evaluations of a draw, but for ancestral sampling.
  public var steps = 20
  /// Which timesteps; nil for the sampler's usual ones.
  public var spacing: TimestepSpacing?
  /// Where a coarse start begins; nil for the run's own.
  public var startTimestep: Int?
  /// The share of the posterior's noise that each step adds, 0...1; ancestral sampling always adds all of it.
  public var eta = 0.0
  /// How many draws of each map; from 2 on the file has their deviation.
  public var draws = 1
  /// What the maps are of the draws; nil: the mean where there are several.
  public var estimate: Estimate?
  /// Whether the network is shown each map turned and mirrored in all eight ways: direct estimates are averaged over them,
  /// draws take turns.
  public var usesSymmetries = false
  /// Whether the draws themselves go into the file.
  public var keepsDraws = false
  /// Maps that a rank has in the network at a time.
  public var batch = 4
  /// Keys the noise; nil for the run's own seed.
  public var seed: UInt64?
  /// As it stands in tables; nil for the method's own name.
  public var name: String?
  /// Whether an existing file may be replaced.
  public var overwrite = false
  /// What the file says it was written by.
  public var softwareVersion = ""

  /// - Parameters:
  ///   - input: where the coarse maps come from.
  ///   - output: the result's file.
  public init(input: ReconstructionInput, output: String) {
    self.input = input
    self.output = output
  }

  /// What the maps are of the draws.
  var chosenEstimate: Estimate { estimate ?? (draws > 1 ? .mean : .draw) }

  /// How many draws are made: the direct estimate alone needs none.
  var drawCount: Int { chosenEstimate == .direct && draws == 1 ? 0 : draws }

  /// Throws where what is asked for excludes itself.
  func validate() throws {
    guard (1...Self.mostDraws).contains(draws) else {
      throw Fault(
        "no such number of draws", at: "--samples", expected: "1...\(Self.mostDraws)", found: "\(draws)")
    }
    if estimate == .draw, draws > 1 {
      throw Fault(
        "one draw is no estimate of several", at: "--estimate", expected: "mean or direct with --samples \(draws)",
        found: "draw")
    }
    if keepsDraws, drawCount == 0 {
      throw Fault("there are no draws to keep", at: "--keep-draws", expected: "--samples 2 or more")
    }
  }

  /// Random streams number draws in 24 bits; nobody has time for more than this.
  private static let mostDraws = 1_000_000
}
