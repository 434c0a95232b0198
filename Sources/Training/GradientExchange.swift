import Essentials
import MessagePassing
import NeuralNetworks
import Runs
import Tensors

/// Sums gradients over the ranks, bucket by bucket, as the tape completes them.
public final class GradientExchange {
  private let reducer: any GradientReducer
  private let buckets: GradientBuckets
  private let parameters: [Parameter]
  private var pending: [Int] = []
  private let sizes: [Int]
  private var failure: Fault?
  private let isAlone: Bool

  /// How the gradients get to the other ranks; never `automatic`.
  public let way: TrainingSection.Reducer

  /// Collective.
  ///
  /// - Parameters:
  ///   - arena: the gradients.
  ///   - wanted: how they get to the other ranks; `automatic` looks at the ranks' machines.
  ///   - bucketBytes: the least size of a bucket.
  ///   - hasSpareCore: whether a thread of its own may move messages.
  ///   - communicator: the ranks.
  /// - Throws: `Fault` on all ranks.
  public init(
    _ arena: ParameterArena, by wanted: TrainingSection.Reducer, bucketBytes: Int, hasSpareCore: Bool,
    communicator: Communicator
  ) throws {
    isAlone = communicator.size == 1
    parameters = arena.parameters
    buckets = Self.buckets(of: arena, bytes: bucketBytes)
    var sizes = [Int](repeating: 0, count: buckets.ranges.count)
    // Statistics have no gradients to wait for.
    for (bucket, parameter) in zip(buckets.bucketOfParameter, arena.parameters) where !parameter.kind.isStatistic {
      sizes[bucket] += 1
    }
    self.sizes = sizes
    guard let gradients = arena.gradients else {
      throw Fault("there are no gradients to sum", at: "training", expected: "a trained model")
    }
    let buffer = UnsafeMutableBufferPointer(start: gradients.base, count: arena.count)
    var way = wanted
    if way == .automatic {
      way = try SharedGradientReducer.isPossible(communicator, count: arena.count) ? .shared : .overlapped
    }
    self.way = way
    switch way {
    case .shared:
      let shared = try SharedGradientReducer(communicator, count: arena.count, buckets: buckets.ranges)
      arena.placeGradients(in: Storage(borrowing: shared.gradients))
      reducer = shared
    case .naive: reducer = try NaiveGradientReducer(communicator, arena: buffer, buckets: buckets.ranges)
    case .overlapped, .automatic:
      reducer = try OverlappedGradientReducer(
        communicator, arena: buffer, buckets: buckets.ranges, progress: hasSpareCore ? .thread : .polled)
    }
  }

  /// Buckets of whole parameters, the gaps between them included.
  ///
  /// - Parameters:
  ///   - arena: the parameters.
  ///   - bytes: the least size of a bucket.
  public static func buckets(of arena: ParameterArena, bytes: Int) -> GradientBuckets {
    let starts = arena.ranges.map(\.lowerBound) + [arena.count]
    return GradientBuckets(
      parameterCounts: zip(starts, starts.dropFirst()).map { $1 - $0 }, targetBytes: bytes)
  }

  /// Seconds that the last exchange kept the step waiting.
  public var lastWaitSeconds: Double { reducer.lastWaitSeconds }
  /// Seconds of it that backward hid.
  public var lastHiddenSeconds: Double { reducer.lastHiddenSeconds }
  /// Seconds that it took in all.
  public var lastTotalSeconds: Double { reducer.lastTotalSeconds }

  /// Runs the rank's part of a step between opening and closing the exchange.
  ///
  /// - Parameter body: computes all gradients; `watch` is to be called on the tape of the last backward.
  /// - Throws: on every rank, when the part of any rank failed.
  public func exchange(_ body: (_ watch: (Tape) -> Void) throws -> Void) throws {
    pending = sizes
    failure = nil
    try reducer.begin()
    do { try body(watch) } catch let fault as Fault { failure = fault } catch {
      failure = Fault("cannot compute the gradients", at: "training step", found: "\(error)")
    }
    try reducer.finish(failure: failure)
  }

  private func watch(_ tape: Tape) {
    guard !isAlone else { return }
    tape.onParameterReady = { [self] parameter in
      precondition(
        parameter.index < parameters.count && parameters[parameter.index] === parameter,
        "\(parameter.name) lies in another arena: freeze it")
      let bucket = buckets.bucketOfParameter[parameter.index]
      pending[bucket] -= 1
      if pending[bucket] == 0 { attempt { try reducer.markReady(bucket: bucket) } }
    }
    tape.betweenOperations = { [self] in attempt { try reducer.poll() } }
  }

  private func attempt(_ body: () throws -> Void) {
    do { try body() } catch {
      failure =
        failure ?? error as? Fault
        ?? Fault("cannot sum gradients", at: "message passing", found: "\(error)")
    }
  }
}
