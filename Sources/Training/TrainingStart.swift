import Configuration
import Essentials
import Records
import Runs

extension Trainer {
  /// Collective. Makes or opens the run's directory on rank 0 and brings weights and moments to all ranks.
  ///
  /// - Returns: the directory on rank 0, nil elsewhere; the number of steps already done; and what the newest checkpoint
  ///   has kept, nil where there is none.
  func start() throws -> (directory: RunDirectory?, step: Int, state: TrainingState?) {
    var directory: RunDirectory?
    let state: TrainingState? = try communicator.onRoot("open the run's directory") {
      let text = Configuration.yaml(configuration)
      guard try goesOn() else {
        try initialise()  // first: weights that cannot be read leave no directory behind
        directory = try RunDirectory.create(at: request.output, configuration: text)
        return nil
      }
      let opened = try RunDirectory.resume(at: request.output)
      directory = opened
      let state = try restore(opened)
      if state == nil { try opened.replaceConfiguration(text) }
      return state
    }
    let step = state?.step ?? 0
    for learner in learners {
      learner.optimiser.stepCount = learner.player.stepCount(after: step)
      let moments = step > 0 ? [learner.optimiser.first, learner.optimiser.second] : []
      for buffer in [learner.arena.weights] + moments {
        try communicator.broadcast(UnsafeMutableBufferPointer(start: buffer.base, count: learner.arena.count))
      }
    }
    return (directory, step, state)
  }

  /// Collective. Throws what `run` would throw before its first step, and writes nothing.
  ///
  /// - Returns: from where the run would go on, in a line.
  public func rehearse() throws -> String {
    let state: TrainingState? = try communicator.onRoot("look at the run's directory") {
      guard try goesOn() else {
        try initialise()
        try RunDirectory.requireCreatable(at: request.output)
        return nil
      }
      try RunDirectory.requireResumable(at: request.output)
      return try restore(RunDirectory.open(at: request.output))
    }
    guard let state else { return "start: at step 0, a new run" }
    try communicator.agree("compare the data with the run's") {
      var task = task
      try task.resume(from: state)
    }
    let total = configuration.training.steps
    return state.step < total
      ? "start: after step \(state.step) of \(total), where the run was saved"
      : "start: not at all, all \(total) steps are done already"
  }

  /// On rank 0: whether there is a run that is to go on; a run that is not to is a fault.
  private func goesOn() throws -> Bool {
    guard RunDirectory.exists(at: request.output) else { return false }
    guard request.resume == .latest else {
      throw Fault(
        "there is a run already", at: request.output, expected: "a new directory",
        found: "config.resolved.yaml", hint: "`resume` latest goes on with it")
    }
    return true
  }

  /// On rank 0: the state of the newest whole checkpoint; nil, with weights to start from, where there is none.
  private func restore(_ opened: RunDirectory) throws -> TrainingState? {
    let earlier = try compatible(opened)
    let (saved, messages) = try opened.latestVerified()
    messages.forEach(console.warn)
    guard let saved else {
      guard messages.isEmpty else {
        throw Fault(
          "all checkpoints are damaged", at: "\(request.output)/checkpoints", expected: "a whole one",
          found: "\(messages.count) damaged ones")
      }
      try initialise()
      return nil
    }
    let state = try TrainingCheckpoint.restore(saved, players: learners.map(\.learnt))
    try data.split.require(state.split, at: data.maps.path)
    if state.processor != TrainingState.thisProcessor() {
      console.warn(
        "saved on \"\(state.processor)\", resumed on \"\(TrainingState.thisProcessor())\": bits may differ")
    }
    console.note("resuming after step \(state.step) of \(saved.path)")
    tellChanges(since: earlier, at: state.step)
    return state
  }

  /// What goes on otherwise than it began, and what that does to the learning rate.
  private func tellChanges(since earlier: RunConfiguration<Family>, at step: Int) {
    let changes = Configuration.differences(earlier, configuration)
    guard !changes.isEmpty else { return }
    console.note("changed since: " + changes.map { "\($0.key) \($0.first) -> \($0.second)" }.joined(separator: ", "))
    let before = earlier.training.rate(at: step), after = configuration.training.rate(at: step)
    guard abs(after - before) > 1e-6 * max(before, after) else { return }
    console.warn(
      "the learning rate at step \(step) is \(Units.number(after)), where it was \(Units.number(before))")
  }

  private func initialise() throws {
    for (place, learner) in learners.enumerated() {
      if let weights = request.initialWeights[learner.player.name] {
        try ModelFile.read(weights, learner.arena, into: learner.arena.weights)
      } else {
        // Streams are keyed by a parameter's place in its network: equal seeds would start equal layers alike.
        try learner.player.initialise(configuration.seed &+ UInt64(place) &* 0x9E37_79B9_7F4A_7C15)
      }
      learner.average?.average.restart()
    }
  }

  /// What a run was begun with; where another value of a key would make it another run, that is a fault.
  private func compatible(_ directory: RunDirectory) throws -> RunConfiguration<Family> {
    let earlier = try Configuration.read(
      yaml: directory.configuration(), named: directory.configurationPath, preset: RunConfiguration<Family>())
    let differences = Configuration.differences(earlier, configuration).filter { !$0.tags.contains(.resumption) }
    guard let first = differences.first else { return earlier }
    throw Fault(
      "the run was begun with another configuration",
      at: "\(directory.configurationPath): \(differences.map(\.key).joined(separator: ", "))",
      expected: "\(first.key) = \(first.first)", found: "\(first.key) = \(first.second)",
      hint:
        "resume with the same configuration, or none, which takes the run's; or begin a new run in another directory")
  }
}
