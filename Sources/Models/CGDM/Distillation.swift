import Configuration
import Essentials
import Runs

extension ConfigurationTag {
  /// A student may have another value than its teacher.
  static let student = ConfigurationTag("student")
}

/// A student that learns from its teacher: what `ckm distill` does.
extension CGDMFamily: DistillableFamily {
  /// The student's configuration, with the check sum of its teacher.
  public static func distillation(
    _ configuration: RunConfiguration<Self>, by teacher: TrainedRun<Self>, at place: String
  ) throws -> RunConfiguration<Self> {
    var configuration = configuration
    try requireFit(configuration, teacher.configuration, at: place)
    configuration.own.distillation.teacher = String(teacher.weightsHash, radix: 16)
    return configuration
  }

  /// Collective. Denoising, and what the teacher answers.
  public static func makeTask(
    _ model: CGDM, _ configuration: RunConfiguration<Self>, _ context: TaskContext, teacher: TrainedRun<Self>
  ) throws -> DenoisingTask {
    let task = try DenoisingTask(model, configuration, context, teacher: teacher.model)
    try context.communicator.agree("compare the data with the teacher's") {
      try task.source.require(teacher.state)
    }
    return task
  }

  /// Throws unless two networks differ in what is omitted only, so that the ends of their stages can be compared.
  static func requireFit(student: CGDMConfiguration, teacher: CGDMConfiguration, at place: String) throws {
    var (first, second) = (RunConfiguration<Self>(), RunConfiguration<Self>())
    first.own.model = student
    second.own.model = teacher
    try requireFit(first, second, at: place)
  }

  /// How the teacher learnt, and what it saved, do not matter.
  private static func requireFit(
    _ student: RunConfiguration<Self>, _ teacher: RunConfiguration<Self>, at place: String
  ) throws {
    let difference = Configuration.differences(teacher, student).first { difference in
      difference.tags.isDisjoint(with: [.student, .sampling, .learning, .resumption])
    }
    guard let difference else { return }
    throw Fault(
      "the student does not fit its teacher", at: place,
      expected: "\(difference.key) = \(difference.first), as the teacher has", found: difference.second,
      hint: "a student is what ckm prune makes of its teacher")
  }
}
