import CMessagePassing
import Essentials
import Foundation

/// Buckets on their way through `MPI_Iallreduce`, launched in list order, a few in flight at a time.
///
/// Not synchronised: the reducer sees to it that one thread at a time uses it.
final class ReductionQueue: @unchecked Sendable {
  /// Between tests while this rank only waits: an exchange has several rounds, each moved on by a test [µs].
  static let briefPause: Int32 = 20

  private struct Piece {
    let start: UnsafeMutablePointer<Float>
    let count: Int
  }

  private let communicator: Communicator
  private let requests: OpaquePointer
  private let requestLimit: Int
  /// What the calls are given, in order: a bucket, or a part of one that is above MPI's int counts.
  private let pieces: [Piece]
  /// How many pieces the buckets up to each one have.
  private let piecesThrough: [Int]
  private var isReady: [Bool]
  private var readyBuckets = 0
  private var launched = 0
  private var completed = 0
  private var isOpen = false
  private var busySince = ContinuousClock.now
  /// How long sums were in flight since the reduction was opened [s].
  private(set) var totalSeconds = 0.0

  /// Pieces that may be launched.
  var available: Int { readyBuckets == 0 ? 0 : piecesThrough[readyBuckets - 1] }
  var isDone: Bool { completed == pieces.count }
  var isIdle: Bool { launched == completed && launched == available }

  /// Collective: nil for one rank, which has nothing to reduce.
  static func make(
    _ communicator: Communicator, _ arena: UnsafeMutableBufferPointer<Float>, _ buckets: [Range<Int>],
    _ requestLimit: Int
  ) throws -> ReductionQueue? {
    let call =
      "gradient reducer for \(arena.count) gradients in buckets \(buckets), \(requestLimit) in flight"
    try communicator.agree(call) { try validate(arena.count, buckets, requestLimit) }
    guard communicator.size > 1 else { return nil }
    return try ReductionQueue(communicator, arena, buckets, requestLimit)
  }

  static func validate(_ count: Int, _ buckets: [Range<Int>], _ requestLimit: Int) throws {
    let sorted = buckets.filter { !$0.isEmpty }.sorted { $0.lowerBound < $1.lowerBound }
    let overlap = zip(sorted, sorted.dropFirst()).contains { $0.upperBound > $1.lowerBound }
    let inside = buckets.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= count }
    guard inside, !overlap, requestLimit >= 1 else {
      throw Fault(
        "the gradient buckets do not fit", at: "gradient reducer",
        expected: "slices within 0..<\(count) that do not overlap, at least 1 request in flight",
        found: "\(buckets), \(requestLimit) in flight")
    }
  }

  private init(
    _ communicator: Communicator, _ arena: UnsafeMutableBufferPointer<Float>, _ buckets: [Range<Int>],
    _ requestLimit: Int
  ) throws {
    self.communicator = try communicator.duplicate()
    self.requestLimit = requestLimit
    let chunk = mp_chunk()
    var pieces: [Piece] = []
    var piecesThrough: [Int] = []
    for bucket in buckets {
      for start in stride(from: bucket.lowerBound, to: bucket.upperBound, by: chunk) {
        pieces.append(
          Piece(start: arena.baseAddress! + start, count: min(chunk, bucket.upperBound - start)))
      }
      piecesThrough.append(pieces.count)
    }
    self.pieces = pieces
    self.piecesThrough = piecesThrough
    isReady = [Bool](repeating: false, count: buckets.count)
    guard let requests = mp_requests_create(Int32(requestLimit)) else {
      throw Fault("out of memory", at: "gradient reducer")
    }
    self.requests = requests
  }

  // Sums in flight still write to their requests' places: after an error these are left to the end of the process.
  deinit { if !isOpen { mp_requests_destroy(requests) } }

  func open() throws {
    guard !isOpen else {
      throw Fault("a gradient reduction was begun before the last one was finished", at: "gradient reducer")
    }
    isOpen = true
    mp_enter_reduction()
    for bucket in isReady.indices { isReady[bucket] = false }
    readyBuckets = 0
    launched = 0
    completed = 0
    totalSeconds = 0
  }

  func markReady(_ bucket: Int) {
    precondition(
      isOpen && !isReady[bucket], "bucket \(bucket) is marked ready twice, or outside begin and finish")
    isReady[bucket] = true
    while readyBuckets < isReady.count, isReady[readyBuckets] { readyBuckets += 1 }
  }

  func markAllReady() { readyBuckets = isReady.count }

  /// Launches what is ready and tests what is in flight, once, without waiting.
  ///
  /// - Returns: whether anything was launched or has ended.
  @discardableResult
  func advance() throws -> Bool { try advance(upTo: available) }

  func advance(upTo available: Int) throws -> Bool {
    let before = launched
    while launched < available, launched - completed < requestLimit {
      if launched == completed { busySince = .now }
      let piece = pieces[launched]
      try communicator.check(
        mp_requests_start_sum(requests, communicator.handle, piece.start, piece.count), "MPI_Iallreduce")
      launched += 1
    }
    guard launched > completed else { return launched > before }
    var ended: Int32 = 0
    try communicator.check(mp_requests_test(requests, &ended), "MPI_Testsome")
    completed += Int(ended)
    if launched == completed { totalSeconds += (ContinuousClock.now - busySince) / .seconds(1) }
    return ended > 0 || launched > before
  }

  /// Advances until all that is ready has ended.
  func drain() throws {
    while completed < available {
      if try !advance() { mp_sleep(Self.briefPause) }
    }
  }

  /// Collective: ends the reduction and agrees on how it went.
  func close(failure: Fault?) throws {
    mp_leave_reduction()
    isOpen = false
    try communicator.agree("reduce the gradients") { if let failure { throw failure } }
  }
}
