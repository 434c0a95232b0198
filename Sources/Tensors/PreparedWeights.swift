import CKernels
import Computing

/// Weights in the form that convolutions multiply by, kept from one evaluation of a network to the next.
///
/// A sampler evaluates one network 20 to 1000 times: Winograd's transforms of its weights need only be made once. They
/// take four times the room of the weights, so there is a limit; what is met when it is reached is transformed anew every
/// time. Kept or not, the results are the same to the bit.
///
/// The weights must not change while a tape uses them: whoever trains makes no such object.
public final class PreparedWeights {
  /// The most that is kept [bytes].
  public let limitBytes: Int
  /// What is kept [bytes].
  public private(set) var heldBytes = 0
  /// How many layers' weights found no room.
  public var leftOut: Int { refused.count }
  private var held: [UnsafePointer<Float>: Storage] = [:]
  private var refused: Set<UnsafePointer<Float>> = []

  /// Nothing is kept yet.
  ///
  /// - Parameter limitBytes: the most that may be kept.
  public init(limitBytes: Int) { self.limitBytes = limitBytes }

  /// Nothing kept, and the rule for how much may be: half of what this machine has available, shared by `ranks`.
  public convenience init(ranksOnNode ranks: Int) {
    self.init(limitBytes: SystemMemory.availableBytes() / 2 / max(1, ranks))
  }

  /// The transformed weights of a Winograd product, made now if need be; nil where there is no room.
  func winograd(
    _ weights: UnsafePointer<Float>, _ plan: UnsafePointer<ck_winograd>, _ threads: Threads
  ) -> UnsafePointer<Float>? {
    if let known = held[weights] { return UnsafePointer(known.base) }
    let count = plan.pointee.transformed, bytes = count * MemoryLayout<Float>.stride
    guard heldBytes + bytes <= limitBytes else {
      refused.insert(weights)
      return nil
    }
    let storage = Storage(uninitialised: count)
    threads.run(ck_winograd_weight_jobs(plan)) { job, _ in
      ck_winograd_transform_weights(plan, weights, 0, storage.base, job)
    }
    held[weights] = storage
    heldBytes += bytes
    return UnsafePointer(storage.base)
  }
}
