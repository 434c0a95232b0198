import Computing
import Conditioning
import Configuration
import Diffusion
import Essentials
import Foundation
import MessagePassing
import NeuralNetworks
import Records
import Runs
import Tensors

/// The sections of BS-1-to-N's configuration.
struct StationSection: ConfigurationSection, Equatable {
  /// The U-Net across stations.
  var model = StationUNetConfiguration()
  /// The encoder of known maps.
  var encoder = SourceEncoderConfiguration()
  /// The autoencoder in whose latent it draws.
  var latent = LatentSection()
  /// How maps become scenes.
  var data = SceneSection()
  /// The diffusion process and its sampling.
  var diffusion = DiffusionSection()

  /// Stable Diffusion's schedule, from noise.
  init() {
    diffusion.schedule = .scaledLinear
    (diffusion.betaStart, diffusion.betaEnd) = (0.00085, 0.012)
    diffusion.start = .noise
    diffusion.startTimestep = nil
    diffusion.clamp = false
  }

  /// The keys at the top level of the file.
  static var fields: [ConfigurationField<Self>] {
    [
      .section("model", \.model, "the U-Net across stations"),
      .section("encoder", \.encoder, "the encoder of known maps"),
      .section("latent", \.latent, "the autoencoder in whose latent maps are drawn"),
      .section("data", \.data, "how maps become scenes"),
      .section("diffusion", \.diffusion, "the diffusion process and its sampling"),
    ]
  }

  func validate(_ places: ConfigurationPlaces) throws {
    let step = latent.factor << (model.widths.count - 1)
    guard model.imageSize % step == 0 else {
      throw Fault(
        "the network cannot divide its maps", at: places["model.image_size"], expected: "a multiple of \(step)",
        found: "\(model.imageSize)")
    }
    guard (encoder.side ?? model.imageSize) % encoder.step == 0 else {
      throw Fault(
        "the encoder cannot divide its maps", at: places["model.image_size"],
        expected: "a multiple of \(encoder.step), or encoder.side", found: "\(model.imageSize)")
    }
    guard diffusion.start == .noise else {
      throw Fault(
        "there is no coarse map to start from", at: places["diffusion.start"], expected: "noise",
        found: diffusion.start.rawValue)
    }
  }
}

/// BS-1-to-N: a latent diffusion model that infers maps of stations from those of any number of others.
enum StationFamily: ModelFamily {
  typealias Section = StationSection
  typealias Task = SceneTask<LatentObjective>

  static let name = "bs-1-to-n"
  static let title = "BS-1-to-N"
  static let playerNames = [Player.only]

  static let presets: [FamilyPreset<Self>] = [
    FamilyPreset("bs-1-to-n-small", "6.9 M parameters, maps of 64 x 64: an hour on two cores") { run in
      run.own.model.widths = [48, 96, 144]
      run.own.model.heads = 3
      run.own.encoder.widths = [32, 64, 128]
      run.own.encoder.depths = [2, 2, 4]
      run.own.model.seesPlaces = true
      run.own.data.grey.holes = .filled
      // A third at T: the mean of all maps that fit is estimated there.
      run.own.diffusion.terminalShare = 0.3
      run.own.diffusion.prediction = .velocity
      run.own.diffusion.zeroTerminalSNR = true
      run.setLatentTraining(steps: 6000, batch: 4, rate: 5e-4)
    },
    FamilyPreset("bs-1-to-n-tiny", "a test: seconds") { run in
      run.own.model.imageSize = 16
      run.own.model.widths = [8, 16]
      run.own.model.attention = [0, 1]
      (run.own.model.heads, run.own.model.groups) = (2, 4)
      run.own.encoder.widths = [8, 16]
      run.own.encoder.depths = [1, 1]
      run.own.latent.factor = 2
      (run.own.data.mostSources, run.own.data.targets) = (3, 2)
      run.own.diffusion.prediction = .velocity
      run.own.diffusion.zeroTerminalSNR = true
      run.setLatentTraining(steps: 20, batch: 3, rate: 1e-3)
    },
    FamilyPreset("bs-1-to-n-paper", "887 M parameters: Stable Diffusion's U-Net and ConvNeXt V2-Tiny") { run in
      run.own.model.imageSize = 256
      run.own.model.widths = [320, 640, 1280, 1280]
      run.own.model.attention = [1, 1, 1, 0]
      (run.own.model.layers, run.own.model.heads, run.own.model.groups) = (2, 8, 32)
      run.own.encoder.widths = [96, 192, 384, 768]
      run.own.encoder.depths = [3, 3, 9, 3]
      (run.own.encoder.patch, run.own.encoder.side, run.own.encoder.channels) = (4, 224, 3)
      run.own.latent.factor = 8
      (run.own.data.leastSources, run.own.data.mostSources) = (10, 10)
      run.setLatentTraining(steps: 2000, batch: 10, rate: 1e-4)
      run.training.optimiser = .adamw
      run.training.weightDecay = 1e-2
      run.training.finalLearningRate = 1e-5
      run.training.clipNorm = 0.5
    },
  ]

  static func makeModel(_ configuration: RunConfiguration<Self>, isTrained: Bool) -> StationNetworks {
    StationNetworks(configuration.own, isTrained: isTrained)
  }

  static let partNames = ["encoder", "unet"]

  static func players(_ model: StationNetworks, _ configuration: RunConfiguration<Self>) -> [Player] {
    var player = Player(Player.only, model.arena, configuration.training) {
      try Initialisation.kaiming.apply(to: model.arena, seed: $0)
    }
    player.parts = [WeightPart("encoder", ignoring: ["head.fc."]), WeightPart("unet")]
    return [player]
  }

  static func outlines(_ configuration: RunConfiguration<Self>) -> [NetworkOutline] {
    [StationNetworks.outlines(configuration.own)]
  }

  /// Collective. With the autoencoder's check sum and extents.
  static func resolved(
    _ configuration: RunConfiguration<Self>, communicator: Communicator, console: Console
  ) throws -> RunConfiguration<Self> {
    let latent = configuration.own.latent
    let trained = try autoencoder(latent, communicator: communicator, console: console)
    var resolved = configuration
    resolved.own.latent.autoencoder = URL(fileURLWithPath: latent.autoencoder).standardizedFileURL.path
    resolved.own.latent.checksum = String(trained.weightsHash, radix: 16)
    resolved.own.latent.channels = trained.configuration.own.model.latent
    resolved.own.latent.factor = trained.configuration.own.model.step
    let size = trained.configuration.own.model.imageSize
    guard size == configuration.own.model.imageSize else {
      throw Fault(
        "the autoencoder is of maps of another size", at: latent.autoencoder,
        expected: "\(configuration.own.model.imageSize) pixels on a side (model.image_size)", found: "\(size)")
    }
    let scale = trained.configuration.own.data
    func text(_ grey: GreySection) -> String {
      "\(grey.lowest) to \(grey.highest) dB, holes \(grey.holes.rawValue) (data.holes)"
    }
    guard text(scale) == text(configuration.own.data.grey) else {
      throw Fault(
        "the autoencoder has seen maps on another scale", at: latent.autoencoder,
        expected: text(configuration.own.data.grey), found: text(scale))
    }
    return resolved
  }

  /// Collective. The autoencoder of a run.
  private static func autoencoder(
    _ latent: LatentSection, communicator: Communicator, console: Console
  ) throws -> TrainedRun<AutoencoderFamily> {
    guard !latent.autoencoder.isEmpty else {
      throw Fault(
        "there is no autoencoder to draw with", at: "`latent.autoencoder`",
        expected: "the run of a trained one", found: "nothing",
        hint: "train the preset autoencoder-small first, and then `latent.autoencoder=RUN`")
    }
    try communicator.onRoot("look at the autoencoder") {
      let directory = try RunDirectory.open(at: latent.autoencoder)
      let heading = try Configuration.heading(
        ["family"], of: directory.configuration(), named: directory.configurationPath)
      guard heading["family"] == AutoencoderFamily.name else {
        throw Fault(
          "the run is of another family", at: latent.autoencoder, expected: AutoencoderFamily.name,
          found: heading["family"] ?? "none")
      }
    }
    let trained = try TrainedRun<AutoencoderFamily>.load(
      run: latent.autoencoder, communicator: communicator, console: console)
    let checksum = String(trained.weightsHash, radix: 16)
    guard latent.checksum.isEmpty || latent.checksum == checksum else {
      throw Fault(
        "the autoencoder has changed since the run was begun", at: latent.autoencoder,
        expected: "weights of check sum \(latent.checksum)", found: checksum,
        hint: "what was learnt in its latent means nothing in another")
    }
    return trained
  }

  /// Collective. The objective of a run.
  private static func objective(
    _ model: StationNetworks, _ configuration: RunConfiguration<Self>, scale: Float, _ autoencoder: LatentAutoencoder,
    _ engine: Engine
  ) throws -> LatentObjective {
    LatentObjective(
      networks: model, autoencoder: autoencoder, schedule: try configuration.own.diffusion.makeSchedule(),
      parametrisation: configuration.own.diffusion.prediction,
      terminalShare: configuration.own.diffusion.terminalShare, withoutSources: configuration.own.latent.withoutSources,
      seed: configuration.seed, engine: engine, scale: scale)
  }

  static func makeTask(
    _ model: StationNetworks, _ configuration: RunConfiguration<Self>, _ context: TaskContext
  ) throws -> Task {
    let communicator = context.communicator
    let trained = try autoencoder(
      configuration.own.latent, communicator: communicator, console: Console(isEnabled: false))
    return try Task(configuration.own.data, size: configuration.own.model.imageSize, context) { source in
      let scale = try communicator.onRoot("measure the latents") {
        try LatentObjective.measuredScale(trained.model, source, context.engine)
      }
      return try communicator.agree("prepare the objective") {
        try objective(model, configuration, scale: scale, trained.model, context.engine)
      }
    }
  }

  static func makeEstimator(
    _ run: TrainedRun<Self>, _ geometry: ObservationGeometry, _ request: SamplingRequest, communicator: Communicator,
    engine: Engine
  ) throws -> any Estimator {
    let trained = try autoencoder(
      run.configuration.own.latent, communicator: communicator, console: Console(isEnabled: false))
    return try communicator.agree("prepare the network") {
      let objective = try objective(
        run.model, run.configuration, scale: LatentObjective.scale(of: run.state), trained.model, engine)
      return try StationEstimator(
        run, objective, geometry, request, engine, ranksOnNode: communicator.localSize)
    }
  }

  static func makeTrial(
    _ configuration: RunConfiguration<Self>, batch: Int, isTrained: Bool, seed: UInt64, engine: Engine
  ) throws -> StepTrial {
    let section = configuration.own, model = StationNetworks(section, isTrained: isTrained)
    try Initialisation.kaiming.apply(to: model.arena, seed: seed)
    var structure = AutoencoderConfiguration()
    (structure.imageSize, structure.latent) = (section.model.imageSize, section.latent.channels)
    structure.widths = [Int](repeating: 1, count: section.latent.factor.trailingZeroBitCount + 1)
    let objective = try objective(
      model, configuration, scale: 1, LatentAutoencoder(structure, isTrained: false), engine)
    let size = section.model.imageSize, stream = RandomStream(seed: seed, purpose: .test)
    let side = size / section.latent.factor, sources = section.data.mostSources, targets = section.data.targets
    func views(_ scene: Int, _ count: Int, _ layer: Int, grey: Bool) -> [StationView] {
      (0..<count).map { number in
        let place = stream.uniform(2, sample: scene, step: 1000 * layer + number).map { Double($0) * Double(size - 1) }
        return StationView(
          grey: grey ? stream.uniform(size * size, sample: scene, step: 1000 * layer + 500 + number) : [],
          position: SIMD2(place[0], place[1]))
      }
    }
    let scenes = (0..<batch).map {
      StationScene(
        rows: size, columns: size, sources: views($0, sources, 1, grey: true),
        targets: views($0, targets, 2, grey: false))
    }
    func error(_ range: Range<Int>, _ tape: Tape) -> Variable {
      let own = range.map { scenes[$0] }, shape = [own.count * targets, side, side, section.latent.channels]
      let values = stream.gaussian(shape.reduce(1, *), sample: 7), latents = engine.tensor(shape, values)
      let times = range.map { 1 + 997 * ($0 + 1) % objective.schedule.count }
      let tokens = model.tokens(own, tape)
      return objective.error(
        objective.batch(latents, noise: latents, timesteps: times), around: objective.surroundings(own, tokens), tape)
    }
    return StepTrial(arenas: [model.arena], forward: error) { _, range, _, tape in error(range, tape) }
  }
}
