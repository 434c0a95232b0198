import Conditioning
import Configuration
import Essentials
import Foundation
import MessagePassing
import Records
import Runs
import Tensors

/// What a training run is asked to do, but for its configuration.
public struct TrainingRequest: Sendable {
  /// What to do where the run's directory already holds checkpoints.
  public enum Resume: String, CaseIterable, Sendable {
    /// It is an error.
    case never
    /// Go on with the newest whole checkpoint; start where there is none.
    case latest
  }
  /// The data sets.
  public var data: [String]
  /// The run's directory.
  public var output: String
  /// Whether to go on with what is there.
  public var resume = Resume.never
  /// PyTorch-named weights to start from instead of an initialisation, by the names of players or of parts.
  public var initialWeights: [String: String] = [:]
  /// Whether a core is left for a thread that moves messages.
  public var hasSpareCore = false

  /// - Parameters:
  ///   - data: the data sets.
  ///   - output: the run's directory.
  public init(data: [String], output: String) {
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

/// Data-parallel training of any family's players. Collective: every rank makes one and calls `run`.
///
/// Each rank holds replicas, computes the gradients of its share of the global batch, and applies the same steps to the
/// same sums; rank 0 keeps the averages of the weights and writes files. All random numbers are keyed by (seed, step,
/// place in the global batch), so any number of ranks draws the same batches.
public final class Trainer<Family: ModelFamily> {
  let request: TrainingRequest
  let configuration: RunConfiguration<Family>
  let communicator: Communicator
  let engine: Engine
  let console: Console
  let data: MapData
  let learners: [Learner]
  private let model: Family.Model
  /// On rank 0: what the run that goes on was begun with; nil where one begins.
  let earlier: RunConfiguration<Family>?
  private(set) var task: Family.Task

  /// Collective. Opens the data and makes the networks; nothing is written yet.
  ///
  /// - Parameters:
  ///   - request: what to do.
  ///   - configuration: everything that determines the run, apart from the data.
  ///   - communicator: the ranks.
  ///   - engine: this rank's threads and buffers.
  ///   - console: where rank 0 writes notes.
  ///   - makeTask: what the networks learn; the family's own task unless a teacher has a say.
  /// - Throws: `Fault` on all ranks when the data cannot be used.
  public init(
    _ request: TrainingRequest, _ configuration: RunConfiguration<Family>, communicator: Communicator, engine: Engine,
    console: Console,
    makeTask: (Family.Model, RunConfiguration<Family>, TaskContext) throws -> Family.Task = Family.makeTask
  ) throws {
    self.request = request
    self.configuration = configuration
    self.communicator = communicator
    self.engine = engine
    self.console = console
    // First: of data and networks that do not fit the wrong configuration would be complained.
    var earlier: RunConfiguration<Family>?
    try communicator.onRoot("look at the run") { earlier = try Self.earlier(request, configuration) }
    self.earlier = earlier
    data = try MapData(
      paths: request.data, rule: configuration.split.rule, repeats: configuration.training.repeats,
      seed: configuration.seed, communicator: communicator)
    model = try communicator.agree("make the networks") {
      try Family.makeFittingModel(configuration, isTrained: true)
    }
    task = try makeTask(
      model, configuration, TaskContext(data: data, communicator: communicator, engine: engine))
    let players = Family.players(model, configuration)
    try players.validate(as: Family.playerNames)
    guard task.source.epochCount > 0 else {
      throw Fault("there is nothing to train on", at: task.source.path, expected: "one sample at least", found: "none")
    }
    guard !task.couplesSamples || configuration.training.microbatch == 0 else {
      throw Fault(
        "the samples of a batch are computed together", at: "training.microbatch", expected: "0",
        found: "\(configuration.training.microbatch)")
    }
    let startNames = Family.playerNames + Family.partNames
    if let stranger = request.initialWeights.keys.sorted().first(where: { !startNames.contains($0) }) {
      throw Fault(
        "there is no such player to start", at: "`initial_weights`",
        expected: startNames.joined(separator: ", "),
        found: stranger)
    }
    learners = players.map { Learner($0, communicator) }
  }

  /// Collective. All that `run` does before its first step, and would fail in, on the same way; but nothing is written, locked
  /// or moved.
  ///
  /// - Returns: the number of steps already done.
  public func rehearse() throws -> Int { try getReady(isRehearsal: true).step }

  /// Collective. Trains until all steps are done, or a signal asks to stop.
  public func run() throws -> TrainingOutcome {
    // 1. Directory and starting point.
    let signals = try communicator.agree("watch signals") { try SignalFlag() }
    let (directory, begin, validator) = try getReady(isRehearsal: false)
    let training = configuration.training, total = training.steps
    guard begin < total, let validator else { return .finished(step: begin) }
    let records = try communicator.agree("open the logs") {
      try directory.map {
        try TrainingRecords(
          directory: $0, from: begin, total: total, batch: training.batch, players: learners.map(\.player.name))
      }
    }

    // 2. What every step needs.
    let sampler = BatchSampler(count: task.source.epochCount, batch: training.batch, seed: configuration.seed)
    let loader = BatchLoader(
      task.source, sampler: sampler,
      share: Share.range(of: training.batch, rank: communicator.rank, size: communicator.size))

    // 3. The steps: each player that is due learns in its turn, on the same samples.
    var signal: String?
    var step = begin
    while step < total, signal == nil {
      let samples = Result { try loader.load(step: step) }
      var lines: [TrainingRecords.PlayerLine] = []
      for (place, learner) in learners.enumerated() where learner.player.isDue(at: step) {
        let names = task.termNames(of: place)
        var report = StepReport(batch: training.batch, terms: names.count)
        if task.couplesSamples {
          let own = try communicator.agree("read training samples") { try samples.get() }
          try learner.gatherCoupledGradients { try addGradients(of: place, own, step: step, into: &report) { _ in } }
        } else {
          try learner.gatherGradients { watch in
            try accumulateGradients(of: place, try samples.get(), step: step, into: &report, watch)
          }
        }
        try report.sum(over: communicator, wantsStop: signals.isRaised)
        if report.isStopWanted { signal = signals.name ?? "a signal on another rank" }
        let norm = try applyStep(learner, step, loss: report.loss)
        lines.append(
          TrainingRecords.PlayerLine(
            place: place, loss: report.loss, terms: Array(zip(names, report.terms)), norm: norm,
            rate: learner.player.rate(step), exchange: learner.exchangeSeconds))
      }
      step += 1

      // 4. What is told and saved.
      let validation = validator.isDue(after: step, isLast: step == total) ? try validator.loss() : nil
      records?.show(step: step, lines, validation: validation)
      if step % training.logEvery == 0 || validation != nil {
        try communicator.agree("write the logs") {
          try records?.write(step: step, lines, validation: validation)
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

  /// Collective. The run's directory on rank 0, the number of steps done, and what validates; nil where all are done.
  private func getReady(
    isRehearsal: Bool
  ) throws -> (directory: RunDirectory?, step: Int, validator: Validator<Family>?) {
    let training = configuration.training
    // First: what the machines cannot do leaves no directory behind.
    for learner in learners { try learner.prepare(training, hasSpareCore: request.hasSpareCore, communicator) }
    let (directory, step, state) = try start(isRehearsal: isRehearsal)
    if let state {
      try communicator.agree("compare the data with the run's") { try task.resume(from: state) }
      try communicator.onRoot("write the run's configuration") {
        if !isRehearsal { try directory?.replaceConfiguration(Configuration.yaml(configuration)) }
      }
    }
    guard step < training.steps else {
      console.note("\(request.output): all \(training.steps) steps are done already")
      return (directory, step, nil)
    }
    return (directory, step, try Validator(self))
  }

  /// What learns, as another configuration of the same networks has it.
  func players(_ other: RunConfiguration<Family>) -> [Player] { Family.players(model, other) }

  /// The gradients of this rank's samples: each one's loss counts 1 / (global batch).
  private func accumulateGradients(
    of player: Int, _ samples: [Family.Task.Sample], step: Int, into report: inout StepReport, _ watch: (Tape) -> Void
  ) throws {
    let limit = configuration.training.microbatch
    let size = limit == 0 ? max(1, samples.count) : limit
    for first in stride(from: 0, to: samples.count, by: size) {
      let part = Array(samples[first..<min(samples.count, first + size)]), isLast = first + size >= samples.count
      try addGradients(of: player, part, step: step, into: &report) { if isLast { watch($0) } }
    }
  }

  /// The gradients of some samples, all other players' weights frozen.
  private func addGradients(
    of player: Int, _ samples: [Family.Task.Sample], step: Int, into report: inout StepReport, _ watch: (Tape) -> Void
  ) throws {
    let tape = Tape(engine: engine, training: learners[player].arena)
    let value = try task.evaluate(player, samples, step: step, tape)
    report.add(value, at: samples.map(\.position))
    watch(tape)
    tape.backward(from: value.losses, seed: 1 / Float(configuration.training.batch))
  }

  /// One optimiser step on all ranks alike; the same sums give the same verdict everywhere.
  private func applyStep(_ learner: Learner, _ step: Int, loss: Double) throws -> Double {
    let norm = learner.gradientNorm(engine.threads)
    guard norm.isFinite, loss.isFinite else {
      let name = learners.count > 1 ? " of the \(learner.player.name)" : ""
      throw Fault(
        "training has diverged: the gradient\(name) is not finite", at: "\(request.output), step \(step + 1)",
        expected: "finite loss and gradient", found: "loss \(loss), gradient norm \(norm)",
        hint: "lower training.learning_rate or set training.clip_norm, and resume from the last checkpoint")
    }
    try learner.step(step, norm: norm, configuration.training, engine.threads)
    return norm
  }

  /// Collective: weights are compared over the ranks, then rank 0 writes.
  private func save(_ step: Int, _ directory: RunDirectory?, _ records: TrainingRecords?) throws {
    let hash = TrainingCheckpoint.hash(learners.map(\.player))
    guard try communicator.allEqual(hash) else {
      throw Fault(
        "the ranks' weights differ", at: "\(request.output), step \(step)",
        expected: "the same bits on every rank", found: "\(String(hash, radix: 16)) on rank \(communicator.rank)",
        hint: "do all nodes have the same kind of processor and the same libraries?")
    }
    try communicator.onRoot("save the checkpoint") {
      guard let directory else { return }
      for learner in learners { learner.average?.wait() }
      try records?.synchronise()
      let state = TrainingState(
        step: step, samples: step * configuration.training.batch, ranks: communicator.size, weightsHash: hash,
        data: data.maps.path,
        dataFiles: data.maps.readers.map { URL(fileURLWithPath: $0.path).standardizedFileURL.path },
        split: data.split.record, notes: try task.notes)
      try TrainingCheckpoint.save(
        to: directory, state: state, players: learners.map(\.learnt), keeping: configuration.checkpoints)
    }
  }

  private var networkSummary: [String] {
    get throws {
      try zip(Family.outlines(configuration), learners).map { outline, learner in
        let name = learners.count > 1 ? learner.player.name : "network", total = outline.total
        return "\(name): \(Units.count(total.parameters)) parameters, "
          + "\(Units.count(total.multiplyAccumulates)) multiply-accumulates for \(outline.sample)"
      }
    }
  }

  /// What a run is about to do, in a few lines: what a dry run prints, and the head of every run's log.
  public var summary: [String] {
    get throws {
      let training = configuration.training
      let epochs = Double(training.steps * training.batch) / Double(task.source.epochCount)
      // Weights, gradients and two moments of float32.
      let bytes = learners.reduce(0) { $0 + $1.arena.count * 4 * MemoryLayout<Float>.stride }
      let shares = Set(
        (0..<communicator.size).map { Share.range(of: training.batch, rank: $0, size: communicator.size).count }
      ).sorted()
      return try networkSummary + task.summary + [
        "steps: \(training.steps) of \(training.batch) samples (\(Units.number(epochs)) epochs), \(communicator.size) ranks "
          + "with \(shares.map(String.init).joined(separator: " or ")) samples a step, \(engine.threads.count) threads each",
        "memory: \(Units.bytes(bytes)) a rank for weights, gradients and moments; activations come on top",
        "run: \(request.output), a checkpoint every \(configuration.checkpoints.every) steps",
      ]
    }
  }
}
