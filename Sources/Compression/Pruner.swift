import Conditioning
import Essentials
import MessagePassing
import NeuralNetworks
import Records
import Runs
import Tensors

/// What a pruning is asked to do.
public struct PruningRequest: Sendable {
  /// How far to go.
  public enum Goal: Sendable, Equatable {
    /// At least this share of the parameters goes.
    case ratio(Double)
    /// At most so many parameters stay.
    case targetParameters(Int)
  }
  /// The data sets that the model was trained on.
  public var data: [String]
  /// The student's run directory.
  public var output: String
  /// How far to go.
  public var goal: Goal
  /// Over what layers are judged.
  public var settings = ScanSettings()

  /// - Parameters:
  ///   - data: the data sets that the model was trained on.
  ///   - output: the student's run directory.
  ///   - goal: how far to go.
  public init(data: [String], output: String, goal: Goal) {
    self.data = data
    self.output = output
    self.goal = goal
  }
}

/// One-shot layer pruning (Algorithm 3): scan, knapsack, student, report.
public enum Pruner {
  /// Collective. Prunes a trained network into a run directory of its own, with `prune.md`, `prune.json` and `prune.svg`
  /// beside the run's files, and the scan's notes in `scan/`.
  ///
  /// - Parameters:
  ///   - request: what to do.
  ///   - trained: the teacher, on every rank.
  ///   - communicator: the ranks.
  ///   - engine: this rank's threads and buffers.
  ///   - console: where rank 0 writes notes.
  ///   - isStopped: asked now and then, on every rank.
  ///   - style: how rank 0 shows progress.
  /// - Returns: the report on every rank; nil where it was stopped, which the same request goes on from.
  /// - Throws: `Fault` on all ranks: a goal that cannot be met, a run that is there already, other data.
  public static func run<Family: PrunableFamily>(
    _ request: PruningRequest, _ trained: TrainedRun<Family>, communicator: Communicator, engine: Engine,
    console: Console, isStopped: () -> Bool = { false }, progress style: ProgressDisplay.Style
  ) throws -> PruningReport? {
    let need = try communicator.agree("read the goal") {
      try parametersToRemove(
        request.goal, of: Family.outlines(trained.configuration))
    }
    try communicator.onRoot("look at the student's directory") { try requireNoRun(at: request.output) }
    let configuration = trained.configuration
    let data = try MapData(
      paths: request.data, rule: configuration.split.rule, repeats: configuration.training.repeats,
      seed: configuration.seed, communicator: communicator)
    let context = TaskContext(data: data, communicator: communicator, engine: engine)
    let scan = try SensitivityScan(trained, context, settings: request.settings)
    let notes = request.output + "/scan"
    var lock: RunLock?
    try communicator.onRoot("make the student's directory") {
      try Files.makeOwnDirectory(notes, what: "cannot make the student's directory")
      lock = try RunLock(directory: notes)
    }
    defer { withExtendedLifetime(lock) {} }
    let clock = ContinuousClock(), begin = clock.now
    guard let layers = try scan.run(notes: notes, isStopped: isStopped, progress: style) else { return nil }
    let took = Units.duration((clock.now - begin) / .seconds(1))
    console.note(
      "scan: \(layers.count) layers on \(scan.batches.draws) draws, \(communicator.size) ranks, \(took)"
        + (request.settings.reusesActivations ? "" : " without reuse of activations"))

    let chosen = try communicator.onRoot("solve the knapsack") {
      CoveringKnapsack.solve(values: layers.map(\.value), weights: layers.map(\.layer.parameters), covering: need) ?? []
    }
    let student = try communicator.agree("make the student") {
      try Student(of: trained, without: Set(chosen.map { layers[$0].layer.name }))
    }
    let joint = try JointLoss(scan.batches, student.model, communicator)
    let report = try PruningReport(
      teacher: trained, student: student, data: data.maps.path, need: need, layers: layers, chosen: Set(chosen),
      joint: joint)
    try communicator.onRoot("write the student") {
      try report.write(to: request.output)
      try student.save(to: request.output, of: trained, ranks: communicator.size)
    }
    return report
  }

  /// How many parameters have to go.
  static func parametersToRemove(
    _ goal: PruningRequest.Goal, of outlines: [NetworkOutline]
  ) throws -> Int {
    let total = outlines.flatMap(\.layers).total.parameters, layers = outlines.flatMap(\.prunable)
    let most = layers.reduce(0) { $0 + $1.parameters }
    let need: Int
    switch goal {
    case .ratio(let ratio):
      guard ratio > 0, ratio < 1 else {
        throw Fault("the ratio is not right", at: "`ratio`", expected: "more than 0, less than 1", found: "\(ratio)")
      }
      need = Int((ratio * Double(total)).rounded(.up))
    case .targetParameters(let target):
      guard target > 0, target < total else {
        throw Fault(
          "the target is not right", at: "`target_parameters`", expected: "less than the model's \(total) parameters",
          found: "\(target)")
      }
      need = total - target
    }
    guard need <= most else {
      let share = (Double(most) / Double(total) * 1000).rounded(.down) / 10
      throw Fault(
        "so many parameters cannot be pruned", at: goal.description,
        expected: "at most \(most) of \(total) (\(share) %): all \(layers.count) prunable layers", found: "\(need)",
        hint: "ckm inspect model `prunable` lists them")
    }
    return need
  }

  private static func requireNoRun(at path: String) throws {
    guard RunDirectory.exists(at: path) else { return }
    let run = try RunDirectory.open(at: path)
    guard run.isPointedTo || run.steps.contains(where: { $0 > 0 }) else { return }
    throw Fault(
      "there is a run already", at: path, expected: "a new directory", found: "config.resolved.yaml")
  }
}

extension PruningRequest.Goal: CustomStringConvertible {
  /// Its parameter and the value.
  public var description: String {
    switch self {
    case .ratio(let ratio): "`ratio` \(ratio)"
    case .targetParameters(let target): "`target_parameters` \(target)"
    }
  }
}

/// How far the student is from its teacher, and each from the truth, over the scan's sample.
struct JointLoss: Sendable {
  /// the squared difference of the two answers, mean over elements: what the sum of the chosen values predicts.
  var difference: Double
  /// the teacher's squared error.
  var teacher: Double
  /// the student's squared error.
  var student: Double

  /// Collective: each rank has some batches; the sums are taken in the order of the draws.
  init<Model>(_ batches: ScanBatches<Model>, _ student: Model, _ communicator: Communicator) throws {
    let draws = batches.draws
    var losses = [Double](repeating: 0, count: 3 * draws)
    try communicator.agree("compare student and teacher") {
      for batch in 0..<batches.count where batch % communicator.size == communicator.rank {
        let pass = batches.pass(batch, keeping: [])
        let answer = pass.answer(of: student)
        let rows = [
          batches.errors(answer, pass.answer), batches.errors(pass.answer, pass.target),
          batches.errors(answer, pass.target),
        ]
        for (row, errors) in rows.enumerated() {
          for (place, error) in zip(batches.places(batch), errors) { losses[row * draws + place] = error }
        }
      }
    }
    losses = try communicator.allReduce(losses, .sum)
    let means = (0..<3).map { row in losses[row * draws..<(row + 1) * draws].reduce(0, +) / Double(draws) }
    (difference, teacher, self.student) = (means[0], means[1], means[2])
  }
}
