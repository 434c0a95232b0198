import Computing
import MessagePassing
import NeuralNetworks
import Runs
import Tensors

/// C-VAE, a conditional variational autoencoder.
enum CVAEFamily: RefinementFamily {
  typealias Structure = CVAEConfiguration
  typealias Objective = CVAEObjective
  typealias Section = RefinementSection<Structure>
  typealias Task = RefinementTask<Objective>

  static let name = "c-vae"
  static let title = "C-VAE"
  static let playerNames = [Player.only]

  static let presets: [FamilyPreset<Self>] = [
    FamilyPreset("c-vae", "3.3 M parameters, trained as the paper trains its models") { run in
      run.own.data.normalisation = .fine
      run.setPaperTraining()
    },
    FamilyPreset("c-vae-small", "0.48 M parameters: an hour on two cores") { run in
      run.own.model.imageSize = 64
      run.own.model.widths = [16, 32, 48, 64]
      run.own.data.normalisation = .dataset
      run.setSmallTraining()
    },
  ]

  static func makeModel(_ configuration: RunConfiguration<Self>, isTrained: Bool) -> CVAE {
    CVAE(configuration.own.model, isTrained: isTrained)
  }

  static func players(_ model: CVAE, _ configuration: RunConfiguration<Self>) -> [Player] {
    [Player(Player.only, model.arena, configuration.training, initialise: model.initialise)]
  }

  static func outlines(_ configuration: RunConfiguration<Self>) -> [NetworkOutline] {
    [CVAE.outline(configuration.own.model)]
  }

  static func makeObjective(
    _ model: CVAE, _ configuration: RunConfiguration<Self>, communicator: Communicator?, engine: Engine
  ) -> CVAEObjective {
    CVAEObjective(
      network: model, noise: RandomStream(seed: configuration.seed, purpose: .noise),
      rise: configuration.own.model.betaRise * Double(configuration.training.steps), engine: engine)
  }
}
