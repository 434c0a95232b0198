import Configuration
import Essentials
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
      guard RunDirectory.exists(at: request.output) else {
        try initialise()  // first: weights that cannot be read leave no directory behind
        directory = try RunDirectory.create(at: request.output, configuration: text)
        return nil
      }
      guard request.resume == .latest else {
        throw Fault(
          "there is a run already", at: request.output, expected: "a new directory",
          found: "config.resolved.yaml", hint: "`resume` latest goes on with it")
      }
      let opened = try RunDirectory.resume(at: request.output)
      directory = opened
      try requireCompatible(opened)
      return try restore(opened, configuration: text)
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

  /// On rank 0: the state of the newest whole checkpoint; nil, with weights to start from, where there is none.
  private func restore(_ opened: RunDirectory, configuration text: String) throws -> TrainingState? {
    let (saved, messages) = try opened.latestVerified()
    messages.forEach(console.warn)
    guard let saved else {
      guard messages.isEmpty else {
        throw Fault(
          "all checkpoints are damaged", at: "\(request.output)/checkpoints", expected: "a whole one",
          found: "\(messages.count) damaged, moved aside")
      }
      try opened.replaceConfiguration(text)
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
    return state
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

  /// What a run was begun with stays, where another value would make it another run.
  private func requireCompatible(_ directory: RunDirectory) throws {
    let earlier = try Configuration.read(
      yaml: directory.configuration(), named: directory.configurationPath, preset: RunConfiguration<Family>())
    let differences = Configuration.differences(earlier, configuration).filter { !$0.tags.contains(.resumption) }
    guard let first = differences.first else { return }
    throw Fault(
      "the run was begun with another configuration",
      at: "\(directory.configurationPath): \(differences.map(\.key).joined(separator: ", "))",
      expected: "\(first.key) = \(first.first)", found: "\(first.key) = \(first.second)",
      hint: "resume with the same configuration, or begin a new run in another directory")
  }
}
