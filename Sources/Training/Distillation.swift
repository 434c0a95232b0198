import Configuration
import Essentials
import MessagePassing
import Models
import Records
import Runs
import Tensors

/// A student that learns from its teacher: what `ckm distill` does.
public enum Distillation {
  /// Keys in which a student may differ from its teacher; those of optimiser and files, of which the teacher knows
  /// nothing, are not looked at.
  private static let free = [
    "model.omitted", "model.dropout", "model.initialisation", "diffusion.start", "diffusion.start_timestep",
    "diffusion.clamp",
  ]

  /// The configuration of a distillation: the student's, changed by a file and by overrides.
  ///
  /// - Parameters:
  ///   - student: the pruned run.
  ///   - teacher: the run that it learns from.
  ///   - file: a YAML file with keys to change; nil for none.
  ///   - overrides: texts "section.key=value".
  /// - Throws: `Fault` for a key that is wrong, and when the student does not fit its teacher.
  public static func configuration(
    student: TrainedModel, teacher: TrainedModel, file: String?, overrides: [String]
  ) throws -> RunConfiguration {
    var configuration = try Configuration.load(preset: student.configuration, file: file, overrides: overrides)
    try requireFit(configuration, teacher.configuration, at: "\(student.path) after \(teacher.path)")
    configuration.distillation.teacher = String(
      TrainingCheckpoint.hash(teacher.model.arena.weights, count: teacher.model.arena.count), radix: 16)
    return configuration
  }

  /// Collective. A trainer whose student starts with the weights of a pruned run and learns from its teacher.
  ///
  /// - Parameters:
  ///   - request: what to do; its configuration is one that `configuration` gave.
  ///   - student: the pruned run.
  ///   - teacher: the run that it learns from.
  ///   - communicator: the ranks.
  ///   - engine: this rank's threads and buffers.
  ///   - console: where rank 0 writes notes.
  /// - Throws: `Fault` on all ranks when the data are not those of the teacher, or cannot be used.
  public static func trainer(
    _ request: TrainingRequest, student: TrainedModel, teacher: TrainedModel, communicator: Communicator,
    engine: Engine, console: Console
  ) throws -> Trainer {
    var request = request
    request.initialWeights = "\(student.path)/\(TrainingCheckpoint.averageFile)"
    let trainer = try Trainer(
      request, communicator: communicator, engine: engine, console: console, teacher: teacher.model)
    try communicator.agree("compare the data with the teacher's") { try trainer.data.require(teacher.state) }
    return trainer
  }

  /// Throws unless two networks differ in what is omitted only, so that the ends of their stages can be compared.
  static func requireFit(student: CGDMConfiguration, teacher: CGDMConfiguration, at place: String) throws {
    var (first, second) = (RunConfiguration(), RunConfiguration())
    first.model = student
    second.model = teacher
    try requireFit(first, second, at: place)
  }

  private static func requireFit(
    _ student: RunConfiguration, _ teacher: RunConfiguration, at place: String
  ) throws {
    let difference = Configuration.differences(teacher, student).first { difference in
      let key = difference.key
      return (key == "seed" || ["model.", "data.", "diffusion."].contains { key.hasPrefix($0) }) && !free.contains(key)
    }
    guard let difference else { return }
    throw Fault(
      "the student does not fit its teacher", at: place,
      expected: "\(difference.key) = \(difference.first), as the teacher has", found: difference.second,
      hint: "a student is what ckm prune makes of its teacher")
  }
}
