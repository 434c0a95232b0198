import CKernels

/// What random numbers are drawn for. The raw value is part of every file that a seed reproduces: never renumber.
public enum RandomPurpose: UInt8, Sendable {
  case initialisation = 1
  case dropout = 2
  case timestep = 3
  case noise = 4
  case shuffle = 5
  case split = 6
  case samplerStart = 7
  case samplerNoise = 8
  case magnification = 9
  case validation = 10
  case sensitivity = 12
  case symmetry = 13
  case window = 14
  case stations = 16
  case largeScaleFields = 17
  case smallScaleFields = 18
  case measurementPlaces = 20
  case city = 21
  case urbanVariety = 22
  case scene = 23
  case test = 255
}

/// Counter-based random numbers: Philox4x32-10 keyed by (seed, purpose, layer, sample, step), never by rank.
///
/// The same arguments give the same bits on every rank, thread and kind of node, so N ranks draw the very batch
/// that one rank draws.
public struct RandomStream: Sendable {
  /// The key.
  public let seed: UInt64
  private let stream: UInt32

  /// - Parameters:
  ///   - seed: the run's seed.
  ///   - purpose: what the numbers are for.
  ///   - layer: which layer, field or cluster (24 bits).
  public init(seed: UInt64, purpose: RandomPurpose, layer: Int = 0) {
    precondition((0..<(1 << 24)).contains(layer), "a layer number has 24 bits, got \(layer)")
    self.seed = seed
    self.stream = UInt32(purpose.rawValue) << 24 | UInt32(layer)
  }

  private func counter(_ sample: Int, _ step: Int) -> ck_counter {
    ck_counter(
      seed: seed, stream: stream, sample: UInt32(truncatingIfNeeded: sample),
      step: UInt32(truncatingIfNeeded: step))
  }

  /// Standard normal numbers; `firstBlock` skips four numbers a block.
  public func fillGaussian(
    _ out: UnsafeMutableBufferPointer<Float>, sample: Int = 0, step: Int = 0, firstBlock: Int = 0
  ) {
    ck_philox_gaussian(out.baseAddress, out.count, counter(sample, step), UInt32(firstBlock))
  }

  /// Uniform numbers on (0, 1).
  public func fillUniform(
    _ out: UnsafeMutableBufferPointer<Float>, sample: Int = 0, step: Int = 0, firstBlock: Int = 0
  ) {
    ck_philox_uniform(out.baseAddress, out.count, counter(sample, step), UInt32(firstBlock))
  }

  /// Raw 32-bit numbers.
  public func fillBits(
    _ out: UnsafeMutableBufferPointer<UInt32>, sample: Int = 0, step: Int = 0, firstBlock: Int = 0
  ) {
    ck_philox_bits(out.baseAddress, out.count, counter(sample, step), UInt32(firstBlock))
  }

  /// `count` standard normal numbers.
  public func gaussian(_ count: Int, sample: Int = 0, step: Int = 0) -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { buffer, filled in
      fillGaussian(UnsafeMutableBufferPointer(rebasing: buffer[..<count]), sample: sample, step: step)
      filled = count
    }
  }

  /// `count` uniform numbers on (0, 1).
  public func uniform(_ count: Int, sample: Int = 0, step: Int = 0) -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { buffer, filled in
      fillUniform(UnsafeMutableBufferPointer(rebasing: buffer[..<count]), sample: sample, step: step)
      filled = count
    }
  }

  /// `count` raw 32-bit numbers.
  public func bits(_ count: Int, sample: Int = 0, step: Int = 0) -> [UInt32] {
    [UInt32](unsafeUninitializedCapacity: count) { buffer, filled in
      fillBits(UnsafeMutableBufferPointer(rebasing: buffer[..<count]), sample: sample, step: step)
      filled = count
    }
  }

  /// A whole number in `0..<bound`, without modulo bias that matters (bound below 2^24).
  public func integer(below bound: Int, sample: Int = 0, step: Int = 0) -> Int {
    Int((UInt64(bits(1, sample: sample, step: step)[0]) * UInt64(bound)) >> 32)
  }

  /// A permutation of `0..<count` (Fisher-Yates).
  public func permutation(_ count: Int, step: Int = 0) -> [Int] {
    var order = Array(0..<count)
    guard count > 1 else { return order }
    let draws = bits(count, step: step)
    for last in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(last, Int((UInt64(draws[last]) * UInt64(last + 1)) >> 32))
    }
    return order
  }
}
