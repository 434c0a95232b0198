import MessagePassing
import NeuralNetworks
import Runs
import Tensors

/// SRGAN's generator, trained on squared errors alone.
enum GeneratorFamily: RefinementFamily {
  typealias Structure = GeneratorConfiguration
  typealias Objective = GeneratorObjective
  typealias Section = RefinementSection<Structure>
  typealias Task = RefinementTask<Objective>

  static let name = "srgan-mse"
  static let title = "SRGAN-MSE"
  static let playerNames = [Player.only]

  static let presets: [FamilyPreset<Self>] = [
    FamilyPreset("srgan-mse", "1.5 M parameters, trained as the paper trains its models") { run in
      run.own.data.normalisation = .fine
      run.setPaperTraining()
    },
    FamilyPreset("srgan-mse-small", "0.24 M parameters: an hour on two cores") { run in
      run.own.model = .small
      run.own.data.normalisation = .dataset
      run.setSmallTraining()
    },
  ]

  static func makeModel(_ configuration: RunConfiguration<Self>, isTrained: Bool) -> Generator {
    Generator(configuration.own.model, isTrained: isTrained)
  }

  static func players(_ model: Generator, _ configuration: RunConfiguration<Self>) -> [Player] {
    [model.player(Player.only, configuration.training)]
  }

  static func outlines(_ configuration: RunConfiguration<Self>) -> [NetworkOutline] {
    [Generator.outline(configuration.own.model)]
  }

  static func makeObjective(
    _ model: Generator, _ configuration: RunConfiguration<Self>, communicator: Communicator?, engine: Engine
  ) -> GeneratorObjective {
    model.statistics = BatchStatistics(communicator)
    return GeneratorObjective(network: model)
  }
}

/// SRGAN: the same generator beside a discriminator.
enum SRGANFamily: RefinementFamily {
  typealias Structure = SRGANConfiguration
  typealias Objective = AdversarialObjective
  typealias Section = RefinementSection<Structure>
  typealias Task = RefinementTask<Objective>

  static let name = "srgan"
  static let title = "SRGAN"
  static let playerNames = ["generator", "discriminator"]

  static let presets: [FamilyPreset<Self>] = [
    FamilyPreset("srgan", "1.5 M parameters and a discriminator of 5.2 M; start from those of srgan-mse") { run in
      run.own.data.normalisation = .fine
      run.setPaperTraining()
    },
    FamilyPreset("srgan-small", "0.24 M parameters and a discriminator of 0.43 M: an hour on two cores") { run in
      run.own.model.generator = .small
      run.own.model.base = 16
      run.own.data.normalisation = .dataset
      run.setSmallTraining()
      run.training.learningRate = 2e-4
    },
  ]

  static func makeModel(_ configuration: RunConfiguration<Self>, isTrained: Bool) -> SRGAN {
    SRGAN(configuration.own.model, isTrained: isTrained)
  }

  static func players(_ model: SRGAN, _ configuration: RunConfiguration<Self>) -> [Player] {
    let generator = model.generator, discriminator = model.discriminator
    var judge = Player(playerNames[1], discriminator.arena, configuration.training) { seed in
      try Initialisation.kaiming.apply(to: discriminator.arena, seed: seed)
    }
    judge.hasAverage = false
    judge.updateStatistics = { generator.statistics.updateRunningStatistics() }
    return [generator.player(playerNames[0], configuration.training), judge]
  }

  static func outlines(_ configuration: RunConfiguration<Self>) -> [NetworkOutline] {
    [Generator.outline(configuration.own.model.generator), Discriminator.outline(configuration.own.model)]
  }

  static func makeObjective(
    _ model: SRGAN, _ configuration: RunConfiguration<Self>, communicator: Communicator?, engine: Engine
  ) throws -> AdversarialObjective {
    model.generator.statistics = BatchStatistics(communicator)
    // Who only refines needs no loss.
    let isTrained = model.generator.arena.gradients != nil
    let vgg = try isTrained ? configuration.own.model.vgg.map { try VGGContent(weights: $0) } : nil
    return AdversarialObjective(model, vgg: vgg)
  }
}

/// SRGAN's networks.
final class SRGAN {
  let configuration: SRGANConfiguration
  let generator: Generator, discriminator: Discriminator

  init(_ configuration: SRGANConfiguration, isTrained: Bool) {
    self.configuration = configuration
    generator = Generator(configuration.generator, isTrained: isTrained)
    discriminator = Discriminator(base: configuration.base, dense: configuration.dense, isTrained: isTrained)
  }
}

extension Generator {
  /// It, as it learns.
  func player(_ name: String, _ training: TrainingSection) -> Player {
    var player = Player(name, arena, training, initialise: initialise)
    player.updateStatistics = { self.statistics.updateRunningStatistics() }
    return player
  }
}

extension GeneratorConfiguration {
  /// For two cores.
  static var small: GeneratorConfiguration {
    var small = GeneratorConfiguration()
    (small.imageSize, small.channels, small.blocks) = (64, 32, 8)
    return small
  }
}
