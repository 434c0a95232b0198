import Computing
import Conditioning
import Essentials
import NeuralNetworks
import Runs
import Tensors
import Testing
import TestSupport

@testable import Models

/// The student's objective (eqs. 49 to 52) on a small network: a 16 x 16 map, two stages, attention at the lower one.
@Suite struct DistillationTests {
  private let engine = Engine(threads: 1)
  private let configuration: RunConfiguration<CGDMFamily>
  private let teacher: CGDM
  private let samples: [DenoisingTask.Sample]

  init() throws {
    var run = RunConfiguration<CGDMFamily>()
    run.own.model.imageSize = 16
    run.own.model.baseChannels = 8
    run.own.model.multipliers = [1, 2]
    run.own.model.blocks = 1
    run.own.model.groups = 4
    run.own.model.dropout = 0
    run.own.model.attentionResolutions = [8]
    configuration = run
    teacher = CGDM(run.own.model)
    try Initialisation.kaiming.apply(to: teacher.arena, seed: 1)
    let conditioner = try MapConditioner(
      layout: NetworkLayout(rows: 16, columns: 16, patch: 1, channels: 1), magnifications: [4],
      upsampling: .bicubic, normaliser: Normaliser(),
      area: Area())
    samples = try (0..<3).map { number in
      let values = RandomStream(seed: 4, purpose: .test).gaussian(256, sample: number)
      let map = ChannelFingerprint(rows: 16, columns: 16, values: values.map { -90 + 5 * $0 })
      return DenoisingTask.Sample(
        position: number,
        value: try conditioner.condition(
          StationMap(map, at: "test"), magnification: 4, training: true))
    }
  }

  private func student(_ omitted: [String]) throws -> CGDM {
    var model = configuration.own.model
    model.omitted = omitted
    let student = CGDM(model, isTrained: true)
    try Initialisation.kaiming.apply(to: student.arena, seed: 2)
    return student
  }

  private func objective(_ student: CGDM, _ section: DistillationSection) throws -> DistillationObjective {
    try DistillationObjective(
      task: DenoisingLoss(model: student, configuration: configuration, engine: engine), teacher: teacher,
      section: section)
  }

  private func evaluate(
    _ objective: DistillationObjective, recording: Bool = false
  ) throws -> (ObjectiveValue, Tape) {
    let tape = Tape(engine: engine, isRecording: recording)
    return (objective.evaluate(samples, step: 0, keys: .training(7), tape), tape)
  }

  private func total(_ value: ObjectiveValue) -> Double {
    value.losses.value.values().reduce(0) { $0 + Double($1) }
  }

  /// Derivatives along the gradient and three directions near it against central differences. In float32 a loss of about
  /// 5 has an error of 1e-6, a step that changes it by about 1e-2 one of 1e-4; curvature adds the rest: 1e-2.
  @Test(arguments: [(1.0, 1.0, 1.0, false), (1, 1, 1, true), (0.5, 0, 2, true), (0, 3, 0, false), (0, 0, 1, false)])
  func derivatives(task: Double, output: Double, feature: Double, normalised: Bool) throws {
    var section = DistillationSection()
    (section.task, section.output, section.feature) = (task, output, feature)
    section.normalisedFeatures = normalised
    let student = try student(["downs.3.res_block", "mid.0.attn", "ups.0.res_block"])
    let objective = try objective(student, section)
    student.arena.clearGradients()
    let (value, tape) = try evaluate(objective, recording: true)
    tape.backward(from: value.losses)
    let arena = student.arena
    let gradient = (0..<arena.count).map { Double(arena.gradients!.base[$0]) }
    let norm = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let weights = (0..<arena.count).map { arena.weights.base[$0] }
    for trial in 0..<4 {
      let noise = RandomStream(seed: 9, purpose: .test).gaussian(arena.count, sample: trial)
      let spread = trial == 0 ? 0 : 1 / Double(arena.count).squareRoot()
      let direction = gradient.indices.map { gradient[$0] / norm + spread * Double(noise[$0]) }
      func loss(at step: Double) throws -> Double {
        for index in weights.indices {
          arena.weights.base[index] = Float(Double(weights[index]) + step * direction[index])
        }
        return total(try evaluate(objective).0)
      }
      let step = 5e-3 / norm
      let numeric = (try loss(at: step) - loss(at: -step)) / (2 * step)
      let exact = zip(gradient, direction).reduce(0) { $0 + $1.0 * $1.1 }
      #expect(abs(numeric / exact - 1) < 1e-2, "direction \(trial): \(numeric) for \(exact)")
    }
  }

  /// Each term as its equation says, and the sum by the weights.
  @Test func terms() throws {
    let student = try student(["ups.1.res_block"])
    var section = DistillationSection()
    (section.task, section.output, section.feature) = (2, 0.5, 0.25)
    let objective = try objective(student, section)
    let (value, _) = try evaluate(objective)
    let batch = objective.task.assemble(samples, step: 0, keys: .training(7))
    let tape = Tape(engine: engine, isRecording: false)
    let input = tape.constant(batch.input)
    let own = student.evaluate(input, timesteps: batch.timesteps, tape)
    let taught = teacher.evaluate(input, timesteps: batch.timesteps, tape)
    #expect(own.features.count == 5)  // Dn1, Dn2, Mid, Up2, Up1
    func error(_ a: Tensor, _ b: Tensor, _ sample: Int) -> Double {
      let (first, second) = (a.values(), b.values()), count = first.count / 3
      return (0..<count).reduce(0.0) { sum, i in
        let difference = Double(first[sample * count + i]) - Double(second[sample * count + i])
        return sum + difference * difference
      } / Double(count)
    }
    for sample in 0..<3 {
      let feature = zip(own.features, taught.features).reduce(0) { $0 + error($1.0.value, $1.1.value, sample) }
      let expected = [
        error(own.output.value, batch.target, sample), error(own.output.value, taught.output.value, sample), feature,
      ]
      for (term, right) in zip(value.terms, expected) { #expect(abs(Double(term.base[sample]) / right - 1) < 1e-5) }
      let sum = 2 * expected[0] + 0.5 * expected[1] + 0.25 * expected[2]
      #expect(abs(Double(value.losses.value.base[sample]) / sum - 1) < 1e-5)
    }
  }

  /// A student that is its teacher has nothing to learn from it; normalised, a student that answers 0 everywhere at a
  /// stage is wrong by 1 there.
  @Test func sameNetworkAndTaskAlone() throws {
    let twin = try student([])
    twin.arena.weights.base.update(from: teacher.arena.weights.base, count: twin.arena.count)
    let (value, _) = try evaluate(try objective(twin, DistillationSection()))
    #expect(value.terms[1].values() == [0, 0, 0] && value.terms[2].values() == [0, 0, 0])
    var alone = DistillationSection()
    (alone.output, alone.feature) = (0, 0)
    let student = try student(["mid.1.res_block"])
    let objective = try objective(student, alone)
    let tape = Tape(engine: engine, isRecording: false)
    #expect(
      try evaluate(objective).0.losses.value.values()
        == objective.task(samples, step: 0, keys: .training(7), tape).value.values())
  }

  @Test func studentThatDoesNotFit() throws {
    var wide = configuration.own.model
    wide.baseChannels = 16
    let fault = #expect(throws: Fault.self) {
      try CGDMFamily.requireFit(student: wide, teacher: configuration.own.model, at: "here")
    }
    #expect(fault?.expected?.contains("model.base_channels = 8") == true && fault?.found == "16")
    var pruned = configuration.own.model
    pruned.omitted = ["mid.0.attn"]
    pruned.dropout = 0.3
    try CGDMFamily.requireFit(student: pruned, teacher: configuration.own.model, at: "here")
  }
}
