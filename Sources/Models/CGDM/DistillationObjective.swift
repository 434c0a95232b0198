import Runs
import Tensors

/// A student's objective (eqs. 49 to 52): the task, the teacher's answer, and its features at the ends of the stages.
///
/// All differences are means over elements, as the task's is; the features' are added up over the stages. The teacher
/// runs first, without a tape and without dropout.
struct DistillationObjective {
  let task: DenoisingLoss
  let teacher: CGDM
  let section: DistillationSection

  let termNames = ["task_loss", "output_loss", "feature_loss"]

  /// - Parameters:
  ///   - task: the student's own loss.
  ///   - teacher: the frozen network.
  ///   - section: the terms' weights.
  /// - Throws: `Fault` when the two networks differ in more than what is omitted.
  init(task: DenoisingLoss, teacher: CGDM, section: DistillationSection) throws {
    try CGDMFamily.requireFit(
      student: task.model.configuration, teacher: teacher.configuration, at: "the student's model")
    self.task = task
    self.teacher = teacher
    self.section = section
  }

  /// The losses of some samples and the terms that they are made of.
  func evaluate(
    _ samples: [DenoisingTask.Sample], step: Int, keys: DenoisingLoss.Keys, _ tape: Tape
  ) -> ObjectiveValue {
    let batch = task.assemble(samples, step: step, keys: keys)
    let silent = Tape(engine: tape.engine, isRecording: false)
    silent.profile = tape.profile
    let taught = teacher.evaluate(silent.constant(batch.input), timesteps: batch.timesteps, silent)
    let own = task.model.evaluate(tape.constant(batch.input), timesteps: batch.timesteps, tape)

    let taskLoss = tape.meanSquaredError(own.output, target: batch.target, weights: batch.weights)
    let outputLoss = tape.meanSquaredError(own.output, target: taught.output.value, weights: batch.weights)
    let differences = zip(own.features, taught.features).map { student, teacher in
      tape.meanSquaredError(
        student, target: teacher.value,
        factors: section.normalisedFeatures ? Self.reciprocalMeanSquares(teacher.value, silent) : nil)
    }
    let featureLoss = differences.dropFirst().reduce(differences[0]) { tape.add($0, $1) }
    let terms = [taskLoss, outputLoss, featureLoss]
    let weighted = zip(terms, [section.task, section.output, section.feature])
      .filter { $1 > 0 }.map { term, weight in weight == 1 ? term : tape.scale(term, by: Float(weight)) }
    return ObjectiveValue(
      losses: weighted.dropFirst().reduce(weighted[0]) { tape.add($0, $1) }, terms: terms.map(\.value))
  }

  /// 1 over the mean square of each sample; 0 for a sample that is 0 everywhere, which teaches nothing.
  private static func reciprocalMeanSquares(_ x: Tensor, _ tape: Tape) -> [Float] {
    let squares = tape.meanSquaredError(tape.constant(x), target: tape.engine.zeros(x.shape)).value
    return (0..<x.batch).map { squares.base[$0] > 0 ? 1 / squares.base[$0] : 0 }
  }
}
