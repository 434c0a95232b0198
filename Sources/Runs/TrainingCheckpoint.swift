import CKernels
import Configuration
import Essentials
import MessagePassing
import Models
import NeuralNetworks
import Records
import Tensors

/// Weights, their average and the moments on disk, and back. Only rank 0 touches files.
public enum TrainingCheckpoint {
  /// PyTorch-named weights.
  public static let modelFile = "model.safetensors"
  /// Their exponential moving average: what sampling uses.
  public static let averageFile = "ema.safetensors"
  /// The optimiser's moments, `first.` and `second.` before each name.
  public static let optimiserFile = "optimizer.safetensors"

  /// Saves a step; when it returns the checkpoint is whole and on the disk.
  ///
  /// - Parameters:
  ///   - directory: the run, open for training.
  ///   - state: what to remember.
  ///   - arena: the weights.
  ///   - average: their average.
  ///   - moments: the optimiser's first and second, laid out like the weights.
  ///   - section: which checkpoints stay.
  public static func save(
    to directory: RunDirectory, state: TrainingState, arena: ParameterArena, average: Storage,
    moments: (first: Storage, second: Storage), keeping section: CheckpointsSection
  ) throws {
    try directory.save(
      step: state.step, state: state.json(),
      files: [
        (modelFile, { try ModelFile.write(arena, arena.weights, to: $0) }),
        (averageFile, { try ModelFile.write(arena, average, to: $0) }),
        (
          optimiserFile,
          { try ModelFile.write(arena, [("first.", moments.first), ("second.", moments.second)], to: $0) }
        ),
      ],
      keeping: CheckpointRetention(
        last: section.keepLast, every: section.keepEvery > 0 ? section.keepEvery : nil))
  }

  /// Reads a saved step into arenas laid out as the run's.
  ///
  /// - Throws: `Fault` when a file is damaged or belongs to another network.
  public static func restore(
    _ saved: SavedStep, arena: ParameterArena, average: Storage, optimiser: Optimiser
  ) throws -> TrainingState {
    let state = try TrainingState(saved)
    try ModelFile.read(saved.file(modelFile), arena, into: arena.weights)
    try ModelFile.read(saved.file(averageFile), arena, into: average)
    let moments = try saved.file(optimiserFile)
    try ModelFile.read(moments, arena, into: optimiser.first, prefix: "first.", allowsOthers: true)
    try ModelFile.read(moments, arena, into: optimiser.second, prefix: "second.", allowsOthers: true)
    optimiser.stepCount = state.step
    return state
  }

  /// XXH64 of a buffer of weights.
  public static func hash(_ weights: Storage, count: Int) -> UInt64 {
    var sum = ck_checksum()
    ck_checksum_begin(&sum)
    ck_checksum_add(&sum, UnsafeRawPointer(weights.base), count * MemoryLayout<Float>.stride)
    return ck_checksum_value(&sum)
  }
}

/// A trained network with what its use needs.
public struct TrainedModel {
  /// Which of a checkpoint's weights.
  public enum Weights: String, CaseIterable, Sendable {
    /// The exponential moving average.
    case ema
    /// The last step's own.
    case model
  }
  /// The run's configuration.
  public let configuration: RunConfiguration
  /// The network.
  public let model: CGDM
  /// The state it was saved with.
  public let state: TrainingState
  /// The checkpoint's directory.
  public let path: String

  /// Collective. Loads the newest whole checkpoint of a run: rank 0 reads and verifies, all ranks get the weights.
  ///
  /// - Parameters:
  ///   - path: the run's directory.
  ///   - weights: which weights.
  ///   - communicator: the ranks.
  ///   - console: told about checkpoints that are damaged.
  /// - Throws: `Fault` on all ranks.
  public static func load(
    run path: String, weights: Weights = .ema, communicator: Communicator, console: Console
  ) throws -> TrainedModel {
    struct Found: Codable {
      var yaml: String
      var state: TrainingState
      var path: String
      var file: String
    }
    let found: Found = try communicator.onRoot("open the run") {
      let directory = try RunDirectory.open(at: path)
      let (saved, messages) = try directory.latestVerified()
      messages.forEach(console.warn)
      guard let saved else {
        throw Fault(
          "the run has no whole checkpoint", at: "\(path)/checkpoints",
          expected: "one at least", found: messages.isEmpty ? "none" : "\(messages.count) damaged ones")
      }
      let file = weights == .ema ? TrainingCheckpoint.averageFile : TrainingCheckpoint.modelFile
      return Found(
        yaml: try directory.configuration(), state: try TrainingState(saved), path: saved.path,
        file: try saved.file(file))
    }
    let configuration = try Configuration.read(
      yaml: found.yaml, named: "\(path)/config.resolved.yaml", preset: RunConfiguration())
    let model = CGDM(configuration.model)
    try communicator.onRoot("read the weights") {
      try ModelFile.read(found.file, model.arena, into: model.arena.weights)
    }
    try communicator.broadcast(
      UnsafeMutableBufferPointer(start: model.arena.weights.base, count: model.arena.count))
    return TrainedModel(
      configuration: configuration, model: model, state: found.state, path: found.path)
  }
}
