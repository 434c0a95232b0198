import Diffusion
import Essentials

/// How a trained run is to infer maps.
public struct SamplingRequest: Sendable {
  /// The way from noise to a map.
  public enum SamplerKind: String, CaseIterable, Sendable {
    /// Eq. (34): all T steps.
    case ancestral
    /// Song, Meng and Ermon 2021: any number of steps.
    case ddim
    /// DPM-Solver++(2M), Lu et al. 2022: few steps.
    case dpmSolver = "dpm-solver"
  }
  /// What the maps are of the draws.
  public enum Kind: String, CaseIterable, Sendable {
    /// One draw: a map as they are.
    case draw
    /// The mean of all draws: the map of least expected squared error, as far as so many draws tell it.
    case mean
    /// The network's own estimate of that mean: one evaluation where nothing is left of the signal.
    case direct
  }
  /// How a network that magnifies by one factor alone is asked for another.
  public enum ZeroShot: String, CaseIterable, Sendable {
    /// Again and again, until the map is as fine as asked or finer, and then decimated.
    case cascade
    /// Once, from samples interpolated or decimated to its own distance.
    case resample
  }
  /// What can be asked for, by the name that faults give it.
  public enum Option: String, CaseIterable, Sendable {
    case sampler, steps, eta, draws, estimate, symmetries, seed
    case spacing = "sampler_spacing"
    case startTimestep = "start_timestep"
    case keepDraws = "keep_draws"
    case tile, guidance
    case zeroShot = "zero_shot"
  }
  /// How a network is asked about maps of another size than it was trained at.
  public enum Tiling: Equatable, Sendable {
    /// About the whole map at once, whatever its size.
    case whole
    /// In windows of so many pixels on a side.
    case windows(Int)
  }
  /// The way from noise to a map; nil for the family's usual one.
  public var sampler: SamplerKind?
  /// Network evaluations of a draw, but for ancestral sampling; nil for the family's usual number.
  public var steps: Int?
  /// Which timesteps; nil for the sampler's usual ones.
  public var spacing: TimestepSpacing?
  /// Where a coarse start begins; nil for the run's own.
  public var startTimestep: Int?
  /// The share of the posterior's noise that each step adds, 0...1; ancestral sampling always adds all of it.
  public var eta: Double?
  /// How many draws of each map; from 2 on they have a deviation.
  public var draws = 1
  /// What the maps are of the draws; nil: the mean where there are several.
  public var estimate: Kind?
  /// Whether the network is shown each map turned and mirrored in all eight ways: direct estimates are averaged over them,
  /// draws take turns.
  public var usesSymmetries = false
  /// Whether the draws themselves are given.
  public var keepsDraws = false
  /// Keys the noise; nil for the run's own seed.
  public var seed: UInt64?
  /// How maps of another size than the network was trained at are divided; nil: larger ones in windows of that
  /// size where all have one range, else as a whole.
  public var tiling: Tiling?
  /// How a network of one magnification is asked for another; nil: by a cascade.
  public var zeroShot: ZeroShot?

  /// How far answers are driven from those that know no source, towards and beyond those that do: 1 for as they are; nil for
  /// the family's usual one.
  public var guidance: Double?

  /// One draw of each map, as the family usually draws.
  public init() {}

  /// What is asked for.
  public var asked: [Option] {
    let given: [Option: Bool] = [
      .sampler: sampler != nil, .steps: steps != nil, .spacing: spacing != nil, .startTimestep: startTimestep != nil,
      .eta: eta != nil, .draws: draws > 1, .estimate: estimate != nil, .symmetries: usesSymmetries,
      .keepDraws: keepsDraws, .seed: seed != nil, .tile: tiling != nil,
      .zeroShot: zeroShot != nil, .guidance: guidance != nil,
    ]
    return Option.allCases.filter { given[$0] == true }
  }

  /// What the maps are of the draws.
  public var chosenEstimate: Kind { estimate ?? (draws > 1 ? .mean : .draw) }

  /// How many draws are made: the direct estimate alone needs none.
  public var drawCount: Int { chosenEstimate == .direct && draws == 1 ? 0 : draws }

  /// Throws where what is asked for excludes itself.
  public func validate() throws {
    guard (1...Self.mostDraws).contains(draws) else {
      throw Fault("no such number of draws", at: "`draws`", expected: "1...\(Self.mostDraws)", found: "\(draws)")
    }
    if estimate == .draw, draws > 1 {
      throw Fault(
        "one draw is no estimate of several", at: "`estimate`", expected: "mean or direct with `draws` \(draws)",
        found: "draw")
    }
    if keepsDraws, drawCount == 0 {
      throw Fault("there are no draws to keep", at: "`keep_draws`", expected: "`draws` 2 or more")
    }
  }

  /// Throws where something is asked for that an estimator has no use for: nothing is ignored without a word.
  ///
  /// - Parameters:
  ///   - options: what it has use for.
  ///   - name: what it is called.
  public func require(only options: Set<Option>, by name: String) throws {
    guard let stranger = asked.first(where: { !options.contains($0) }) else { return }
    let known = Option.allCases.filter(options.contains).map { "`\($0.rawValue)`" }
    throw Fault(
      "\(name) has no use for this", at: "`\(stranger.rawValue)`",
      expected: known.isEmpty ? "no options for drawing" : "of such options " + known.joined(separator: ", "))
  }

  /// Random streams number draws in 24 bits; nobody has time for more than this.
  private static let mostDraws = 1_000_000
}

extension SamplingRequest {
  /// The way from noise to a map that is asked for.
  ///
  /// - Parameters:
  ///   - schedule: the one that the run was trained with.
  ///   - start: the first timestep; nil for the last of all.
  ///   - usualSteps: network evaluations where nobody says how many.
  ///   - parametrisation: what the network answers.
  ///   - clamp: what the estimate of the clean map may be.
  /// - Throws: `Fault` for a start or a number of steps that there is not.
  public func makeSampler(
    _ schedule: NoiseSchedule, from start: Int? = nil, usualSteps: Int, parametrisation: Parametrisation,
    clamp: EstimateClamp
  ) throws -> any Sampler {
    switch sampler ?? .ddim {
    case .ancestral:
      try LinearSampler.ancestral(schedule, from: start, parametrisation: parametrisation, clamp: clamp)
    case .ddim:
      try LinearSampler.ddim(
        schedule, steps: steps ?? usualSteps, from: start, eta: eta ?? 0, spacing: spacing ?? .trailing,
        parametrisation: parametrisation, clamp: clamp)
    case .dpmSolver:
      try LinearSampler.dpmSolver(
        schedule, steps: steps ?? usualSteps, from: start, eta: eta ?? 0, spacing: spacing ?? .logSNR,
        parametrisation: parametrisation, clamp: clamp)
    }
  }
}
