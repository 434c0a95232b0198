import Conditioning
import Configuration
import Diffusion
import Essentials
import Interpolation
import Models

/// Everything that determines a training run, apart from the data: `config.resolved.yaml`.
public struct RunConfiguration: ConfigurationSection, Equatable {
  /// Keys all random numbers of the run.
  public var seed: UInt64 = 1
  /// The network.
  public var model = CGDMConfiguration()
  /// How maps become what the network sees.
  public var data = DataSection()
  /// The diffusion process and how it is sampled.
  public var diffusion = DiffusionSection()
  /// The optimiser and its steps.
  public var training = TrainingSection()
  /// What a student learns from its teacher.
  public var distillation = DistillationSection()
  /// Losses on maps that are not trained on.
  public var validation = ValidationSection()
  /// What is saved, and when.
  public var checkpoints = CheckpointsSection()

  /// The `small` preset.
  public init() {}

  /// The top level of the file.
  public static var fields: [ConfigurationField<Self>] {
    [
      .integer("seed", \.seed, in: 0...UInt64.max, "keys all random numbers"),
      .section("model", \.model, "the U-Net"),
      .section("data", \.data, "how maps become what the network sees"),
      .section("diffusion", \.diffusion, "the diffusion process and its sampling"),
      .section("training", \.training, "optimiser, batch, schedule, average"),
      .section("distillation", \.distillation, "what a student learns from its teacher; for ckm distill"),
      .section("validation", \.validation, "losses on maps that are not trained on"),
      .section("checkpoints", \.checkpoints, "what is saved, and when"),
    ]
  }

  /// The network must have room for what it is conditioned on.
  public func validate(_ places: ConfigurationPlaces) throws {
    let expected = data.form == .residual ? ResidualForm.channels : model.channels
    guard (model.conditionChannels ?? model.channels) == expected else {
      throw Fault(
        "the network does not fit what it is conditioned on", at: places["model.condition_channels"],
        expected: "\(expected) with data.form \(data.form.rawValue)",
        found: model.conditionChannels.map(String.init) ?? "null")
    }
  }

  /// Named starting points.
  public enum Preset: String, CaseIterable, Sendable {
    /// The paper's network and numbers: 221 M parameters.
    case paper
    /// One channel, 3.5 M parameters: hours on two cores.
    case small
    /// One channel, 0.2 M parameters: minutes on two cores.
    case tiny

    /// The preset's values.
    public var configuration: RunConfiguration {
      var run = RunConfiguration()
      switch self {
      case .small: break
      case .tiny:
        run.model = .tiny
        run.training.steps = 1500
        run.training.learningRate = 2e-3
        run.training.warmUp = 50
        run.training.averageDecay = 0.995
        run.validation.every = 250
        run.checkpoints.every = 250
      case .paper:
        run.model = .paper
        run.data.normalisation = .fine
        run.diffusion.start = .noise
        run.diffusion.startTimestep = nil
        run.training = TrainingSection.paper
        run.validation.every = 5000
        run.checkpoints.every = 5000
      }
      return run
    }
  }
}

/// How maps become what the network sees.
public struct DataSection: ConfigurationSection, Equatable {
  /// Fine pixels from one coarse sample to the next.
  public var magnification = 4
  /// What the network draws: the map, or what kriging leaves of it.
  public var form = MapForm.map
  /// How the coarse map is upsampled before it enters.
  public var upsampling = UpsamplingMethod.bicubic
  /// Which range of values becomes [-1, 1].
  public var normalisation = Normalisation.coarse
  /// How far values may leave [-1, 1] before they are clamped.
  public var margin: Float = 1

  /// The defaults.
  public init() {}

  /// The keys of the section `data`.
  public static var fields: [ConfigurationField<Self>] {
    [
      .integer("magnification", \.magnification, in: 2...64, "fine pixels from one coarse sample to the next"),
      .choice("form", \.form, "what the network draws: the map, or what kriging leaves, in its deviations"),
      .choice("upsampling", \.upsampling, "how the coarse map is upsampled before it enters (form: map)"),
      .choice("normalisation", \.normalisation, "whose range becomes [-1, 1]; fine is the paper's, and a leak"),
      .number("margin", \.margin, in: 0...10, "how far values may leave [-1, 1] before they are clamped"),
    ]
  }
}

/// The diffusion process and how it is sampled.
public struct DiffusionSection: ConfigurationSection, Equatable {
  /// How noise grows over the timesteps.
  public enum Schedule: String, CaseIterable, Sendable {
    /// beta from `beta_start` to `beta_end`.
    case linear
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
  /// Where sampling starts.
  public var start = SamplerStart.coarse
  /// The timestep at which the coarse start begins; nil for T.
  public var startTimestep: Int? = 100
  /// Whether the estimate of the clean map is clamped to the range that the data can have.
  public var clamp = true

  /// The defaults.
  public init() {}

  /// The keys of the section `diffusion`.
  public static var fields: [ConfigurationField<Self>] {
    [
      .choice("schedule", \.schedule, "how noise grows over the timesteps"),
      .number("beta_start", \.betaStart, in: 0...1, "beta_1 of the linear schedule"),
      .number("beta_end", \.betaEnd, in: 0...1, "beta_T of the linear schedule"),
      .integer("timesteps", \.timesteps, in: 1...100_000, "T"),
      .choice("prediction", \.prediction, "what the network is asked for"),
      .flag("zero_terminal_snr", \.zeroTerminalSNR, "rescale the schedule so that nothing of the map is left at T"),
      .choice("start", \.start, "where sampling starts: coarse takes the level from the coarse map"),
      .integer(
        "start_timestep", \.startTimestep, in: 1...100_000,
        "where the coarse start begins; null: at T, as from noise"),
      .flag("clamp", \.clamp, "clamp the estimate of the clean map at each step"),
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
    try NoiseSchedule(
      schedule == .linear ? .linear(start: betaStart, end: betaEnd) : .cosine, count: timesteps,
      zeroTerminal: zeroTerminalSNR)
  }
}

/// Losses on maps that are not trained on.
public struct ValidationSection: ConfigurationSection, Equatable {
  /// Steps between validations; 0 for none.
  public var every = 1000
  /// How many held-out maps, at most.
  public var maps = 32

  /// The defaults.
  public init() {}

  /// The keys of the section `validation`.
  public static var fields: [ConfigurationField<Self>] {
    [
      .integer("every", \.every, in: 0...Int.max, "steps between validations; 0: none"),
      .integer("maps", \.maps, in: 1...1_000_000, "held-out maps, at most"),
    ]
  }
}

/// What is saved, and when.
public struct CheckpointsSection: ConfigurationSection, Equatable {
  /// Steps between checkpoints; the last step is always saved.
  public var every = 1000
  /// How many of the latest are kept.
  public var keepLast = 3
  /// Every so many steps one is kept for ever; 0 for none.
  public var keepEvery = 0

  /// The defaults.
  public init() {}

  /// The keys of the section `checkpoints`.
  public static var fields: [ConfigurationField<Self>] {
    [
      .integer("every", \.every, in: 1...Int.max, "steps between checkpoints"),
      .integer("keep_last", \.keepLast, in: 1...1_000_000, "how many of the latest are kept"),
      .integer("keep_every", \.keepEvery, in: 0...Int.max, "steps of which multiples are kept for ever; 0: none"),
    ]
  }
}
