import MessagePassing
import NeuralNetworks
import Runs
import Tensors

/// Half the sum of squared errors, which the threshold of adjustable clipping is meant for.
struct DRRNObjective: RefinementObjective {
  let network: DRRN
  let termNames: [[String]] = [[]]

  func refine(_ condition: Tensor, magnification: Int, _ request: SamplingRequest, _ tape: Tape) -> Variable {
    network(tape.constant(condition), tape)
  }

  func evaluate(_ player: Int, _ batch: RefinementBatch, step: Int, _ tape: Tape) -> ObjectiveValue {
    let error = tape.meanSquaredError(network(tape.constant(batch.condition), tape), target: batch.target)
    return ObjectiveValue(losses: tape.scale(error, by: Float(batch.rows * batch.columns) / 2))
  }
}

/// DRRN, the deep recursive residual network.
enum DRRNFamily: RefinementFamily {
  typealias Structure = DRRNConfiguration
  typealias Objective = DRRNObjective
  typealias Section = RefinementSection<Structure>
  typealias Task = RefinementTask<Objective>

  static let name = "drrn"
  static let title = "DRRN"
  static let playerNames = [Player.only]

  static let presets: [FamilyPreset<Self>] = [
    FamilyPreset("drrn", "the authors' B1U25 of 0.30 M parameters, on windows of 32 x 32") { run in
      run.own.model.imageSize = 32
      run.own.data.normalisation = .dataset
      run.training.steps = 65_360
      run.training.batch = 128
      run.training.optimiser = .sgd
      run.training.momentum = 0.9
      run.training.weightDecay = 1e-4
      run.training.learningRate = 0.1
      run.training.warmUp = 0
      run.training.clipNorm = 0
      run.training.clipStep = 0.01
    },
    FamilyPreset("drrn-small", "B1U9 of 19 k parameters: an hour on two cores") { run in
      run.own.model.imageSize = 48
      run.own.model.filters = 32
      run.own.model.units = 9
      run.own.data.normalisation = .dataset
      run.setSmallTraining()
      run.training.clipNorm = 0
    },
  ]

  static func makeModel(_ configuration: RunConfiguration<Self>, isTrained: Bool) -> DRRN {
    DRRN(configuration.own.model, isTrained: isTrained)
  }

  static func players(_ model: DRRN, _ configuration: RunConfiguration<Self>) -> [Player] {
    [Player(Player.only, model.arena, configuration.training, initialise: model.initialise)]
  }

  static func outlines(_ configuration: RunConfiguration<Self>) -> [NetworkOutline] {
    [DRRN.outline(configuration.own.model)]
  }

  static func makeObjective(
    _ model: DRRN, _ configuration: RunConfiguration<Self>, communicator: Communicator?, engine: Engine
  ) -> DRRNObjective { DRRNObjective(network: model) }
}
