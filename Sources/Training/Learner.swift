import Computing
import MessagePassing
import NeuralNetworks
import Runs
import Tensors

/// A player in training: its optimiser, its exchange of gradients with the other ranks and, on rank 0, its average.
final class Learner {
  let player: Player
  let optimiser: Optimiser
  /// On rank 0, where one is kept.
  let average: BackgroundAverage?
  private var exchange: GradientExchange?
  var arena: ParameterArena { player.arena }

  init(_ player: Player, _ communicator: Communicator) {
    self.player = player
    optimiser = Optimiser(player.arena, rule: player.rule, division: Optimiser.Division(communicator))
    average = communicator.isRoot && player.hasAverage ? BackgroundAverage(player.arena) : nil
  }

  /// What there is to save of it, and to restore.
  var learnt: TrainingCheckpoint.Learnt {
    TrainingCheckpoint.Learnt(
      player, average: average?.average.weights, first: optimiser.first, second: optimiser.second)
  }

  /// Collective: gets ready to sum gradients over the ranks.
  func prepare(_ training: TrainingSection, hasSpareCore: Bool, _ communicator: Communicator) throws {
    exchange = try GradientExchange(
      arena, by: training.reducer, bucketBytes: Int(training.bucketMiB * 1_048_576), hasSpareCore: hasSpareCore,
      communicator: communicator)
  }

  /// Collective: the gradients of all ranks, from zero.
  func gatherGradients(_ body: (_ watch: (Tape) -> Void) throws -> Void) throws {
    arena.clearGradients()
    guard let exchange else { preconditionFailure("prepare comes first") }
    try exchange.exchange(body)
  }

  /// Collective: the gradients of all ranks, where computing them takes messages between the ranks itself. They are summed
  /// when all ranks have them; a rank that fails before that ends the job, since the others wait for its messages.
  func gatherCoupledGradients(_ body: () throws -> Void) throws {
    arena.clearGradients()
    try body()
    guard let exchange else { preconditionFailure("prepare comes first") }
    try exchange.exchange { _ in }
  }

  /// The norm of all gradients.
  func gradientNorm(_ threads: Threads) -> Double { NeuralNetworks.gradientNorm(arena, threads: threads) }

  /// Collective where ranks share Muon's work: one step on all ranks alike.
  func step(_ step: Int, norm: Double, _ training: TrainingSection, _ threads: Threads) throws {
    average?.wait()
    player.updateStatistics()
    let limit = player.clipNorm(step)
    try optimiser.step(
      learningRate: player.rate(step), gradientScale: limit > 0 && norm > limit ? limit / norm : 1, threads: threads)
    average?.start(decay: training.averageDecay(after: optimiser.stepCount - 1))
  }

  /// Seconds of the last exchange: those that it kept the step waiting, and those that backward hid.
  var exchangeSeconds: (wait: Double, hidden: Double) {
    (exchange?.lastWaitSeconds ?? 0, exchange?.lastHiddenSeconds ?? 0)
  }
}
