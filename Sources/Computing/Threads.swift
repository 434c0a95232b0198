import CKernels

/// The threads of one rank: numbered jobs, handed out as workers become free.
///
/// What a job computes must be a function of its number alone; then results are the same for any number of
/// threads.
public final class Threads: @unchecked Sendable {
  /// Debian's OpenBLAS has buffers for so many callers.
  public static let maximumCount = 64

  /// The number of workers, the calling thread counted.
  public let count: Int
  private let pool: OpaquePointer

  /// A pool of `count` workers (1...64), the calling thread counted.
  public init(count: Int) {
    precondition((1...Self.maximumCount).contains(count), "1...64 threads a rank, got \(count)")
    guard let pool = ck_pool_create(Int32(count)) else {
      fatalError("the system refused \(count) threads")
    }
    self.count = count
    self.pool = pool
  }

  deinit { ck_pool_destroy(pool) }

  /// Runs `body(job, worker)` for every job in `0..<jobs`; returns when all have ended.
  ///
  /// - Parameters:
  ///   - jobs: how many jobs.
  ///   - body: the work; `worker` is in `0..<count`. It must not call `run` itself.
  public func run(_ jobs: Int, _ body: (_ job: Int, _ worker: Int) -> Void) {
    withoutActuallyEscaping(body) { body in
      let work = Work(body)
      withExtendedLifetime(work) {
        ck_pool_run(
          pool, jobs,
          { context, job, worker in
            Unmanaged<Work>.fromOpaque(context!).takeUnretainedValue().body(job, Int(worker))
          }, Unmanaged.passUnretained(work).toOpaque())
      }
    }
  }

  /// The results of all elements, in their order, worked out on all workers.
  ///
  /// - Parameters:
  ///   - elements: each is a job.
  ///   - body: the work; it must not call `run` or `map` itself.
  public func map<Element, Result>(_ elements: [Element], _ body: (Element) -> Result) -> [Result] {
    var results = [Result?](repeating: nil, count: elements.count)
    results.withUnsafeMutableBufferPointer { out in
      // Each job writes its own element, and none writes the given ones.
      nonisolated(unsafe) let out = out
      run(elements.count) { job, _ in out[job] = body(elements[job]) }
    }
    return results.compactMap(\.self)
  }

  private final class Work {
    let body: (Int, Int) -> Void
    init(_ body: @escaping (Int, Int) -> Void) { self.body = body }
  }
}
