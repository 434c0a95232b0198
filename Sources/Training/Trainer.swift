import Computing
import Conditioning
import Diffusion
import Essentials
import MessagePassing
import Models
import NeuralNetworks
import Records
import Runs
import Tensors

/// What a training run is asked to do.
public struct TrainingRequest: Sendable {
  /// What to do where the run's directory already holds checkpoints.
  public enum Resume: String, CaseIterable, Sendable {
    /// It is an error.
    case never
    /// Go on with the newest whole checkpoint; start where there is none.
    case latest
  }
  /// Everything that determines the run, apart from the data.
  public var configuration: RunConfiguration
  /// The data sets.
  public var data: [String]
  /// The run's directory.
  public var output: String
  /// Whether to go on with what is there.
  public var resume = Resume.never
  /// PyTorch-named weights to start from instead of an initialisation.
  public var initialWeights: String?
  /// Whether a core is left for a thread that moves messages.
  public var hasSpareCore = false

  /// - Parameters:
  ///   - configuration: everything that determines the run, apart from the data.
  ///   - data: the data sets.
  ///   - output: the run's directory.
  public init(configuration: RunConfiguration, data: [String], output: String) {
    self.configuration = configuration
    self.data = data
    self.output = output
  }
}

/// How a run ended.
public enum TrainingOutcome: Equatable, Sendable {
  /// All steps are done.
  case finished(step: Int)
  /// A signal asked for it; everything is saved.
  case stopped(step: Int, signal: String)
}

/// Data-parallel training of CGDM. Collective: every rank makes one and calls `run`.
///
/// Each rank holds a replica, computes the gradients of its share of the global batch, and applies the same step to the
/// same sums; rank 0 keeps the average of the weights and writes files. All random numbers are keyed by (seed, step,
/// place in the global batch), so any number of ranks draws the same batches.
public final class Trainer {
  let request: TrainingRequest
  let communicator: Communicator
  let engine: Engine
  let console: Console
  let data: TrainingData
  let model: CGDM
  let optimiser: Optimiser
  let average: BackgroundAverage?
  /// The squared error of the answer: what is compared over runs, whatever is trained on.
  let taskLoss: DenoisingLoss
  let objective: any TrainingObjective
  var configuration: RunConfiguration { request.configuration }
  var arena: ParameterArena { model.arena }

  /// Collective. Opens the data and makes the network; nothing is written yet.
  ///
  /// - Parameters:
  ///   - request: what to do.
  ///   - communicator: the ranks.
  ///   - engine: this rank's threads and buffers.
  ///   - console: where rank 0 writes notes.
  ///   - teacher: a frozen network to learn from as well (`Distillation`); nil for none.
  /// - Throws: `Fault` on all ranks when the data cannot be used.
  public init(
    _ request: TrainingRequest, communicator: Communicator, engine: Engine, console: Console, teacher: CGDM? = nil
  ) throws {
    self.request = request
    self.communicator = communicator
    self.engine = engine
    self.console = console
    let configuration = request.configuration
    guard teacher != nil || configuration.distillation.teacher == nil else {
      throw Fault(
        "the configuration is that of a student", at: "distillation.teacher", expected: "null, where none teaches",
        found: configuration.distillation.teacher, hint: "go on with ckm distill, or --set distillation.teacher=null")
    }
    data = try TrainingData(paths: request.data, configuration: configuration, communicator: communicator)
    model = CGDM(configuration.model, isTrained: true)
    optimiser = Optimiser(
      model.arena, rule: configuration.training.rule, share: Optimiser.Share(communicator))
    average = communicator.isRoot ? BackgroundAverage(model.arena) : nil
    let taskLoss = try DenoisingLoss(model: model, configuration: configuration, engine: engine)
    self.taskLoss = taskLoss
    objective =
      try teacher.map {
        try DistillationObjective(task: taskLoss, teacher: $0, section: configuration.distillation)
      } ?? taskLoss
  }

  /// Collective. Trains until all steps are done, or a signal asks to stop.
  public func run() throws -> TrainingOutcome {
    // 1. Directory and starting point.
    let signals = try communicator.agree("watch signals") { try SignalFlag() }
    let (directory, begin) = try start()
    let total = configuration.training.steps
    guard begin < total else {
      console.note("\(request.output): all \(total) steps are done already")
      return .finished(step: begin)
    }
    let records = try communicator.agree("open the logs") {
      try directory.map {
        try TrainingRecords(directory: $0, from: begin, total: total, batch: configuration.training.batch)
      }
    }

    // 2. What every step needs.
    let batch = configuration.training.batch
    let sampler = BatchSampler(count: data.epoch.count, batch: batch, seed: configuration.seed)
    let loader = BatchLoader(
      data: data, sampler: sampler,
      share: sampler.share(rank: communicator.rank, size: communicator.size))
    let exchange = try GradientExchange(
      arena, by: configuration.training.reducer, bucketBytes: Int(configuration.training.bucketMiB * 1_048_576),
      hasSpareCore: request.hasSpareCore, communicator: communicator)
    let validator = try Validator(self)

    // 3. The steps.
    var signal: String?
    var step = begin
    while step < total, signal == nil {
      var report = StepReport(batch: batch, terms: objective.termNames.count)
      arena.clearGradients()
      try exchange.exchange { watch in
        try accumulateGradients(try loader.load(step: step), step: step, into: &report, watch)
      }
      try report.sum(over: communicator, wantsStop: signals.isRaised)
      if report.isStopWanted { signal = signals.name ?? "a signal on another rank" }
      let loss = report.loss
      let norm = try applyStep(step, loss: loss)
      step += 1

      // 4. What is told and saved.
      let validation =
        validator.isDue(after: step, isLast: step == total) ? try validator.loss() : nil
      records?.show(step: step, loss: loss, validation: validation)
      if step % configuration.training.logEvery == 0 || validation != nil {
        try communicator.agree("write the logs") {
          try records?.write(
            step: step, loss: loss, terms: Array(zip(objective.termNames, report.terms)), norm: norm,
            rate: configuration.training.rate(at: step - 1), validation: validation, exchange: exchange)
        }
      }
      if step % configuration.checkpoints.every == 0 || step == total || signal != nil {
        try save(step, directory, records)
      }
    }
    records?.finish()
    if let signal, step < total {
      console.note("stopped by \(signal) after step \(step); saved")
      return .stopped(step: step, signal: signal)
    }
    return .finished(step: step)
  }

  /// The gradients of this rank's samples: each one's loss counts 1 / (global batch).
  private func accumulateGradients(
    _ samples: [TrainingSample], step: Int, into report: inout StepReport, _ watch: (Tape) -> Void
  ) throws {
    let limit = configuration.training.microbatch
    let size = limit == 0 ? max(1, samples.count) : limit
    for first in stride(from: 0, to: samples.count, by: size) {
      let part = Array(samples[first..<min(samples.count, first + size)])
      let tape = Tape(engine: engine, isRecording: true)
      if configuration.model.dropout > 0 {
        tape.dropoutKeys = DropoutKeys(
          seed: configuration.seed, step: step, samples: part.map(\.position))
      }
      let value = try objective.evaluate(part, step: step, keys: .training(configuration.seed), tape)
      report.add(value, of: part)
      if first + size >= samples.count { watch(tape) }
      tape.backward(from: value.losses, seed: 1 / Float(configuration.training.batch))
    }
  }

  /// One optimiser step on all ranks alike; the same sums give the same verdict everywhere.
  private func applyStep(_ step: Int, loss: Double) throws -> Double {
    let training = configuration.training
    let norm = gradientNorm(arena, threads: engine.threads)
    guard norm.isFinite, loss.isFinite else {
      throw Fault(
        "training has diverged: the gradient is not finite", at: "\(request.output), step \(step + 1)",
        expected: "finite loss and gradient", found: "loss \(loss), gradient norm \(norm)",
        hint: "lower training.learning_rate or set training.clip_norm, and resume from the last checkpoint")
    }
    average?.wait()
    try optimiser.step(
      learningRate: training.rate(at: step),
      gradientScale: training.clipNorm > 0 && norm > training.clipNorm ? training.clipNorm / norm : 1,
      threads: engine.threads)
    average?.start(decay: training.averageDecay(after: step))
    return norm
  }

  /// Collective: weights are compared over the ranks, then rank 0 writes.
  private func save(_ step: Int, _ directory: RunDirectory?, _ records: TrainingRecords?) throws {
    let hash = TrainingCheckpoint.hash(arena.weights, count: arena.count)
    guard try communicator.allEqual(hash) else {
      throw Fault(
        "the ranks' weights differ", at: "\(request.output), step \(step)",
        expected: "the same bits on every rank", found: "\(String(hash, radix: 16)) on rank \(communicator.rank)",
        hint: "do all nodes have the same kind of processor and the same libraries?")
    }
    try communicator.onRoot("save the checkpoint") {
      guard let directory, let average else { return }
      average.wait()
      try records?.synchronise()
      let state = TrainingState(
        step: step, samples: step * configuration.training.batch, ranks: communicator.size,
        processor: TrainingState.thisProcessor(), weightsHash: String(hash, radix: 16), data: data.maps.path,
        split: data.split.record, normaliser: data.conditioner.normaliser)
      try TrainingCheckpoint.save(
        to: directory, state: state, arena: arena, average: average.average.weights,
        moments: (optimiser.first, optimiser.second), keeping: configuration.checkpoints)
    }
  }
}
