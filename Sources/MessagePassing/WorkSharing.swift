import CMessagePassing
import Essentials
import Foundation

/// How large the pieces are into which numbered jobs are cut.
public struct PieceSize: Sendable {
  /// Jobs that this rank does at a time, such as one for each of its threads.
  public var least: Int
  /// The most jobs in a piece, such as memory allows.
  public var most: Int
  /// How long a piece should take [s]: what is lost when the job is killed.
  public var seconds: Double

  /// - Parameters:
  ///   - least: jobs that this rank does at a time.
  ///   - most: the most jobs in a piece.
  ///   - seconds: how long a piece should take.
  public init(least: Int, most: Int, seconds: Double) {
    self.least = max(1, least)
    self.most = max(1, least, most)
    self.seconds = seconds
  }
}

extension Communicator {
  /// What `handOut` sends its messages with.
  private static let workTag = highestTag
  /// Between looks at messages and signals [µs]: little beside a piece, and little work.
  private static let pause: Int32 = 1000

  /// Collective: hands numbered jobs out, piece by piece, to whichever rank is free.
  ///
  /// No rank waits for another but at the start and the end. Rank 0 works too, on a thread of its own, while the
  /// calling thread hands out. Which rank does which job depends on their speed, so a job must be a function of its
  /// number alone.
  /// - Parameters:
  ///   - jobs: the jobs; rank 0's are done.
  ///   - pieces: this rank's sizes.
  ///   - isStopped: asked now and then, on every rank; once it is so on one, the pieces in hand are ended and no
  ///     further ones begun.
  ///   - progress: called on rank 0 with the number of jobs done so far.
  ///   - body: the work on one piece; must not exchange messages. Nobody runs or holds it any more when the call is
  ///     over.
  /// - Returns: whether all jobs are done; else the work was stopped.
  /// - Throws: on all ranks the `Fault` that `body` threw on one, after the others have ended the pieces in hand.
  public func handOut(
    _ jobs: [Range<Int>], pieces: PieceSize, isStopped: () -> Bool = { false }, progress: (Int) -> Void = { _ in },
    _ body: @escaping @Sendable (Range<Int>) throws -> Void
  ) throws -> Bool {
    var finished: Bool?
    let failure: Fault?
    let local = try agree("start a worker") { isRoot ? try LocalWorker(Worker(pieces), body) : nil }
    if let local {
      finished = try serve(jobs, local.desk, isStopped, progress)
      failure = local.desk.failure
      local.end()
    } else {
      failure = try workRemotely(Worker(pieces), isStopped, body)
    }
    try agree("do a piece of the work") { if let failure { throw failure } }
    return try broadcast(value: finished)
  }

  private func workRemotely(
    _ start: Worker, _ isStopped: () -> Bool, _ body: (Range<Int>) throws -> Void
  ) throws -> Fault? {
    var worker = start
    while true {
      if isStopped() { worker.request.isLast = true }
      try send(worker.request.words, to: 0, tag: Self.workTag)
      let answer = try receive(Int64.self, from: 0, tag: Self.workTag).values
      let piece = Int(answer[0])..<Int(answer[1])
      guard !piece.isEmpty else { return worker.failure }
      worker.run(piece, body)
    }
  }

  private func serve(
    _ jobs: [Range<Int>], _ local: Desk, _ isStopped: () -> Bool, _ progress: (Int) -> Void
  ) throws -> Bool {
    var ledger = Ledger(jobs, workers: size)
    var active = size
    func answer(_ request: Request) -> Range<Int> {
      let piece = ledger.answer(request)
      if request.done > 0 { progress(ledger.done) }
      if piece.isEmpty { active -= 1 }
      return piece
    }
    while active > 0 {
      if isStopped() { ledger.stop() }
      var isIdle = true
      if let request = local.request() {
        local.answer(answer(request))
        isIdle = false
      }
      if size > 1, let envelope = try peek(tag: Self.workTag) {
        let request = Request(try receive(Int64.self, from: envelope.source, tag: envelope.tag).values)
        let piece = answer(request)
        try send(
          [Int64(piece.lowerBound), Int64(piece.upperBound)], to: envelope.source, tag: Self.workTag)
        isIdle = false
      }
      if isIdle { mp_sleep(Self.pause) }
    }
    return ledger.isFinished
  }
}

/// What a rank tells when it is free.
private struct Request {
  /// Jobs of the last piece that are done.
  var done = 0
  /// How many it would take next.
  var wanted: Int
  /// Fewer make no sense for it.
  let least: Int
  /// Whether nobody is to begin anything more: a failure, or a signal.
  var isLast = false

  init(_ pieces: PieceSize) {
    wanted = pieces.least
    least = pieces.least
  }

  init(_ words: [Int64]) {
    done = Int(words[0])
    wanted = Int(words[1])
    least = Int(words[2])
    isLast = words[3] != 0
  }

  var words: [Int64] { [Int64(done), Int64(wanted), Int64(least), isLast ? 1 : 0] }
}

/// One rank's side: does pieces, and finds out how large they should be.
private struct Worker {
  let pieces: PieceSize
  var request: Request
  var failure: Fault?

  init(_ pieces: PieceSize) {
    self.pieces = pieces
    request = Request(pieces)
  }

  mutating func run(_ piece: Range<Int>, _ body: (Range<Int>) throws -> Void) {
    let clock = ContinuousClock()
    let begin = clock.now
    if case .failure(let fault) = Communicator.outcome("do a piece of the work", { try body(piece) }) {
      failure = fault
      request.done = 0
      request.isLast = true
      return
    }
    request.done = piece.count
    let elapsed = (clock.now - begin) / .seconds(1)
    // Twice as many at most: the first pieces may have been quick by chance. Whole rounds of `least`.
    let paced = min(Double(2 * piece.count), pieces.seconds / elapsed * Double(piece.count))
    let rounds = Int(min(paced, Double(pieces.most)) / Double(pieces.least))
    request.wanted = max(1, rounds) * pieces.least
  }
}

/// Rank 0's books: what is to be done, and what is done.
private struct Ledger {
  private(set) var done = 0
  private var open: ArraySlice<Range<Int>>
  private var openCount: Int
  private let total: Int
  private let workers: Int
  private var isStopped = false

  init(_ jobs: [Range<Int>], workers: Int) {
    open = jobs.filter { !$0.isEmpty }[...]
    total = jobs.reduce(0) { $0 + $1.count }
    openCount = total
    self.workers = workers
  }

  var isFinished: Bool { done == total }

  mutating func stop() { isStopped = true }

  /// The next piece, empty when there is none. Pieces become smaller towards the end, so that all ranks end at about
  /// the same time.
  mutating func answer(_ request: Request) -> Range<Int> {
    done += request.done
    if request.isLast { isStopped = true }
    guard !isStopped, let first = open.first else { return 0..<0 }
    let fair = max(request.least, openCount / (2 * workers))
    let length = min(first.count, request.wanted, fair)
    let piece = first.lowerBound..<first.lowerBound + length
    open[open.startIndex] = piece.upperBound..<first.upperBound
    if length == first.count { open.removeFirst() }
    openCount -= length
    return piece
  }
}

/// Rank 0's own worker, on a thread of its own, since the calling thread hands out.
private final class LocalWorker {
  let desk: Desk
  private var thread: JoinedThread?

  init(_ worker: Worker, _ body: @escaping @Sendable (Range<Int>) throws -> Void) throws {
    let desk = Desk(worker)
    self.desk = desk
    thread = try JoinedThread("shared work") { desk.work(worker, body) }
  }

  deinit { end() }

  /// Returns when the piece in hand, if any, is done and the thread has ended.
  func end() {
    desk.answer(0..<0)
    thread?.join()
    thread = nil
  }
}

/// Where the worker's thread and the one that hands out meet.
private final class Desk: @unchecked Sendable {
  private let condition = NSCondition()
  // All three guarded by the condition.
  private var worker: Worker
  private var pending: Request?
  private var piece: Range<Int>?

  init(_ worker: Worker) { self.worker = worker }

  /// What the worker failed with.
  var failure: Fault? { condition.withLock { worker.failure } }

  /// The worker's request when it is free, once.
  func request() -> Request? {
    condition.withLock {
      defer { pending = nil }
      return pending
    }
  }

  /// The worker's next piece; an empty one ends it.
  func answer(_ next: Range<Int>) {
    condition.withLock { piece = next }
    condition.signal()
  }

  /// The worker's thread: one piece after the other, until it is given an empty one.
  func work(_ start: Worker, _ body: (Range<Int>) throws -> Void) {
    var own = start
    while let next = next(after: own) { own.run(next, body) }
  }

  private func next(after own: Worker) -> Range<Int>? {
    condition.lock()
    defer { condition.unlock() }
    worker = own
    pending = own.request
    while piece == nil { condition.wait() }
    defer { piece = nil }
    return piece.flatMap { $0.isEmpty ? nil : $0 }
  }
}
