import Computing
import Conditioning
import Configuration
import Essentials
import MessagePassing
import NeuralNetworks
import Records
import Runs
import Tensors

/// The sections of an autoencoder's configuration.
struct AutoencoderSection: ConfigurationSection, Equatable {
  /// The network and its loss.
  var model = AutoencoderConfiguration()
  /// How maps become grey levels.
  var data = GreySection()

  /// The keys at the top level of the file.
  static var fields: [ConfigurationField<Self>] {
    [
      .section("model", \.model, "the network and its loss"),
      .section("data", \.data, "how maps become grey levels"),
    ]
  }
}

/// An autoencoder of maps: the space in which BS-1-to-N draws.
enum AutoencoderFamily: ModelFamily {
  typealias Section = AutoencoderSection
  typealias Task = AutoencoderTask

  static let name = "autoencoder"
  static let title = "autoencoder"
  static let playerNames = [Player.only]

  static let presets: [FamilyPreset<Self>] = [
    FamilyPreset("autoencoder-small", "0.65 M parameters, maps of 64 x 64: minutes on two cores") { run in
      run.own.data.holes = .filled
      run.setLatentTraining(steps: 4000, batch: 16, rate: 2e-3)
    },
    FamilyPreset("autoencoder-tiny", "a test: seconds") { run in
      run.own.model.imageSize = 16
      run.own.model.widths = [8, 16]
      run.own.model.groups = 4
      run.setLatentTraining(steps: 20, batch: 4, rate: 2e-3)
    },
    FamilyPreset("autoencoder-paper", "83.7 M parameters, Stable Diffusion's, maps of 256 x 256") { run in
      run.own.model.imageSize = 256
      run.own.model.widths = [128, 256, 512, 512]
      run.own.model.layers = 2
      run.own.model.groups = 32
      run.own.model.attention = true
      run.setLatentTraining(steps: 100_000, batch: 8, rate: 1e-4)
    },
  ]

  static func makeModel(_ configuration: RunConfiguration<Self>, isTrained: Bool) -> LatentAutoencoder {
    LatentAutoencoder(configuration.own.model, isTrained: isTrained)
  }

  static func players(_ model: LatentAutoencoder, _ configuration: RunConfiguration<Self>) -> [Player] {
    var player = Player(Player.only, model.arena, configuration.training) {
      try Initialisation.kaiming.apply(to: model.arena, seed: $0)
    }
    // As diffusers called its attention before 0.17.
    player.synonyms = ["to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"]
    return [player]
  }

  static func outlines(_ configuration: RunConfiguration<Self>) -> [NetworkOutline] {
    [LatentAutoencoder.outline(configuration.own.model)]
  }

  static func makeTask(
    _ model: LatentAutoencoder, _ configuration: RunConfiguration<Self>, _ context: TaskContext
  ) throws -> AutoencoderTask {
    let source = try context.communicator.agree("look at the data") {
      let maps = context.data.maps
      try requireSize(configuration.own.model.imageSize, rows: maps.rows, columns: maps.columns, at: maps.path)
      return try GreyMapSamples(context.data, configuration.own.data)
    }
    return AutoencoderTask(
      source: source, loss: AutoencoderLoss(network: model, seed: configuration.seed, engine: context.engine))
  }

  static func makeEstimator(
    _ run: TrainedRun<Self>, _ geometry: ObservationGeometry, _ request: SamplingRequest, communicator: Communicator,
    engine: Engine
  ) throws -> any Estimator {
    throw Fault(
      "an autoencoder infers no maps", at: run.path, expected: "a run of another family", found: name,
      hint: "train bs-1-to-n on it: `latent.autoencoder=RUN`")
  }

  static func makeTrial(
    _ configuration: RunConfiguration<Self>, batch: Int, isTrained: Bool, seed: UInt64, engine: Engine
  ) throws -> StepTrial {
    let model = LatentAutoencoder(configuration.own.model, isTrained: isTrained)
    try Initialisation.kaiming.apply(to: model.arena, seed: seed)
    let loss = AutoencoderLoss(network: model, seed: seed, engine: engine)
    let size = configuration.own.model.imageSize, stream = RandomStream(seed: seed, purpose: .test)
    let maps = (0..<batch).map { GreyMap(grey: stream.uniform(size * size, sample: $0)) }
    return StepTrial(
      arenas: [model.arena],
      forward: { range, tape in
        model.decode(model.mean(model.input(range.map { maps[$0].grey }, engine), tape), tape)
      },
      losses: { _, range, step, tape in
        loss(range.map { TrainingSample(position: $0, value: maps[$0]) }, step: step, tape).losses
      })
  }
}

extension RunConfiguration {
  /// As latent diffusion's networks are trained here: Adam, a rate that falls to a hundredth.
  mutating func setLatentTraining(steps: Int, batch: Int, rate: Double) {
    training.steps = steps
    training.batch = batch
    training.learningRate = rate
    training.warmUp = max(1, steps / 50)
    training.averageDecay = 0.999
    training.clipNorm = 1
    validation.every = max(1, steps / 8)
    checkpoints.every = max(1, steps / 8)
  }
}
