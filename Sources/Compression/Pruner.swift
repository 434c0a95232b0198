import Essentials
import MessagePassing
import Models
import Records
import Runs
import Tensors
import Training

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
  /// Collective. Prunes a trained CGDM into a run directory of its own, with `prune.md`, `prune.json` and `prune.svg`
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
  public static func run(
    _ request: PruningRequest, _ trained: TrainedModel, communicator: Communicator, engine: Engine, console: Console,
    isStopped: () -> Bool = { false }, progress style: ProgressDisplay.Style
  ) throws -> PruningReport? {
    let need = try communicator.agree("read the goal") {
      try parametersToRemove(request.goal, trained.model)
    }
    try communicator.onRoot("look at the student's directory") { try requireNoRun(at: request.output) }
    let data = try TrainingData(paths: request.data, configuration: trained.configuration, communicator: communicator)
    let scan = try communicator.agree("prepare the scan") {
      try data.require(trained.state)
      return try SensitivityScan(
        trained, data: data, settings: request.settings, communicator: communicator, engine: engine)
    }
    let notes = request.output + "/scan"
    var lock: RunLock?
    try communicator.onRoot("make the student's directory") {
      try Files.makeDirectory(notes, what: "cannot make the student's directory")
      lock = try RunLock(directory: notes)
    }
    defer { withExtendedLifetime(lock) {} }
    let clock = ContinuousClock(), begin = clock.now
    guard let layers = try scan.run(notes: notes, isStopped: isStopped, progress: style) else { return nil }
    let took = Units.duration((clock.now - begin) / .seconds(1))
    console.note(
      "scan: \(layers.count) layers on \(scan.sample.samples.count) draws, \(communicator.size) ranks, \(took)"
        + (request.settings.reusesActivations ? "" : " without reuse of activations"))

    let chosen = try communicator.onRoot("solve the knapsack") {
      CoveringKnapsack.solve(values: layers.map(\.value), weights: layers.map(\.layer.parameters), covering: need) ?? []
    }
    let student = Student(of: trained, without: Set(chosen.map { layers[$0].layer.name }))
    let joint = try JointLoss(scan.sample, trained.model, student.model, communicator: communicator, engine: engine)
    let report = PruningReport(
      teacher: trained, student: student, data: data.maps.path, need: need, layers: layers, chosen: Set(chosen),
      joint: joint)
    try communicator.onRoot("write the student") {
      try report.write(to: request.output)
      try student.save(to: request.output, of: trained, ranks: communicator.size)
    }
    return report
  }

  /// How many parameters have to go.
  static func parametersToRemove(_ goal: PruningRequest.Goal, _ model: CGDM) throws -> Int {
    let total = model.arena.parameterCount
    let layers = CGDM.prunableLayers(model.configuration)
    let most = layers.reduce(0) { $0 + $1.parameters }
    let need: Int
    switch goal {
    case .ratio(let ratio):
      guard ratio > 0, ratio < 1 else {
        throw Fault("the ratio is not right", at: "--ratio", expected: "more than 0, less than 1", found: "\(ratio)")
      }
      need = Int((ratio * Double(total)).rounded(.up))
    case .targetParameters(let target):
      guard target > 0, target < total else {
        throw Fault(
          "the target is not right", at: "--target-parameters", expected: "less than the model's \(total) parameters",
          found: "\(target)")
      }
      need = total - target
    }
    guard need <= most else {
      let share = (Double(most) / Double(total) * 1000).rounded(.down) / 10
      throw Fault(
        "so many parameters cannot be pruned", at: "\(goal.option)",
        expected: "at most \(most) of \(total) (\(share) %): all \(layers.count) prunable layers", found: "\(need)",
        hint: "ckm inspect model --prunable lists them")
    }
    return need
  }

  private static func requireNoRun(at path: String) throws {
    guard RunDirectory.exists(at: path), try !RunDirectory.open(at: path).steps.isEmpty else { return }
    throw Fault(
      "there is a run already", at: path, expected: "a new directory", found: "config.resolved.yaml")
  }
}

extension PruningRequest.Goal {
  /// As it is given to the command.
  var option: String {
    switch self {
    case .ratio(let ratio): "--ratio \(ratio)"
    case .targetParameters(let target): "--target-parameters \(target)"
    }
  }
}

/// How far the student is from its teacher, and each from the truth, over the scan's sample.
struct JointLoss: Sendable {
  /// E ||eps_teacher - eps_student||², mean over elements: what the sum of the chosen values predicts.
  var difference: Double
  /// E ||eps - eps_teacher||².
  var teacher: Double
  /// E ||eps - eps_student||².
  var student: Double

  /// Collective: each rank has some batches; the sums are taken in the order of the draws.
  init(
    _ sample: ScanSample, _ teacher: CGDM, _ student: CGDM, communicator: Communicator, engine: Engine
  ) throws {
    let draws = sample.samples.count
    var losses = [Double](repeating: 0, count: 3 * draws)
    try communicator.agree("compare student and teacher") {
      for batch in 0..<sample.batchCount where batch % communicator.size == communicator.rank {
        let input = sample.assemble(batch)
        let pass = TeacherPass(teacher, input, layers: [], keepsStates: false, engine: engine)
        let tape = Tape(engine: engine, isRecording: false)
        let answer = student(tape.constant(input.input), timesteps: input.timesteps, tape).value
        let rows = [
          pass.errors(of: answer), TeacherPass.errors(pass.answer, input.target, engine),
          TeacherPass.errors(answer, input.target, engine),
        ]
        for (row, errors) in rows.enumerated() {
          for (place, error) in zip(sample.places(batch), errors) { losses[row * draws + place] = error }
        }
      }
    }
    losses = try communicator.allReduce(losses, .sum)
    let means = (0..<3).map { row in losses[row * draws..<(row + 1) * draws].reduce(0, +) / Double(draws) }
    (difference, self.teacher, self.student) = (means[0], means[1], means[2])
  }
}
