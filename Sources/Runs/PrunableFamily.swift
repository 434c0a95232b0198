import Tensors

/// A family whose trained networks can do without some of their layers (`ckm prune`).
public protocol PrunableFamily: ModelFamily {
  /// The configuration of what is left of a network.
  ///
  /// - Parameters:
  ///   - configuration: the network's; layers may have been taken away from it before.
  ///   - layers: names of prunable units of its outlines that go.
  static func pruned(
    _ configuration: RunConfiguration<Self>, without layers: Set<String>
  ) throws -> RunConfiguration<Self>

  /// Collective. The fixed sample over which layers are judged: a function of the data, the seed and the number of draws
  /// alone.
  ///
  /// - Parameters:
  ///   - run: the teacher.
  ///   - context: the data that it was trained on, ranks and threads.
  ///   - draws: how many draws of training samples.
  ///   - seed: keys them.
  /// - Throws: `Fault` on all ranks when these are other data.
  static func makeScan(
    _ run: TrainedRun<Self>, _ context: TaskContext, draws: Int, seed: UInt64
  ) throws -> any PruningScan<Model>
}

/// The draws over which layers are judged.
public protocol PruningScan<Model> {
  /// The networks.
  associatedtype Model
  /// How many draws there are.
  var count: Int { get }
  /// 64 bits that stand for all that the network is given.
  var hash: UInt64 { get }

  /// Runs the teacher on some draws.
  ///
  /// - Parameters:
  ///   - draws: which ones.
  ///   - layers: prunable layers, in the order of computation, before which the teacher's states are kept; none: they are
  ///     computed anew for every answer.
  func pass(_ draws: Range<Int>, keeping layers: [String]) -> any PruningPass<Model>
}

/// The teacher on some draws.
public protocol PruningPass<Model> {
  /// The networks.
  associatedtype Model
  /// What the teacher answers, `[draws, …]`.
  var answer: Tensor { get }
  /// The right answer, of the same shape.
  var target: Tensor { get }
  /// What the teacher answers without one of its layers.
  func answer(without layer: String) -> Tensor
  /// What another network answers.
  func answer(of other: Model) -> Tensor
}
