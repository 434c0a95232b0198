import Computing
import Conditioning
import Configuration
import Diffusion
import Essentials
import MessagePassing
import NeuralNetworks
import Runs
import Tensors

/// The sections of CGDM's configuration.
public struct CGDMSection: ConfigurationSection, Equatable {
  /// The network.
  public var model = CGDMConfiguration() { didSet { model.layers = data.conditions.count } }
  /// How maps become what the network sees.
  public var data = GridSection() { didSet { model.layers = data.conditions.count } }
  /// The diffusion process and how it is sampled.
  public var diffusion = DiffusionSection()
  /// What a student learns from its teacher.
  public var distillation = DistillationSection()

  /// The `small` preset.
  public init() {}

  /// The keys at the top level of the file.
  public static var fields: [ConfigurationField<Self>] {
    [
      .section("model", \.model, "the U-Net"),
      .section("data", \.data, "how maps become what the network sees"),
      .section("diffusion", \.diffusion, "the diffusion process and its sampling"),
      .section("distillation", \.distillation, "what a student learns from its teacher; for ckm distill").tagged(
        .student),
    ]
  }

  /// What stood in the section `training` before there were several families.
  public static var renamed: [String: String] {
    GridSection.moved.merging(DiffusionSection.moved) { first, _ in first }
  }

  /// The network must have room for what it is conditioned on.
  public func validate(_ places: ConfigurationPlaces) throws {
    let expected = data.conditionPlanes(channels: model.channels)
    guard (model.conditionChannels ?? model.channels) == expected else {
      throw Fault(
        "the network does not fit what it is conditioned on", at: places["model.condition_channels"],
        expected: "\(expected) with data.form \(data.form.rawValue)",
        found: model.conditionChannels.map(String.init) ?? "null")
    }
  }

  /// How planes of a map lie in the network's tensors.
  ///
  /// - Parameters:
  ///   - rows: rows of the map; nil: those that the network is trained at.
  ///   - columns: columns of the map; nil: likewise.
  func layout(rows: Int? = nil, columns: Int? = nil) -> NetworkLayout {
    NetworkLayout(
      rows: rows ?? model.imageSize, columns: columns ?? model.imageSize, patch: model.patch, channels: model.channels)
  }
}

/// CGDM and, pruned and distilled, LiCGDM: a conditional diffusion model that turns a coarse map into a fine one.
public enum CGDMFamily: ModelFamily {
  /// The sections of its configuration.
  public typealias Section = CGDMSection
  /// The U-Net.
  public typealias Model = CGDM
  /// Denoising.
  public typealias Task = DenoisingTask

  /// As in `family:`.
  public static let name = "cgdm"
  /// As in tables.
  public static let title = "CGDM"
  /// The U-Net alone.
  public static let playerNames = [Player.only]

  /// The U-Net, all weights 0.
  public static func makeModel(_ configuration: RunConfiguration<Self>, isTrained: Bool) -> CGDM {
    CGDM(configuration.own.model, isTrained: isTrained)
  }

  /// The U-Net alone.
  public static func players(_ model: CGDM, _ configuration: RunConfiguration<Self>) -> [Player] {
    [
      Player(Player.only, model.arena, configuration.training) { seed in
        try configuration.own.model.initialisation.apply(to: model.arena, seed: seed)
      }
    ]
  }

  /// The U-Net's stages.
  public static func outlines(_ configuration: RunConfiguration<Self>) throws -> [NetworkOutline] {
    [CGDM.outline(configuration.own.model)]
  }

  /// Collective. Denoising.
  public static func makeTask(
    _ model: CGDM, _ configuration: RunConfiguration<Self>, _ context: TaskContext
  ) throws -> DenoisingTask {
    guard configuration.own.distillation.teacher == nil else {
      throw Fault(
        "the configuration is that of a student", at: "distillation.teacher", expected: "null, where none teaches",
        found: configuration.own.distillation.teacher,
        hint: "go on with ckm distill, or `distillation.teacher=null`")
    }
    return try DenoisingTask(model, configuration, context)
  }

  /// Draws maps, or estimates their mean.
  public static func makeEstimator(
    _ run: TrainedRun<Self>, _ geometry: ObservationGeometry, _ request: SamplingRequest, communicator: Communicator,
    engine: Engine
  ) throws -> any Estimator {
    try communicator.agree("prepare the network") {
      try CGDMEstimator(run, geometry, request, engine, ranksOnNode: communicator.localSize)
    }
  }

  /// A denoising step on random maps.
  public static func makeTrial(
    _ configuration: RunConfiguration<Self>, batch: Int, isTrained: Bool, seed: UInt64, engine: Engine
  ) throws -> StepTrial {
    let structure = configuration.own.model
    let model = CGDM(structure, isTrained: isTrained)
    try Initialisation.kaiming.apply(to: model.arena, seed: seed)
    let size = structure.networkSize, stream = RandomStream(seed: seed, purpose: .test)
    func random(_ kind: Int, _ channels: Int) -> Tensor {
      let shape = [batch, size, size, channels]
      return engine.tensor(shape, stream.gaussian(shape.reduce(1, *), sample: kind))
    }
    let input = random(0, structure.conditionWidth + structure.mapWidth), target = random(1, structure.mapWidth)
    func answer(_ maps: Range<Int>, _ tape: Tape) -> Variable {
      model(tape.constant(input.samples(maps)), timesteps: maps.map { Float(1 + 997 * ($0 + 1) % 1000) }, tape)
    }
    return StepTrial(arenas: [model.arena], forward: answer) { _, maps, step, tape in
      tape.dropoutKeys = DropoutKeys(seed: 1, step: step, samples: Array(maps))
      return tape.meanSquaredError(answer(maps, tape), target: target.samples(maps))
    }
  }
}
