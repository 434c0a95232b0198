import CKernels
import Computing
import Tensors

/// Steps over flat arenas by Adam (Kingma and Ba 2015), AdamW (Loshchilov and Hutter 2019) where the decay is not 0, or
/// Muon (Jordan et al. 2024), or gradient descent with momentum.
///
/// Muon gives each matrix of weights a step whose singular values are all about 1, in the direction of its momentum, so
/// that rare directions count like common ones. Steps are scaled to be as large as Adam's usual ones, 0.2 times the
/// learning rate for each weight in the root mean square (Liu et al. 2025, "Muon is scalable for LLM training", eq. 4).
/// Kernels (`[rest, last axis]`) and matrices go that way; those with fewer than eight rows or columns,
/// depthwise kernels, tables, biases and vectors go by Adam, and statistics are left alone. Ranks may divide the work:
/// each finds the directions of some matrices, by cost, and all get them.
public final class Optimiser {
  /// The numbers of the rule.
  public struct Rule: Sendable, Equatable {
    /// What turns gradients into steps.
    public enum Kind: Sendable {
      /// All weights by Adam.
      case adam
      /// Matrices by Muon, the rest by Adam.
      case muon
      /// All weights by gradient descent with momentum, which the weight decay enters as a gradient, as in PyTorch.
      case descent
    }
    /// What turns gradients into steps.
    public var kind = Kind.adam
    /// Decay of the momentum of Muon and of descent.
    public var momentum: Double = 0.95
    /// Decay of Adam's first moment.
    public var beta1: Double = 0.9
    /// Decay of Adam's second moment.
    public var beta2: Double = 0.999
    /// Added to the root of the second moment.
    public var epsilon: Double = 1e-8
    /// Weight decay, decoupled but for descent, per step times the learning rate.
    public var weightDecay: Double = 0

    /// Adam's usual numbers.
    public init() {}
  }

  /// One rank of several that divide Muon's work.
  public struct Division {
    /// This rank.
    public var rank: Int
    /// How many ranks there are.
    public var size: Int
    /// Collective: makes every rank's part of a buffer known to all, in place; part r is rank r's.
    public var gather: (_ directions: UnsafeMutableBufferPointer<Float>, _ parts: [Range<Int>]) throws -> Void

    /// - Parameters:
    ///   - rank: this rank.
    ///   - size: how many ranks there are.
    ///   - gather: collective: makes every rank's part of a buffer known to all, in place.
    public init(
      rank: Int, size: Int, gather: @escaping (UnsafeMutableBufferPointer<Float>, [Range<Int>]) throws -> Void
    ) {
      self.rank = rank
      self.size = size
      self.gather = gather
    }
  }

  /// A parameter that goes by Muon: inputs (with their places) x outputs.
  private struct Matrix {
    let range: Range<Int>
    let rows: Int, columns: Int

    /// Nil for what goes by Adam whatever the rule.
    init?(_ parameter: Parameter, _ range: Range<Int>) {
      switch parameter.kind {
      case .kernel, .transposedKernel, .matrix: columns = parameter.shape[parameter.shape.count - 1]
      case .depthwiseKernel, .bias, .vector, .table, .statistic: return nil
      }
      rows = parameter.count / columns
      guard min(rows, columns) >= Optimiser.leastSide else { return nil }
      self.range = range
    }

    var scratch: Int { ck_polar_scratch(rows, columns) }

    /// Multiply-accumulates of its polar factor: a Gram matrix, a product with it, 17 products of its size; half of
    /// what is symmetric.
    var cost: Int {
      let few = min(rows, columns)
      return 3 * range.count * few / 2 + 17 * few * few * few / 2
    }
  }

  private static let leastSide = 8
  /// The root mean square of Adam's usual steps, in learning rates.
  private static let usualStep = 0.2

  /// The numbers of the rule.
  public let rule: Rule
  /// First moments, or momentum, laid out like the weights.
  public let first: Storage
  /// Second moments, laid out like the weights; the last directions of those that go by Muon.
  public let second: Storage
  /// Steps taken.
  public var stepCount = 0
  private let arena: ParameterArena
  private let division: Division
  /// What goes by Muon, in the order of the arena.
  private let matrices: [Matrix]
  /// The order in which directions are found: this rank's matrices by falling cost, then the others' momenta.
  private let order: [Int]
  /// Floats of working memory for any of this rank's matrices.
  private let room: Int
  /// Such memory of each thread.
  private var scratch: [Storage] = []
  /// The arena cut into each rank's part: what matrices it has.
  private let parts: [Range<Int>]
  /// What goes by Adam, or by descent, cut into blocks.
  private let blocks: [Range<Int>]

  /// - Parameters:
  ///   - arena: weights and gradients.
  ///   - rule: the numbers of the rule.
  ///   - division: how the ranks divide Muon's work; nil: all of it is done here.
  public init(_ arena: ParameterArena, rule: Rule, division: Division? = nil) {
    precondition(arena.gradients != nil, "an optimiser needs gradients")
    self.arena = arena
    self.rule = rule
    self.division = division ?? Division(rank: 0, size: 1) { _, _ in }
    first = Storage(zeroed: arena.count)
    second = Storage(zeroed: arena.count)
    let places = zip(arena.parameters, arena.ranges)
    matrices = rule.kind == .muon ? places.compactMap(Matrix.init) : []
    let statistics = places.filter { $0.0.kind.isStatistic }.map(\.1)
    let others = (matrices.map(\.range) + statistics).sorted { $0.lowerBound < $1.lowerBound }
    var blocks: [Range<Int>] = [], begin = 0
    for end in others + [arena.count..<arena.count] {
      blocks += arenaBlocks(begin..<end.lowerBound)
      begin = end.upperBound
    }
    self.blocks = blocks
    let parts = Self.parts(of: arena.count, matrices, ranks: self.division.size)
    self.parts = parts
    let own = parts[self.division.rank], costs = matrices.map { own.contains($0.range.lowerBound) ? $0.cost : 0 }
    room = matrices.filter { own.contains($0.range.lowerBound) }.map(\.scratch).max() ?? 0
    order = matrices.indices.sorted { (costs[$1], $0) < (costs[$0], $1) }
  }

  /// Cuts the arena between matrices, so that costs are about even.
  private static func parts(of count: Int, _ matrices: [Matrix], ranks: Int) -> [Range<Int>] {
    let total = matrices.reduce(0) { $0 + $1.cost }
    var begins = [0], before = 0
    for matrix in matrices {
      let owner = (2 * before + matrix.cost) * ranks / max(1, 2 * total)
      while begins.count <= min(owner, ranks - 1) { begins.append(matrix.range.lowerBound) }
      before += matrix.cost
    }
    begins += [Int](repeating: count, count: ranks + 1 - begins.count)
    return zip(begins, begins.dropFirst()).map { $0..<$1 }
  }

  /// Collective where ranks divide the work: one step.
  ///
  /// - Parameters:
  ///   - learningRate: the step size of this step.
  ///   - gradientScale: what gradients are multiplied by (clipping).
  ///   - threads: the rank's threads.
  /// - Throws: what the ranks' exchange of directions throws.
  public func step(learningRate: Double, gradientScale: Double = 1, threads: Threads) throws {
    guard let gradients = arena.gradients else { return }
    stepCount += 1
    if !matrices.isEmpty {
      findDirections(gradients, Float(gradientScale), threads)
      try division.gather(UnsafeMutableBufferPointer(start: second.base, count: arena.count), parts)
      descend(learningRate, threads)
    }
    guard rule.kind != .descent else { return descendAlongMomentum(gradients, learningRate, gradientScale, threads) }
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

  private func descendAlongMomentum(_ gradients: Storage, _ rate: Double, _ scale: Double, _ threads: Threads) {
    threads.run(blocks.count) { job, _ in
      let start = blocks[job].lowerBound
      ck_sgd_step(
        arena.weights.base + start, gradients.base + start, first.base + start, blocks[job].count, Float(scale),
        Float(rule.momentum), Float(rate), Float(rule.weightDecay))
    }
  }

  /// Every rank keeps every momentum, as it keeps the weights; the directions of others' matrices come later.
  private func findDirections(_ gradients: Storage, _ scale: Float, _ threads: Threads) {
    let own = parts[division.rank]
    while scratch.count < threads.count { scratch.append(Storage(zeroed: room)) }
    threads.run(matrices.count) { job, worker in
      let matrix = matrices[order[job]], start = matrix.range.lowerBound, direction = second.base + start
      ck_momentum_step(
        direction, first.base + start, gradients.base + start, matrix.range.count, scale, Float(rule.momentum))
      if own.contains(start) {
        ck_polar_factor(direction, matrix.rows, matrix.columns, scratch[worker].base)
      }
    }
  }

  private func descend(_ learningRate: Double, _ threads: Threads) {
    threads.run(matrices.count) { job, _ in
      let matrix = matrices[job], start = matrix.range.lowerBound
      // All singular values 1: the root mean square of the elements is 1 / sqrt(the longer side).
      let length = Self.usualStep * Double(max(matrix.rows, matrix.columns)).squareRoot()
      ck_descend(
        arena.weights.base + start, second.base + start, matrix.range.count, Float(learningRate * length),
        Float(learningRate * rule.weightDecay))
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
