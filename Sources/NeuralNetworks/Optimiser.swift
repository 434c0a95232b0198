import CKernels
import Tensors

/// Adam (Kingma and Ba 2015), or AdamW (Loshchilov and Hutter 2019) where the decay is not 0, over flat arenas.
public final class AdamOptimiser {
  /// The numbers of the rule.
  public struct Rule: Sendable, Equatable {
    /// Decay of the first moment.
    public var beta1: Double = 0.9
    /// Decay of the second moment.
    public var beta2: Double = 0.999
    /// Added to the root of the second moment.
    public var epsilon: Double = 1e-8
    /// Decoupled weight decay, per step times the learning rate.
    public var weightDecay: Double = 0

    /// Adam's usual numbers.
    public init() {}
  }

  /// The numbers of the rule.
  public let rule: Rule
  /// First moments, laid out like the weights.
  public let first: Storage
  /// Second moments, laid out like the weights.
  public let second: Storage
  /// Steps taken.
  public var stepCount = 0
  private let arena: ParameterArena

  /// - Parameters:
  ///   - arena: weights and gradients.
  ///   - rule: the numbers of the rule.
  public init(_ arena: ParameterArena, rule: Rule) {
    precondition(arena.gradients != nil, "an optimiser needs gradients")
    self.arena = arena
    self.rule = rule
    first = Storage(zeroed: arena.count)
    second = Storage(zeroed: arena.count)
  }

  /// One step, one pass over memory.
  ///
  /// - Parameters:
  ///   - learningRate: the step size of this step.
  ///   - gradientScale: what gradients are multiplied by (clipping).
  ///   - threads: the rank's threads.
  public func step(learningRate: Double, gradientScale: Double = 1, threads: Threads) {
    guard let gradients = arena.gradients else { return }
    stepCount += 1
    let correction1 = 1 - Self.power(rule.beta1, stepCount)
    let correction2 = 1 - Self.power(rule.beta2, stepCount)
    let numbers = ck_adam(
      gradient_scale: Float(gradientScale), beta1: Float(rule.beta1), beta2: Float(rule.beta2),
      epsilon: Float(rule.epsilon), step_size: Float(learningRate / correction1),
      root_correction: Float(1 / correction2.squareRoot()),
      decay: Float(learningRate * rule.weightDecay))
    eachBlock(arena.count, threads) { start, count in
      ck_adam_step(
        arena.weights.base + start, gradients.base + start, first.base + start,
        second.base + start, count, numbers)
    }
  }

  /// By squaring: neither libm nor the order of steps taken matters.
  private static func power(_ base: Double, _ exponent: Int) -> Double {
    var result = 1.0, square = base, rest = exponent
    while rest > 0 {
      if rest & 1 == 1 { result *= square }
      square *= square
      rest >>= 1
    }
    return result
  }
}

/// The exponential moving average of the weights, kept on rank 0.
public final class WeightAverage {
  /// The averaged weights, laid out like the model's.
  public let weights: Storage
  private let arena: ParameterArena

  /// An average that equals the weights as they are now.
  public init(_ arena: ParameterArena) {
    self.arena = arena
    weights = Storage(zeroed: arena.count)
    restart()
  }

  /// Sets the average to the present weights: what it is until averaging starts.
  public func restart() { weights.base.update(from: arena.weights.base, count: arena.count) }

  /// average += (1 - decay)(weights - average).
  public func update(decay: Double, threads: Threads) {
    eachBlock(arena.count, threads) { start, count in
      ck_average_step(
        weights.base + start, arena.weights.base + start, count, Float(1 - decay))
    }
  }
}

/// The norm of all gradients, in double; NaN or infinity where one is not finite.
public func gradientNorm(_ arena: ParameterArena, threads: Threads) -> Double {
  guard let gradients = arena.gradients else { return 0 }
  var partial = [Double](repeating: 0, count: (arena.count + arenaBlock - 1) / arenaBlock)
  partial.withUnsafeMutableBufferPointer { sums in
    eachBlock(arena.count, threads) { start, count in
      sums[start / arenaBlock] = ck_sum_of_squares(gradients.base + start, count)
    }
  }
  return partial.reduce(0, +).squareRoot()
}

/// Floats in a block of an arena pass; the cut does not depend on the number of threads.
private let arenaBlock = 1 << 16

private func eachBlock(
  _ count: Int, _ threads: Threads, _ body: (_ start: Int, _ count: Int) -> Void
) {
  threads.run((count + arenaBlock - 1) / arenaBlock) { job, _ in
    body(job * arenaBlock, min(arenaBlock, count - job * arenaBlock))
  }
}
