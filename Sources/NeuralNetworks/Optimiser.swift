import CKernels
import Tensors

/// Steps over flat arenas by Adam (Kingma and Ba 2015), AdamW (Loshchilov and Hutter 2019) where the decay is not 0, or
/// Muon (Jordan et al. 2024).
///
/// Muon gives each matrix of weights a step whose singular values are all about 1, in the direction of its momentum, so
/// that rare directions count like common ones. Steps are scaled to be as large as Adam's usual ones, 0.2 times the
/// learning rate for each weight in the root mean square (Liu et al. 2025, "Muon is scalable for LLM training", eq. 4).
/// Vectors, and matrices with fewer than eight rows or columns, go by Adam.
public final class Optimiser {
  /// The numbers of the rule.
  public struct Rule: Sendable, Equatable {
    /// Whether matrices go by Muon.
    public var isMuon = false
    /// Decay of Muon's momentum.
    public var momentum: Double = 0.95
    /// Decay of Adam's first moment.
    public var beta1: Double = 0.9
    /// Decay of Adam's second moment.
    public var beta2: Double = 0.999
    /// Added to the root of the second moment.
    public var epsilon: Double = 1e-8
    /// Decoupled weight decay, per step times the learning rate.
    public var weightDecay: Double = 0

    /// Adam's usual numbers.
    public init() {}
  }

  /// A step's numbers.
  private struct StepSize {
    let learningRate: Double
    let gradientScale: Double
  }

  private static let leastSide = 8
  /// The root mean square of Adam's usual steps, in learning rates.
  private static let usualStep = 0.2

  /// The numbers of the rule.
  public let rule: Rule
  /// First moments, or momentum, laid out like the weights.
  public let first: Storage
  /// Second moments, laid out like the weights; zeros where Muon has none.
  public let second: Storage
  /// Steps taken.
  public var stepCount = 0
  private let arena: ParameterArena
  /// Parameters that go by Muon, the largest first.
  private let matrices: [Int]
  /// What goes by Adam, cut into blocks.
  private let blocks: [Range<Int>]

  /// - Parameters:
  ///   - arena: weights and gradients.
  ///   - rule: the numbers of the rule.
  public init(_ arena: ParameterArena, rule: Rule) {
    precondition(arena.gradients != nil, "an optimiser needs gradients")
    self.arena = arena
    self.rule = rule
    first = Storage(zeroed: arena.count)
    second = Storage(zeroed: arena.count)
    let matrices = arena.parameters.indices.filter { index in
      let (rows, columns) = Self.sides(arena.parameters[index])
      return rule.isMuon && min(rows, columns) >= Self.leastSide
    }
    self.matrices = matrices.sorted { arena.ranges[$0].count > arena.ranges[$1].count }
    var blocks: [Range<Int>] = [], begin = 0
    for end in matrices.map({ arena.ranges[$0] }) + [arena.count..<arena.count] {
      blocks += arenaBlocks(begin..<end.lowerBound)
      begin = end.upperBound
    }
    self.blocks = blocks
  }

  /// A parameter as a matrix of inputs (with their places) x outputs.
  private static func sides(_ parameter: Parameter) -> (rows: Int, columns: Int) {
    guard parameter.shape.count > 1, let outputs = parameter.shape.last else { return (1, parameter.count) }
    return (parameter.count / outputs, outputs)
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
    let size = StepSize(learningRate: learningRate, gradientScale: gradientScale)
    threads.run(matrices.count) { job, _ in stepMatrix(matrices[job], gradients, size) }
    let correction1 = 1 - Self.power(rule.beta1, stepCount)
    let correction2 = 1 - Self.power(rule.beta2, stepCount)
    let numbers = ck_adam(
      gradient_scale: Float(gradientScale), beta1: Float(rule.beta1), beta2: Float(rule.beta2),
      epsilon: Float(rule.epsilon), step_size: Float(learningRate / correction1),
      root_correction: Float(1 / correction2.squareRoot()),
      decay: Float(learningRate * rule.weightDecay))
    threads.run(blocks.count) { job, _ in
      let start = blocks[job].lowerBound
      ck_adam_step(
        arena.weights.base + start, gradients.base + start, first.base + start, second.base + start,
        blocks[job].count, numbers)
    }
  }

  private func stepMatrix(_ index: Int, _ gradients: Storage, _ size: StepSize) {
    let range = arena.ranges[index]
    let (rows, columns) = Self.sides(arena.parameters[index])
    let direction = UnsafeMutableBufferPointer<Float>.allocate(capacity: range.count + ck_polar_scratch(rows, columns))
    defer { direction.deallocate() }
    guard let base = direction.baseAddress else { return }
    ck_momentum_step(
      base, first.base + range.lowerBound, gradients.base + range.lowerBound, range.count, Float(size.gradientScale),
      Float(rule.momentum))
    ck_polar_factor(base, rows, columns, base + range.count)
    // All singular values 1: the root mean square of the elements is 1 / sqrt(the longer side).
    let length = Self.usualStep * Double(max(rows, columns)).squareRoot()
    ck_descend(
      arena.weights.base + range.lowerBound, base, range.count, Float(size.learningRate * length),
      Float(size.learningRate * rule.weightDecay))
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

private func arenaBlocks(_ range: Range<Int>) -> [Range<Int>] {
  stride(from: range.lowerBound, to: range.upperBound, by: arenaBlock).map {
    $0..<min(range.upperBound, $0 + arenaBlock)
  }
}

private func eachBlock(
  _ count: Int, _ threads: Threads, _ body: (_ start: Int, _ count: Int) -> Void
) {
  let blocks = arenaBlocks(0..<count)
  threads.run(blocks.count) { job, _ in body(blocks[job].lowerBound, blocks[job].count) }
}
