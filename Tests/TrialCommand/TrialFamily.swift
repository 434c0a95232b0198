import Computing
import Conditioning
import Configuration
import Essentials
import MessagePassing
import NeuralNetworks
import Runs
import Tensors

/// The numbers of the trial's networks and losses.
struct TrialNumbers: ConfigurationSection, Equatable {
  /// Rows and columns of the fine map.
  var imageSize = 16
  /// Channels inside both networks.
  var width = 16
  /// Weight of the discriminator's verdict in the generator's loss.
  var verdict = 0.05
  /// The generator steps at every so many-th step.
  var generatorEvery = 1
  /// The discriminator's learning rate over the generator's.
  var discriminatorRate = 0.5
  /// Whether the noise is centred over the global batch: then no sample's loss is its own.
  var coupled = false

  static var fields: [ConfigurationField<Self>] {
    [
      .integer("image_size", \.imageSize, in: 8...512, "rows and columns of the fine map, pixels"),
      .integer("width", \.width, in: 4...256, "channels inside both networks"),
      .number("verdict", \.verdict, in: 0...100, "weight of the discriminator's verdict"),
      .integer("generator_every", \.generatorEvery, in: 1...100, "steps from one of the generator's to the next"),
      .number("discriminator_rate", \.discriminatorRate, in: 0...10, "its learning rate over the generator's"),
      .flag("coupled", \.coupled, "centre the noise over the global batch"),
    ]
  }
}

/// The sections that the trial's configuration adds.
struct TrialSection: ConfigurationSection, Equatable {
  var model = TrialNumbers()
  var data = GridSection()

  static var fields: [ConfigurationField<Self>] {
    [
      .section("model", \.model, "generator and discriminator"),
      .section("data", \.data, "how maps become what the networks see"),
    ]
  }

  static var renamed: [String: String] { GridSection.moved }

  /// The generator adds to the upsampled map.
  func validate(_ places: ConfigurationPlaces) throws {
    guard data.conditions.isEmpty else {
      throw Fault(
        "the trial sees coarse maps alone", at: places["data.conditions"], expected: "[]",
        found: data.conditions.joined(separator: ", "))
    }
    guard data.form == .map else {
      throw Fault("the trial draws maps", at: places["data.form"], expected: "map", found: data.form.rawValue)
    }
  }
}

/// A family that no library knows: a generator and a discriminator of a few thousand weights. That it trains, resumes,
/// reconstructs and is evaluated and inspected by commands that do not name it is what it is for.
enum TrialFamily: ModelFamily {
  typealias Section = TrialSection
  typealias Model = TrialNetworks
  typealias Task = TrialTask

  static let name = "trial"
  static let title = "Trial-GAN"
  static let playerNames = ["generator", "discriminator"]

  static let presets: [FamilyPreset<Self>] = [
    FamilyPreset("trial", "a generator and a discriminator on 16 x 16 maps") { run in
      run.training.steps = 40
      run.training.batch = 6
      run.training.learningRate = 2e-3
      run.training.warmUp = 5
      run.training.averageDecay = 0.9
      run.validation.every = 20
      run.validation.maps = 4
      run.checkpoints.every = 20
    }
  ]

  static func makeModel(_ configuration: RunConfiguration<Self>, isTrained: Bool) -> TrialNetworks {
    TrialNetworks(width: configuration.own.model.width, isTrained: isTrained)
  }

  static func players(_ model: TrialNetworks, _ configuration: RunConfiguration<Self>) -> [Player] {
    let numbers = configuration.own.model
    var generator = Player(playerNames[0], model.generatorArena, configuration.training) { seed in
      try Initialisation.kaiming.apply(to: model.generatorArena, seed: seed)
    }
    generator.every = numbers.generatorEvery
    var discriminator = Player(playerNames[1], model.discriminatorArena, configuration.training) { seed in
      try Initialisation.kaiming.apply(to: model.discriminatorArena, seed: seed)
    }
    discriminator.hasAverage = false
    discriminator.rate = { configuration.training.rate(at: $0) * numbers.discriminatorRate }
    return [generator, discriminator]
  }

  static func outlines(_ configuration: RunConfiguration<Self>) -> [NetworkOutline] {
    let numbers = configuration.own.model, size = numbers.imageSize
    let generator = Generator(width: numbers.width), discriminator = Discriminator(width: numbers.width)
    return [generator.layers, discriminator.layers].enumerated().map { place, layers in
      var side = size
      let costs = layers.map { layer in
        let cost = layer.cost(over: [side, side])
        side = cost.convolution?.outputHeight ?? side
        return cost
      }
      return NetworkOutline(
        for: "one map of \(size) x \(size)",
        stages: [
          .init(
            playerNames[place], contents: "\(layers.count) layers", channels: 1, resolution: size, layers: costs)
        ])
    }
  }

  static func makeTask(
    _ model: TrialNetworks, _ configuration: RunConfiguration<Self>, _ context: TaskContext
  ) throws -> TrialTask {
    try TrialTask(model, configuration, context)
  }

  static func makeEstimator(
    _ run: TrainedRun<Self>, _ geometry: ObservationGeometry, _ request: SamplingRequest, communicator: Communicator,
    engine: Engine
  ) throws -> any Estimator {
    try communicator.agree("prepare the generator") { try TrialEstimator(run, geometry, request, engine) }
  }

  static func makeTrial(
    _ configuration: RunConfiguration<Self>, batch: Int, isTrained: Bool, seed: UInt64, engine: Engine
  ) throws -> StepTrial {
    let model = makeModel(configuration, isTrained: isTrained), size = configuration.own.model.imageSize
    for arena in [model.generatorArena, model.discriminatorArena] {
      try Initialisation.kaiming.apply(to: arena, seed: seed)
    }
    let stream = RandomStream(seed: seed, purpose: .test)
    let maps = (0..<3).map { engine.tensor([batch, size, size, 1], stream.gaussian(batch * size * size, sample: $0)) }
    func answer(_ range: Range<Int>, _ tape: Tape) -> Variable {
      model.generator(maps[0].samples(range), maps[1].samples(range), tape)
    }
    return StepTrial(arenas: [model.generatorArena, model.discriminatorArena], forward: answer) {
      player, range, _, tape in
      let made = answer(range, tape)
      guard player == 1 else { return tape.meanSquaredError(made, target: maps[2].samples(range)) }
      let scores = model.discriminator(tape.constant(made.value), maps[0].samples(range), tape)
      return tape.meanSquaredError(scores, target: engine.zeros(scores.value.shape))
    }
  }
}
