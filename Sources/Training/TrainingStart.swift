import Configuration
import Essentials
import MessagePassing
import Records
import Runs

extension Trainer {
  /// Collective. Makes or opens the run's directory on rank 0 and brings weights and moments to all ranks.
  ///
  /// - Parameter isRehearsal: whether everything is to be looked at only: then nothing is written, locked or moved.
  /// - Returns: the directory on rank 0, nil elsewhere; the number of steps already done; and what the newest checkpoint
  ///   has kept, nil where there is none.
  func start(isRehearsal: Bool) throws -> (directory: RunDirectory?, step: Int, state: TrainingState?) {
    var directory: RunDirectory?
    let state: TrainingState? = try communicator.onRoot("open the run's directory") {
      warnOfLittleRoom()
      guard let earlier else {
        try initialise()  // first: weights that cannot be read leave no directory behind
        if isRehearsal {
          try RunDirectory.requireCreatable(at: request.output)
        } else {
          directory = try RunDirectory.create(at: request.output, configuration: Configuration.yaml(configuration))
        }
        return nil
      }
      let opened =
        isRehearsal
        ? try RunDirectory.requireResumable(at: request.output) : try RunDirectory.resume(at: request.output)
      directory = opened
      let state = try restore(opened, isRehearsal: isRehearsal)
      tellChanges(from: earlier, after: state?.step ?? 0)
      for log in TrainingRecords.logs(of: opened) { try MetricsLog.check(log, keepingThrough: state?.step ?? 0) }
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

  /// On rank 0: the state of the newest whole checkpoint; nil, with weights to start from, where there is none.
  private func restore(_ opened: RunDirectory, isRehearsal: Bool) throws -> TrainingState? {
    let (saved, messages) = try opened.latestVerified()
    messages.forEach(console.warn)
    guard let saved else {
      guard messages.isEmpty else {
        throw Fault(
          "all checkpoints are damaged", at: "\(request.output)/checkpoints", expected: "a whole one",
          found: "\(messages.count) damaged" + (isRehearsal ? "" : ", moved aside"))
      }
      try initialise()
      if !isRehearsal { try opened.replaceConfiguration(Configuration.yaml(configuration)) }
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
        try ModelFile.read(weights, learner.player)
      } else {
        // Streams are keyed by a parameter's place in its network: equal seeds would start equal layers alike.
        try learner.player.initialise(configuration.seed &+ UInt64(place) &* 0x9E37_79B9_7F4A_7C15)
      }
      for part in learner.player.parts {
        if let weights = request.initialWeights[part.name] { try ModelFile.read(weights, learner.player, part: part) }
      }
      learner.average?.average.restart()
    }
  }

  /// The configuration that the run was begun with, nil where there is none yet. It stays, where another value would make it
  /// another run.
  static func earlier(
    _ request: TrainingRequest, _ configuration: RunConfiguration<Family>
  ) throws -> RunConfiguration<Family>? {
    guard RunDirectory.exists(at: request.output) else { return nil }
    guard request.resume == .latest else {
      throw Fault(
        "there is a run already", at: request.output, expected: "a new directory",
        found: "config.resolved.yaml", hint: "`resume` latest goes on with it")
    }
    let directory = try RunDirectory.open(at: request.output)
    let earlier = try RunConfiguration<Family>.read(
      run: directory.configuration(), named: directory.configurationPath)
    let differences = Configuration.differences(earlier, configuration).filter { !$0.tags.contains(.resumption) }
    guard let first = differences.first else { return earlier }
    throw Fault(
      "the run was begun with another configuration",
      at: "\(directory.configurationPath): \(differences.map(\.key).joined(separator: ", "))",
      expected: "\(first.key) = \(first.first)", found: "\(first.key) = \(first.second)",
      hint: "resume with the same configuration, or begin a new run in another directory")
  }

  /// One line: which keys have other values than before, and what that does to the rates of the next step.
  private func tellChanges(from earlier: RunConfiguration<Family>, after step: Int) {
    let changes = Configuration.differences(earlier, configuration)
    guard !changes.isEmpty else { return }
    let rates = zip(players(earlier), learners.map(\.player)).map { before, now in
      let (old, new) = (before.rate(step), now.rate(step))
      let name = learners.count > 1 ? " of the \(now.name)" : ""
      let change =
        old == new
        ? "stays \(Units.number(new))"
        : "\(new > old ? "rises" : "falls") from \(Units.number(old)) to \(Units.number(new))"
      return "the rate\(name) after step \(step) \(change)"
    }
    console.note(
      changes.map { "\($0.key) \($0.first) -> \($0.second)" }.joined(separator: ", ") + ": "
        + rates.joined(separator: ", "))
  }

  /// A full disk is met when a checkpoint is saved; until then there may be room.
  private func warnOfLittleRoom() {
    // Weights, their average and two moments.
    let need = learners.reduce(0) { $0 + $1.arena.count * ($1.average == nil ? 3 : 4) * MemoryLayout<Float>.stride }
    guard let free = Files.freeBytes(at: request.output), free < need else { return }
    console.warn("\(request.output): a checkpoint takes \(Units.bytes(need)), \(Units.bytes(free)) are free")
  }
}
