import MessagePassing
import Models
import Records

extension Trainer {
  /// What a run is about to do, in a few lines: `--dry-run`, and the head of every run's log.
  public var summary: [String] {
    let training = configuration.training, split = data.split
    let costs = CGDM.costs(configuration.model)
    let operations = costs.reduce(0) { $0 + $1.multiplyAccumulates }
    let perRank = arena.count * 4 * 4  // weights, gradients, two moments
    let epochs = Double(training.steps * training.batch) / Double(data.epoch.count)
    let shares = Set(
      (0..<communicator.size).map {
        Share.range(of: training.batch, rank: $0, size: communicator.size).count
      }
    ).sorted()
    let magnifications = Set(data.magnifications).sorted().map { "x\($0)" }.joined(separator: " ")
    return [
      "network: \(Units.count(arena.parameterCount)) parameters, "
        + "\(Units.count(operations)) multiply-accumulates a map of \(configuration.model.imageSize)²",
      "data: \(data.maps.path), \(split.training.count) maps to train on, \(split.test.count) held out, "
        + "\(magnifications), normalised by the \(configuration.data.normalisation.rawValue) map",
      "steps: \(training.steps) of \(training.batch) maps (\(Units.number(epochs)) epochs), \(communicator.size) ranks "
        + "with \(shares.map(String.init).joined(separator: " or ")) maps a step, \(engine.threads.count) threads each",
      "memory: \(Units.bytes(perRank)) a rank for weights, gradients and moments; activations come on top",
      "run: \(request.output), a checkpoint every \(configuration.checkpoints.every) steps",
    ]
  }
}
