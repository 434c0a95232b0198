import Checkpoints
import Essentials
import FingerprintModels
import Interpolation
import MapStorage
import MessagePassing

/// The data set of a run: which maps train, which test, and how they become what the network sees.
public struct TrainingData {
  /// The data set.
  public let reader: MapSetReader
  /// Which maps train, which test.
  public let split: Split
  /// From dB to model units.
  public let conditioner: MapConditioner

  /// Collective. Opens the data set and looks at every training map once, each rank at its share: a hole in the data
  /// is found now and not in the third hour.
  ///
  /// - Parameters:
  ///   - path: the data set.
  ///   - configuration: the run's.
  ///   - communicator: the ranks.
  /// - Throws: `Fault` on all ranks: missing or damaged file, wrong shape, a constant map, a value that is no number.
  public init(path: String, configuration: RunConfiguration, communicator: Communicator) throws {
    let size = configuration.model.imageSize
    (reader, split) = try communicator.agree("open the data set") {
      let reader = try MapSetReader(path: path)
      guard reader.rows == size, reader.columns == size else {
        throw Fault(
          "the maps do not fit the network", at: "\(path):/maps",
          expected: "\(size)x\(size) (model.image_size)", found: "\(reader.rows)x\(reader.columns)",
          hint: "--set model.image_size=\(reader.rows)")
      }
      return (reader, try Split(reader, seed: configuration.seed))
    }
    let normalisation = configuration.data.normalisation
    let fixed =
      normalisation == .dataset
      ? try ValueRange.covering(reader, samples: split.training, communicator: communicator) : nil
    let normaliser = Normaliser(normalisation, fixed: fixed, margin: configuration.data.margin)
    let grid = try SamplingGrid(rows: size, columns: size, magnification: configuration.data.magnification)
    conditioner = MapConditioner(grid: grid, method: configuration.data.upsampling, normaliser: normaliser)
    try communicator.agree("look at the training maps") {
      let share = Share.range(of: split.training.count, rank: communicator.rank, size: communicator.size)
      for number in split.training[share] { _ = try conditioned(number) }
    }
  }

  /// Throws unless these are the maps that a model was trained on, seen as it saw them.
  ///
  /// - Parameter state: what the model's checkpoint remembers.
  public func require(_ state: TrainingState) throws {
    try split.require(state.split, at: reader.path)
    guard conditioner.normaliser == state.normaliser else {
      throw Fault(
        "the training maps have another range than the model's", at: reader.path,
        expected: "\(state.normaliser.fixed.map { "\($0.minimum) to \($0.maximum) dB" } ?? "no fixed range")",
        found: "\(conditioner.normaliser.fixed.map { "\($0.minimum) to \($0.maximum) dB" } ?? "none")",
        hint: "give the data set that the run was trained on")
    }
  }

  /// The maps of a rank's share of some held-out ones, with their place among them.
  func heldOut(_ limit: Int, _ communicator: Communicator) throws -> [TrainingSample] {
    let chosen = Array(split.test.prefix(limit))
    let share = Share.range(of: chosen.count, rank: communicator.rank, size: communicator.size)
    return try share.map { TrainingSample(position: $0, map: try conditioned(chosen[$0])) }
  }

  /// What the network sees of a map to learn from.
  ///
  /// - Parameter number: its number in the data set.
  public func conditioned(_ number: Int) throws -> ConditionedMap {
    try conditioner.condition(
      fine: try reader.read(indices: [number])[0], valid: try reader.valid(indices: [number])?[0], training: true,
      at: "\(reader.path):/maps[\(number)]")
  }
}
