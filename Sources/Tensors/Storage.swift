import CKernels
import Computing
import Foundation

/// A buffer of floats; a pooled one goes back to its pool when the last tensor over it is gone.
public final class Storage {
  /// 64-byte aligned, uninitialised at first.
  public let base: UnsafeMutablePointer<Float>
  /// Number of floats.
  public let count: Int
  private let pool: StoragePool?
  private let isBorrowed: Bool

  fileprivate init(base: UnsafeMutablePointer<Float>, count: Int, pool: StoragePool?, isBorrowed: Bool = false) {
    self.base = base
    self.count = count
    self.pool = pool
    self.isBorrowed = isBorrowed
  }

  /// Memory of somebody else's that outlives the storage: gradients that ranks share.
  public convenience init(borrowing memory: UnsafeMutableBufferPointer<Float>) {
    guard let base = memory.baseAddress else { preconditionFailure("no memory to borrow") }
    self.init(base: base, count: memory.count, pool: nil, isBorrowed: true)
  }

  /// A zeroed buffer outside any pool, for what lives as long as the run: weights, moments.
  public convenience init(zeroed count: Int) {
    let base = StoragePool.allocate(floats: count)
    base.update(repeating: 0, count: count)
    self.init(base: base, count: count, pool: nil)
  }

  /// A buffer outside any pool that is about to be filled.
  convenience init(uninitialised count: Int) {
    self.init(base: StoragePool.allocate(floats: count), count: count, pool: nil)
  }

  deinit {
    if let pool {
      pool.recycle(base, count)
    } else if !isBorrowed {
      free(base)
    }
  }
}

/// Buffers that are used again: no page fault in steady state.
///
/// Sizes are rounded up to an eighth of a power of two, so that nearly equal requests share buffers. One thread
/// allocates and releases: the one that runs the tape.
public final class StoragePool {
  private var free: [Int: [UnsafeMutablePointer<Float>]] = [:]
  /// Bytes obtained from the system and not given back.
  public private(set) var heldBytes = 0

  /// An empty pool.
  public init() {}

  deinit { trim() }

  /// A buffer of at least `count` floats, uninitialised.
  public func buffer(_ count: Int) -> Storage {
    let size = Self.rounded(max(count, 16))
    if let base = free[size]?.popLast() { return Storage(base: base, count: size, pool: self) }
    heldBytes += size * MemoryLayout<Float>.stride
    return Storage(base: Self.allocate(floats: size), count: size, pool: self)
  }

  /// Gives unused buffers back to the system.
  public func trim() {
    for (size, buffers) in free {
      heldBytes -= size * buffers.count * MemoryLayout<Float>.stride
      buffers.forEach { Foundation.free($0) }
    }
    free = [:]
  }

  fileprivate func recycle(_ base: UnsafeMutablePointer<Float>, _ count: Int) {
    free[count, default: []].append(base)
  }

  private static func rounded(_ count: Int) -> Int {
    let step = max(16, (1 << (Int.bitWidth - 1 - count.leadingZeroBitCount)) / 8)
    return (count + step - 1) / step * step
  }

  fileprivate static func allocate(floats: Int) -> UnsafeMutablePointer<Float> {
    let bytes = max(floats, 1) * MemoryLayout<Float>.stride
    let isHuge = bytes >= 4 << 20
    var raw: UnsafeMutableRawPointer?
    guard posix_memalign(&raw, isHuge ? 2 << 20 : 64, bytes) == 0, let raw else {
      fatalError("out of memory: \(bytes) bytes asked for")
    }
    if isHuge { madvise(raw, bytes, Int32(MADV_HUGEPAGE)) }
    return raw.bindMemory(to: Float.self, capacity: floats)
  }
}

/// What one rank computes with: its threads and its pool of buffers.
public final class Engine {
  /// The rank's threads.
  public let threads: Threads
  /// The rank's buffers.
  public let pool = StoragePool()
  /// How convolutions may be computed.
  public let convolution: ConvolutionChoice

  /// - Parameters:
  ///   - threads: how many threads, the calling one counted (1...64).
  ///   - convolution: how convolutions may be computed.
  public convenience init(threads: Int, convolution: ConvolutionChoice = .automatic) {
    self.init(Threads(count: threads), convolution: convolution)
  }

  /// - Parameters:
  ///   - threads: the rank's threads.
  ///   - convolution: how convolutions may be computed.
  public init(_ threads: Threads, convolution: ConvolutionChoice = .automatic) {
    ck_gemm_prepare()
    self.convolution = convolution
    self.threads = threads
  }

  /// A new uninitialised contiguous tensor.
  public func tensor(_ shape: [Int]) -> Tensor {
    let count = shape.reduce(1, *)
    let storage = pool.buffer(count)
    return Tensor(storage: storage, base: storage.base, shape: shape, stride: shape.last ?? 1)
  }

  /// A new tensor of zeros.
  public func zeros(_ shape: [Int]) -> Tensor {
    let result = tensor(shape)
    result.base.update(repeating: 0, count: result.count)
    return result
  }

  /// A new tensor with given values.
  public func tensor(_ shape: [Int], _ values: [Float]) -> Tensor {
    precondition(values.count == shape.reduce(1, *), "\(shape) given \(values.count) values")
    let result = tensor(shape)
    values.withUnsafeBufferPointer { source in
      if let base = source.baseAddress { result.base.update(from: base, count: values.count) }
    }
    return result
  }

  /// The same values with nothing between neighbouring pixels, in a buffer of their own.
  func contiguousCopy(_ x: Tensor) -> Tensor {
    let copy = tensor(x.shape)
    blocks(x.pixels, of: rowsPerBlock(x.channels)) { range, _ in
      ck_copy_rows(
        copy.base + range.lowerBound * copy.stride, copy.stride, x.base + range.lowerBound * x.stride, x.stride,
        range.count, x.channels, 0)
    }
    return copy
  }

  /// Runs `body(range, worker)` over `count` items cut into blocks of `size`; the cut does not depend on the
  /// number of threads.
  func blocks(_ count: Int, of size: Int, _ body: (_ range: Range<Int>, _ worker: Int) -> Void) {
    threads.run((count + size - 1) / size) { job, worker in
      body(job * size..<min(count, (job + 1) * size), worker)
    }
  }
}
