import Essentials
import Records
import Tensors

/// Weights, their averages and the moments on disk, and back. Only rank 0 touches files.
public enum TrainingCheckpoint {
  /// What a player has beside its weights.
  public struct Learnt {
    /// Whose it is.
    public var player: Player
    /// The weights' average, laid out like them; nil where none is kept.
    public var average: Storage?
    /// The optimiser's first moments, laid out like the weights.
    public var first: Storage
    /// The optimiser's second moments, laid out like the weights.
    public var second: Storage

    /// - Parameters:
    ///   - player: whose it is.
    ///   - average: the weights' average, laid out like them; nil where none is kept.
    ///   - first: the optimiser's first moments.
    ///   - second: the optimiser's second moments.
    public init(_ player: Player, average: Storage?, first: Storage, second: Storage) {
      (self.player, self.average, self.first, self.second) = (player, average, first, second)
    }
  }

  /// Saves a step; when it returns the checkpoint is whole and on the disk.
  ///
  /// - Parameters:
  ///   - directory: the run, open for training.
  ///   - state: what to remember.
  ///   - players: what each has learnt.
  ///   - section: which checkpoints stay.
  public static func save(
    to directory: RunDirectory, state: TrainingState, players: [Learnt], keeping section: CheckpointsSection
  ) throws {
    var files: [(name: String, write: (String) throws -> Void)] = []
    for learnt in players {
      let player = learnt.player, arena = player.arena
      files.append((player.weightsFile, { try ModelFile.write(arena, arena.weights, to: $0) }))
      if let average = learnt.average {
        files.append((player.averageFile, { try ModelFile.write(arena, average, to: $0) }))
      }
      files.append(
        (
          player.optimiserFile,
          { try ModelFile.write(arena, [("first.", learnt.first), ("second.", learnt.second)], to: $0) }
        ))
    }
    try directory.save(
      step: state.step, state: state.json(), files: files,
      keeping: CheckpointRetention(
        last: section.keepLast, every: section.keepEvery > 0 ? section.keepEvery : nil))
  }

  /// Reads a saved step into buffers laid out as the run's.
  ///
  /// - Returns: the state that it was saved with.
  /// - Throws: `Fault` when a file is damaged or belongs to another network.
  public static func restore(_ saved: SavedStep, players: [Learnt]) throws -> TrainingState {
    let state = try TrainingState(saved)
    for learnt in players {
      let player = learnt.player, arena = player.arena
      try ModelFile.read(saved.file(player.weightsFile), arena, into: arena.weights)
      if let average = learnt.average { try ModelFile.read(saved.file(player.averageFile), arena, into: average) }
      let moments = try saved.file(player.optimiserFile)
      try ModelFile.read(moments, arena, into: learnt.first, prefix: "first.", allowsOthers: true)
      try ModelFile.read(moments, arena, into: learnt.second, prefix: "second.", allowsOthers: true)
    }
    let found = String(hash(players.map(\.player)), radix: 16)
    guard found == state.weightsHash else {
      throw Fault(
        "the weights are others than those that were saved", at: saved.path, expected: "XXH64 \(state.weightsHash)",
        found: found, hint: "resume from another checkpoint, or another copy of the run")
    }
    return state
  }

  /// XXH64 of the weights; of several players', XXH64 of theirs.
  public static func hash(_ players: [Player]) -> UInt64 {
    let sums = players.map { player in
      let weights = UnsafeBufferPointer(start: player.arena.weights.base, count: player.arena.count)
      return Checksum.value(of: UnsafeRawBufferPointer(weights))
    }
    return sums.count == 1 ? sums[0] : sums.withUnsafeBytes { Checksum.value(of: $0) }
  }
}
