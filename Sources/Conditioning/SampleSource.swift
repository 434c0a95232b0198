import Essentials
import MapStorage
import MessagePassing

/// Where a task's samples come from. Samples are read by a thread that works ahead of training.
public protocol SampleSource: Sendable {
  /// What the networks see of one sample.
  associatedtype Sample: Sendable

  /// The files, for messages.
  var path: String { get }
  /// How many samples an epoch visits; those built on a data set's maps visit each as often as `MapData.epoch` has it.
  var epochCount: Int { get }
  /// How many held-out samples there are.
  var heldOutCount: Int { get }

  /// A training sample; what is drawn at random is drawn for its place in the global batch.
  ///
  /// - Parameters:
  ///   - visit: which of the epoch's visits.
  ///   - position: the place in the global batch.
  ///   - step: the training step, from 0.
  func sample(visit: Int, position: Int, step: Int) throws -> Sample

  /// A held-out sample, always the same.
  ///
  /// - Parameters:
  ///   - place: which of those that are looked at.
  ///   - count: how many are looked at: they are spread evenly over all.
  func heldOut(_ place: Int, of count: Int) throws -> Sample
}

/// The data sets of a run and which of their maps train.
public struct MapData: Sendable {
  /// The data sets.
  public let maps: MapSetCollection
  /// Which maps train, which test.
  public let split: Split
  /// The training maps, each as often as an epoch visits it.
  public let epoch: [Int]
  /// The run's seed.
  public let seed: UInt64

  /// Collective. Opens the data sets.
  ///
  /// - Parameters:
  ///   - paths: the data sets.
  ///   - rule: how their split is drawn.
  ///   - repeats: how often an epoch visits each map of the data sets, in their order; empty: once.
  ///   - seed: the run's seed.
  ///   - communicator: the ranks.
  /// - Throws: `Fault` on all ranks: missing or damaged file, data sets that do not belong together.
  public init(
    paths: [String], rule: SplitRule = SplitRule(), repeats: [Int] = [], seed: UInt64, communicator: Communicator
  ) throws {
    self.seed = seed
    try communicator.requireSameFiles(paths)
    (maps, split) = try communicator.agree("open the data") {
      let maps = try MapSetCollection(paths: paths)
      return (maps, try Split(maps, rule: rule, seed: seed))
    }
    guard repeats.isEmpty || repeats.count == maps.readers.count else {
      throw Fault(
        "the repeats do not fit the data sets", at: "training.repeats",
        expected: "\(maps.readers.count) of them, one for each data set", found: "\(repeats.count)")
    }
    epoch = split.training.flatMap { [maps] number in
      Array(repeating: number, count: repeats.isEmpty ? 1 : repeats[maps.set(of: number)])
    }
  }

  /// Throws unless windows of a size can be cut from all maps.
  ///
  /// - Parameters:
  ///   - size: rows and columns of a window.
  ///   - step: what a window's sides have to be multiples of.
  ///   - key: the configuration's key that sets the size.
  public func requireWindows(of size: Int, step: Int, key: String) throws {
    guard min(maps.rows, maps.columns) < size else { return }
    let fitting = min(maps.rows, maps.columns) / step * step
    throw Fault(
      "the maps are smaller than what the network is trained at", at: "\(maps.path):/maps",
      expected: "\(size)x\(size) at least (\(key))", found: "\(maps.rows)x\(maps.columns)",
      hint: fitting > 0 ? "`\(key)=\(fitting)`" : "a network of fewer stages, with a smaller \(key)")
  }

  /// What a log's head says of them: files and sizes of the split.
  public var summary: String {
    "\(maps.path), \(split.training.count) maps to train on, \(split.test.count) held out"
      + (split.record.byEnvironment ? " (whole environments)" : "")
  }
}
