import Computing
import Conditioning
import Configuration
import Essentials
import MapStorage
import MessagePassing
import NeuralNetworks
import Runs
import Tensors

/// The sections of the configuration of a UNet across stations.
struct CrossUNetSection: ConfigurationSection, Equatable {
  /// The network.
  var model = CrossUNetConfiguration()
  /// How maps become grey levels.
  var data = GreySection()

  /// The keys at the top level of the file.
  static var fields: [ConfigurationField<Self>] {
    [
      .section("model", \.model, "the network"),
      .section("data", \.data, "how maps become grey levels"),
    ]
  }

  /// Scenes of as many sources as the network looks at.
  var scenes: SceneSection {
    var section = SceneSection()
    section.grey = data
    (section.leastSources, section.mostSources, section.targets) = (model.sources, model.sources, model.targets)
    return section
  }
}

/// What a UNet across stations is asked to make small: the squared error of grey levels at places that hold a value.
struct CrossUNetObjective: SceneObjective {
  let network: CrossUNet
  let engine: Engine

  /// What the network reads (eq. 34), `[B N_t, H, W, sources + 1]`: each source's gains with its place, and the target's place.
  func input(_ scenes: [StationScene]) -> Tensor {
    let (rows, columns) = (scenes[0].rows, scenes[0].columns), sources = network.configuration.sources
    let pairs = scenes.flatMap { scene in scene.targets.map { (scene, $0.position) } }
    let input = engine.zeros([pairs.count, rows, columns, sources + 1])
    let weight = Float(network.configuration.locationWeight)
    engine.threads.run(pairs.count) { n, _ in
      let (scene, target) = pairs[n], own = input.sample(n)
      func place(_ position: SIMD2<Double>) -> Int {
        let (row, column) = (Int(position.x.rounded()), Int(position.y.rounded()))
        return min(max(row, 0), rows - 1) * columns + min(max(column, 0), columns - 1)
      }
      for (channel, source) in scene.sources.enumerated() {
        for pixel in 0..<rows * columns { own[pixel * (sources + 1) + channel] = source.grey[pixel] }
        own[place(source.position) * (sources + 1) + channel] += weight
      }
      own[place(target) * (sources + 1) + sources] = 1
    }
    return input
  }

  func losses(_ scenes: [TrainingSample<StationScene>], step: Int, _ tape: Tape) -> Variable {
    let all = scenes.map(\.value), targets = all.targets, each = targets.count / all.count
    let (rows, columns) = (all[0].rows, all[0].columns), together = [all.count, each * rows, columns, 1]
    let answer = network(tape.constant(input(all)), tape)
    let goal = engine.tensor(together, targets.flatMap(\.grey)), weights = engine.tensor(together)
    engine.threads.run(targets.count) { n, _ in
      let own = weights.base + n * rows * columns, mask = targets[n].mask
      let held = mask.map { $0.flags.count { $0 } } ?? rows * columns
      for place in 0..<rows * columns {
        own[place] = mask?[place] == false ? 0 : Float(rows * columns) / Float(max(1, held))
      }
    }
    return tape.meanSquaredError(tape.reshape(answer, together), target: goal, weights: weights)
  }

  func validationLoss(_ scene: TrainingSample<StationScene>, _ tape: Tape) -> Double {
    Double(losses([scene], step: 0, tape).value.base[0])
  }
}

/// The UNet across stations.
enum CrossUNetFamily: ModelFamily {
  typealias Section = CrossUNetSection
  typealias Task = SceneTask<CrossUNetObjective>

  static let name = "cross-unet"
  static let title = "UNet"
  static let playerNames = [Player.only]

  static let presets: [FamilyPreset<Self>] = [
    FamilyPreset("cross-unet-small", "0.7 M parameters, 5 sources, maps of 64 x 64: minutes on two cores") { run in
      run.setLatentTraining(steps: 4000, batch: 2, rate: 1e-3)
    },
    FamilyPreset("cross-unet-paper", "11.0 M parameters, 79 sources, maps of 256 x 256") { run in
      (run.own.model.imageSize, run.own.model.sources) = (256, 79)
      run.own.model.down = CrossUNet.down.map(\.width)
      run.own.model.up = CrossUNet.up.map(\.width)
      run.setLatentTraining(steps: 50_000, batch: 4, rate: 1e-4)
    },
  ]

  static func makeModel(_ configuration: RunConfiguration<Self>, isTrained: Bool) -> CrossUNet {
    CrossUNet(configuration.own.model, isTrained: isTrained)
  }

  static func players(_ model: CrossUNet, _ configuration: RunConfiguration<Self>) -> [Player] {
    [
      Player(Player.only, model.arena, configuration.training) {
        try Initialisation.he.apply(to: model.arena, seed: $0)
      }
    ]
  }

  static func outlines(_ configuration: RunConfiguration<Self>) -> [NetworkOutline] {
    [CrossUNet.outline(configuration.own.model)]
  }

  static func makeTask(
    _ model: CrossUNet, _ configuration: RunConfiguration<Self>, _ context: TaskContext
  ) throws -> Task {
    let structure = configuration.own.model
    return try Task(configuration.own.scenes, size: structure.imageSize, context) { source in
      try context.communicator.agree("count the stations") { try source.require(sources: structure.sources) }
      return CrossUNetObjective(network: model, engine: context.engine)
    }
  }

  static func makeEstimator(
    _ run: TrainedRun<Self>, _ geometry: ObservationGeometry, _ request: SamplingRequest, communicator: Communicator,
    engine: Engine
  ) throws -> any Estimator {
    try communicator.agree("prepare the network") {
      try request.require(only: [], by: title)
      try geometry.require([.stations], by: title)
      try requireSize(
        run.configuration.own.model.imageSize, rows: geometry.rows, columns: geometry.columns, at: geometry.place)
      return CrossUNetEstimator(
        objective: CrossUNetObjective(network: run.model, engine: engine), geometry: geometry,
        range: run.configuration.own.data.range, path: run.path,
        prepared: PreparedWeights(ranksOnNode: communicator.localSize))
    }
  }

  static func makeTrial(
    _ configuration: RunConfiguration<Self>, batch: Int, isTrained: Bool, seed: UInt64, engine: Engine
  ) throws -> StepTrial {
    let model = CrossUNet(configuration.own.model, isTrained: isTrained)
    try Initialisation.he.apply(to: model.arena, seed: seed)
    let objective = CrossUNetObjective(network: model, engine: engine)
    let size = configuration.own.model.imageSize, stream = RandomStream(seed: seed, purpose: .test)
    func view(_ scene: Int, _ number: Int) -> StationView {
      let place = stream.uniform(2, sample: scene, step: 2 * number).map { Double($0) * Double(size - 1) }
      return StationView(
        grey: stream.uniform(size * size, sample: scene, step: 2 * number + 1), position: SIMD2(place[0], place[1]))
    }
    let scenes = (0..<batch).map { scene in
      StationScene(
        rows: size, columns: size, sources: (0..<configuration.own.model.sources).map { view(scene, $0) },
        targets: [view(scene, 4000)])
    }
    return StepTrial(
      arenas: [model.arena],
      forward: { range, tape in model(tape.constant(objective.input(range.map { scenes[$0] })), tape) },
      losses: { _, range, step, tape in
        objective.losses(range.map { TrainingSample(position: $0, value: scenes[$0]) }, step: step, tape)
      })
  }
}

/// Infers maps with a UNet across stations, from the sources that are nearest.
struct CrossUNetEstimator: Estimator {
  let objective: CrossUNetObjective
  let geometry: ObservationGeometry
  let range: ValueRange
  let path: String
  let prepared: PreparedWeights

  var name: String { "\(CrossUNetFamily.title)-\(objective.network.configuration.sources)" }
  let hasDeviation = false
  let keptDraws = 0

  func describe(_ record: inout ReconstructionRecord) { record.model = path }

  func estimate(_ observations: [Observation], keys: [Int]) throws -> [[Estimate]] {
    try observations.map { observation in
      guard case .stations(let known) = observation else { preconditionFailure("the geometry is of stations") }
      let count = objective.network.configuration.sources, scene = try known.scene(range, geometry)
      guard scene.sources.count >= count else {
        throw Fault(
          "the network looks at more known stations than there are", at: geometry.place,
          expected: "\(count) sources at least", found: "\(scene.sources.count)")
      }
      return scene.targets.map { target in
        func distance(_ view: StationView) -> Double {
          let way = view.position - target.position
          return way.x * way.x + way.y * way.y
        }
        var own = scene
        own.targets = [target]
        own.sources = Array(scene.sources.sorted { distance($0) < distance($1) }.prefix(count))
        let engine = objective.engine, tape = Tape(engine: engine, prepared: prepared)
        let grey = objective.network(tape.constant(objective.input([own])), tape).value.values()
        return Estimate(map: range.map(grey: grey, rows: scene.rows, columns: scene.columns))
      }
    }
  }
}
