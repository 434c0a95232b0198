import Computing
import Conditioning
import Essentials
import MessagePassing
import Records
import Runs
import Tensors

/// Least squares on the discriminator's verdict (Mao et al. 2017), and on the map itself.
struct TrialTask: TrainingTask {
  let source: GridSamples
  private let networks: TrialNetworks
  private let verdict: Float
  private let size: Int
  let couplesSamples: Bool
  private let communicator: Communicator
  private let engine: Engine
  private let training: RandomStream, validation: RandomStream

  init(_ networks: TrialNetworks, _ configuration: RunConfiguration<TrialFamily>, _ context: TaskContext) throws {
    let numbers = configuration.own.model
    try context.data.requireWindows(of: numbers.imageSize, step: 1, key: "model.image_size")
    source = try GridSamples(
      context.data, configuration.own.data,
      layout: NetworkLayout(rows: numbers.imageSize, columns: numbers.imageSize, patch: 1, channels: 1),
      communicator: context.communicator)
    self.networks = networks
    (verdict, size, engine) = (Float(numbers.verdict), numbers.imageSize, context.engine)
    (couplesSamples, communicator) = (numbers.coupled, context.communicator)
    training = RandomStream(seed: configuration.seed, purpose: .noise)
    validation = RandomStream(seed: configuration.seed, purpose: .validation)
  }

  func termNames(of player: Int) -> [String] {
    player == 0 ? ["map_error", "verdict_error"] : ["true_error", "made_error"]
  }

  /// Maps as the networks see them.
  private struct Batch {
    let condition: Tensor, target: Tensor, noise: Tensor
  }

  private func batch(_ samples: [Sample], step: Int, _ stream: RandomStream) -> Batch {
    let shape = [samples.count, size, size, 1]
    return Batch(
      condition: engine.tensor(shape, samples.flatMap(\.value.condition)),
      target: engine.tensor(shape, samples.flatMap { $0.value.target ?? [] }),
      noise: engine.tensor(shape, samples.flatMap { stream.gaussian(size * size, sample: $0.position, step: step) }))
  }

  func evaluate(_ player: Int, _ samples: [Sample], step: Int, _ tape: Tape) throws -> ObjectiveValue {
    let batch = batch(samples, step: step, training)
    if couplesSamples { try centre(batch.noise) }
    func verdict(_ map: Variable, should value: Float) -> Variable {
      let scores = networks.discriminator(map, batch.condition, tape)
      let wanted = engine.tensor(scores.value.shape)
      wanted.base.update(repeating: value, count: wanted.count)
      return tape.meanSquaredError(scores, target: wanted)
    }
    if player == 0 {
      let made = networks.generator(batch.condition, batch.noise, tape)
      let error = tape.meanSquaredError(made, target: batch.target), judged = verdict(made, should: 1)
      return ObjectiveValue(
        losses: tape.add(error, tape.scale(judged, by: self.verdict)), terms: [error.value, judged.value])
    }
    let silent = Tape(engine: engine, isRecording: false)
    let made = networks.generator(batch.condition, batch.noise, silent).value
    let right = verdict(tape.constant(batch.target), should: 1), wrong = verdict(tape.constant(made), should: 0)
    return ObjectiveValue(losses: tape.add(right, wrong), terms: [right.value, wrong.value])
  }

  /// Takes the mean over all ranks' noise away, place by place: what a batch norm does with its inputs.
  private func centre(_ noise: Tensor) throws {
    let places = size * size
    var sums = [Double](repeating: 0, count: places + 1)
    for sample in 0..<noise.batch {
      for place in 0..<places { sums[place] += Double(noise.sample(sample)[place]) }
    }
    sums[places] = Double(noise.batch)
    sums = try communicator.allReduce(sums, .sum)
    for sample in 0..<noise.batch {
      for place in 0..<places { noise.sample(sample)[place] -= Float(sums[place] / sums[places]) }
    }
  }

  mutating func resume(from state: TrainingState) throws {
    try source.require(state)
  }

  func validationLoss(_ sample: Sample, _ tape: Tape) throws -> Double {
    let batch = batch([sample], step: 0, validation)
    let made = networks.generator(batch.condition, batch.noise, tape)
    return Double(tape.meanSquaredError(made, target: batch.target).value.base[0])
  }

  var notes: JSONValue {
    get throws { try source.notes }
  }

  var summary: [String] { [source.summary] }
}
