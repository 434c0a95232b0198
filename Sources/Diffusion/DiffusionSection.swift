import Configuration
import Essentials

extension ConfigurationTag {
  /// How maps are drawn, of which training knows nothing.
  public static let sampling = ConfigurationTag("sampling")
}

/// The diffusion process and how it is sampled.
public struct DiffusionSection: ConfigurationSection, Equatable {
  /// How noise grows over the timesteps.
  public enum Schedule: String, CaseIterable, Sendable {
    /// beta from `beta_start` to `beta_end`.
    case linear
    /// The root of beta, likewise: latent diffusion's.
    case scaledLinear = "scaled_linear"
    /// Nichol and Dhariwal's.
    case cosine
  }
  /// How noise grows over the timesteps.
  public var schedule = Schedule.linear
  /// beta_1 of the linear schedule.
  public var betaStart = 1e-6
  /// beta_T of the linear schedule.
  public var betaEnd = 1e-2
  /// T.
  public var timesteps = 1000
  /// What the network is asked for.
  public var prediction = Parametrisation.epsilon
  /// Whether the schedule is rescaled so that nothing of the map is left at T (Lin et al., WACV 2024, algorithm 1).
  public var zeroTerminalSNR = false
  /// Share of the samples that are trained at T, where one answer is the mean of all maps that fit; the others' timesteps
  /// are drawn evenly from 1...T.
  public var terminalShare = 0.0
  /// Where sampling starts.
  public var start = SamplerStart.coarse
  /// The timestep at which the coarse start begins; nil for T.
  public var startTimestep: Int? = 100
  /// Whether the estimate of the clean map is clamped to the range that the data can have.
  public var clamp = true

  /// The defaults.
  public init() {}

  /// A key that stood in the section `training` before there were several families.
  public static var moved: [String: String] { ["training.terminal_share": "diffusion.terminal_share"] }

  /// The keys of the section `diffusion`.
  public static var fields: [ConfigurationField<Self>] {
    [
      .choice("schedule", \.schedule, "how noise grows over the timesteps"),
      .number("beta_start", \.betaStart, in: 0...1, "beta_1 of a linear schedule"),
      .number("beta_end", \.betaEnd, in: 0...1, "beta_T of a linear schedule"),
      .integer("timesteps", \.timesteps, in: 1...100_000, "T"),
      .choice("prediction", \.prediction, "what the network is asked for"),
      .flag("zero_terminal_snr", \.zeroTerminalSNR, "rescale the schedule so that nothing of the map is left at T"),
      .number("terminal_share", \.terminalShare, in: 0...1, "share of the samples that are trained at T"),
      .choice("start", \.start, "where sampling starts: coarse takes the level from the coarse map")
        .tagged(.sampling),
      .integer(
        "start_timestep", \.startTimestep, in: 1...100_000,
        "where the coarse start begins; null: at T, as from noise"
      ).tagged(.sampling),
      .flag("clamp", \.clamp, "clamp the estimate of the clean map at each step").tagged(.sampling),
    ]
  }

  /// A linear schedule must rise from above 0 to below 1; where nothing of the map is left, its noise does not say what
  /// it was.
  public func validate(_ places: ConfigurationPlaces) throws {
    if zeroTerminalSNR, prediction == .epsilon {
      throw Fault(
        "the noise at T says nothing about the map", at: places["prediction"],
        expected: "velocity or sample, with zero_terminal_snr", found: "epsilon")
    }
    if let startTimestep, startTimestep > timesteps {
      throw Fault(
        "sampling starts at a timestep that there is not", at: places["start_timestep"],
        expected: "1 to \(timesteps)", found: "\(startTimestep)")
    }
    guard schedule == .cosine || (betaStart > 0 && betaStart <= betaEnd && betaEnd < 1) else {
      throw Fault(
        "the linear schedule does not rise", at: places["beta_end"], expected: "0 < beta_start <= beta_end < 1",
        found: "\(betaStart) to \(betaEnd)")
    }
  }

  /// The schedule that the section describes.
  public func makeSchedule() throws -> NoiseSchedule {
    let kind: ScheduleKind =
      switch schedule {
      case .linear: .linear(start: betaStart, end: betaEnd)
      case .scaledLinear: .scaledLinear(start: betaStart, end: betaEnd)
      case .cosine: .cosine
      }
    return try NoiseSchedule(kind, count: timesteps, zeroTerminal: zeroTerminalSNR)
  }
}
