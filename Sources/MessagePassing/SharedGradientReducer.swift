import CMessagePassing
import Essentials
import Foundation

/// Gradients in memory that the ranks of one node share, summed in place without a message.
///
/// Each rank adds up its own slice of every bucket, over all ranks' gradients in rank order, and writes the sums to all of
/// them: between two ranks a quarter of the memory traffic of messages, and nothing is copied by the kernel. A slice is
/// summed by the thread that calls `markReady`, `poll` or `finish`, when the bucket is complete on all ranks. With up to
/// two ranks the sums have the bits of the other reducers; with more, MPI adds in another order.
public final class SharedGradientReducer: GradientReducer {
  /// This rank's gradients; they live until the process ends.
  public let gradients: UnsafeMutableBufferPointer<Float>
  private let communicator: Communicator
  private let memory: OpaquePointer
  private let buckets: [Range<Int>]
  /// For each bucket, whether this rank has marked it and whether it has added up its slice.
  private var isMarked: [Bool], isSummed: [Bool]
  private var unsummed = 0
  private var rounds: UInt64 = 0
  private var isOpen = false
  /// How long `finish` took in the last reduction [s].
  public private(set) var lastWaitSeconds = 0.0
  /// How long this rank added up slices, and waited in `finish` for others, in the last reduction [s].
  public private(set) var lastTotalSeconds = 0.0

  /// Collective. Whether the ranks can share memory for their gradients: more than one, all on one node, which has room.
  ///
  /// - Parameters:
  ///   - communicator: the ranks.
  ///   - count: gradients of a rank.
  public static func isPossible(_ communicator: Communicator, count: Int) throws -> Bool {
    guard communicator.size > 1 else { return false }
    let bytes = communicator.size * count * MemoryLayout<Float>.stride
    let fits = freeBytes.map { $0 > bytes + bytes / 8 } ?? false
    let isLocal = communicator.localSize == communicator.size
    guard try communicator.allEqual(placeIdentity) else { return false }
    return try communicator.allReduce(fits && isLocal ? 1 : 0 as Int32, .minimum) == 1
  }

  /// Where Open MPI keeps memory that ranks share; containers often have 64 MB of it.
  static var place: String { String(cString: mp_shared_place()) }

  /// Tells one such place from another: containers may each have their own.
  private static var placeIdentity: UInt64 {
    var status = stat()
    return stat(place, &status) == 0 ? stableHash(Array("\(status.st_dev) \(status.st_ino)".utf8)) : 0
  }

  private static var freeBytes: Int? {
    var room = statvfs()
    guard statvfs(place, &room) == 0 else { return nil }
    return Int(clamping: room.f_bavail).multipliedReportingOverflow(by: Int(room.f_frsize)).partialValue
  }

  /// Throws where there is too little of it: Open MPI would let the other ranks wait for ever for the one that found out.
  private static func requireRoom(ranks: Int, count: Int, buckets: Int) throws {
    let page = 4096, reserve = 1 << 16
    let floats = (count * MemoryLayout<Float>.stride + page - 1) / page * page
    let needed = ranks * floats + 2 * buckets * 64 + page + reserve
    guard let free = freeBytes, free < needed else { return }
    func mebibytes(_ bytes: Int) -> String { String(format: "%.1f MiB", Double(bytes) / 1_048_576) }
    throw Fault(
      "there is too little memory that ranks share", at: place,
      expected: "\(mebibytes(needed)) for the gradients of \(ranks) ranks", found: "\(mebibytes(free)) free",
      hint: "`training.reducer=overlapped` needs none; a container is given more when it is started (Docker: shm-size)")
  }

  /// Collective: makes zeroed gradients on every rank.
  ///
  /// - Parameters:
  ///   - communicator: the ranks, all on one node.
  ///   - count: gradients of a rank.
  ///   - buckets: slices of them, the same list on every rank, none overlapping another.
  /// - Throws: `Fault` on every rank when they are not on one node, the lists differ or do not fit, or there is no room.
  public init(_ communicator: Communicator, count: Int, buckets: [Range<Int>]) throws {
    try communicator.agree("shared gradient reducer for \(count) gradients in buckets \(buckets)") {
      guard communicator.localSize == communicator.size else {
        throw Fault(
          "the ranks are on several nodes and share no memory", at: "gradient reducer",
          expected: "\(communicator.size) ranks on one node", found: "\(communicator.localSize) on this one",
          hint: "choose the overlapped reducer")
      }
      try ReductionQueue.validate(count, buckets, 1)
      try Self.requireRoom(ranks: communicator.size, count: count, buckets: buckets.count)
    }
    guard try communicator.allEqual(Self.placeIdentity) else {
      throw Fault(
        "the ranks share no memory", at: Self.place, expected: "one for all ranks",
        found: "several: ranks in containers of their own",
        hint: "`training.reducer=overlapped` needs none; or start mpirun inside one container")
    }
    self.communicator = communicator
    self.buckets = buckets
    var memory: OpaquePointer?
    let code = mp_shared_create(communicator.handle, count, 2 * buckets.count, &memory)
    try communicator.agree("make shared memory for gradients") {
      try communicator.check(code, "MPI_Win_allocate_shared")
    }
    guard let memory else { throw Fault("out of memory", at: "gradient reducer") }
    self.memory = memory
    gradients = UnsafeMutableBufferPointer(start: mp_shared_floats(memory, Int32(communicator.rank)), count: count)
    isMarked = [Bool](repeating: false, count: buckets.count)
    isSummed = isMarked
  }

  /// See `GradientReducer.begin()`.
  public func begin() throws {
    guard !isOpen else {
      throw Fault("a gradient reduction was begun before the last one was finished", at: "gradient reducer")
    }
    isOpen = true
    mp_enter_reduction()
    rounds += 1
    unsummed = buckets.count
    for bucket in buckets.indices { (isMarked[bucket], isSummed[bucket]) = (false, false) }
    lastTotalSeconds = 0
  }

  /// See `GradientReducer.markReady(bucket:)`.
  public func markReady(bucket: Int) {
    precondition(
      isOpen && !isMarked[bucket], "bucket \(bucket) is marked ready twice, or outside begin and finish")
    isMarked[bucket] = true
    mp_shared_count(memory, 2 * bucket)
    poll()
  }

  /// Adds up this rank's slice of each bucket that has become complete.
  public func poll() {
    guard isOpen, unsummed > 0 else { return }
    for bucket in buckets.indices where isMarked[bucket] && !isSummed[bucket] {
      guard mp_shared_read(memory, 2 * bucket) == rounds * UInt64(communicator.size) else { continue }
      let start = ContinuousClock.now
      let slice = slice(of: buckets[bucket])
      mp_shared_sum(memory, slice.lowerBound, slice.count)
      mp_shared_count(memory, 2 * bucket + 1)
      isSummed[bucket] = true
      unsummed -= 1
      lastTotalSeconds += (ContinuousClock.now - start) / .seconds(1)
    }
  }

  /// Collective: see `GradientReducer.finish(failure:)`.
  public func finish(failure: Fault?) throws {
    let start = ContinuousClock.now, summedBefore = lastTotalSeconds
    for bucket in buckets.indices where !isMarked[bucket] { markReady(bucket: bucket) }
    while !isComplete {
      poll()
      if !isComplete { mp_sleep(ReductionQueue.briefPause) }
    }
    isOpen = false
    mp_leave_reduction()
    lastWaitSeconds = (ContinuousClock.now - start) / .seconds(1)
    lastTotalSeconds = summedBefore + lastWaitSeconds
    try communicator.agree("reduce the gradients") { if let failure { throw failure } }
  }

  /// Whether all ranks have added up all their slices.
  private var isComplete: Bool {
    unsummed == 0
      && buckets.indices.allSatisfy { mp_shared_read(memory, 2 * $0 + 1) == rounds * UInt64(communicator.size) }
  }

  /// This rank's share of a bucket, cut at whole cache lines.
  private func slice(of bucket: Range<Int>) -> Range<Int> {
    func cut(_ rank: Int) -> Int {
      rank == communicator.size
        ? bucket.upperBound : bucket.lowerBound + bucket.count * rank / communicator.size / 16 * 16
    }
    return cut(communicator.rank)..<cut(communicator.rank + 1)
  }
}
