import CKernels
import Computing

/// Which dropout: its rate, and the layer that keys its random numbers.
public struct Dropout: Sendable {
  /// The probability that a value is zeroed.
  public var rate: Float
  /// The layer's number, part of the random counter.
  public var layer: Int

  /// - Parameters:
  ///   - rate: the probability that a value is zeroed, in 0..<1.
  ///   - layer: the layer's number, part of the random counter.
  public init(rate: Float, layer: Int) {
    self.rate = rate
    self.layer = layer
  }
}

/// One byte a value: 1 kept, 0 dropped.
struct DropoutMask {
  private let storage: Storage
  let keepScale: Float
  var base: UnsafePointer<UInt8> {
    UnsafeRawPointer(storage.base).assumingMemoryBound(to: UInt8.self)
  }

  /// Drawn for `[N, pixels, channels]` values from (seed, layer, sample, step) alone.
  init(_ dropout: Dropout, keys: DropoutKeys, perSample: Int, engine: Engine) {
    precondition((0..<1).contains(dropout.rate), "dropout rate \(dropout.rate)")
    let storage = engine.pool.buffer((keys.samples.count * perSample + 3) / 4)
    let stream = RandomStream(seed: keys.seed, purpose: .dropout, layer: dropout.layer)
    let threshold = UInt32(Double(dropout.rate) * 4_294_967_296)
    let block = 16384, blocks = (perSample + block - 1) / block
    engine.threads.run(keys.samples.count * blocks) { job, _ in
      let n = job / blocks, first = job % blocks * block, count = min(block, perSample - first)
      let mask = UnsafeMutableRawPointer(storage.base).assumingMemoryBound(to: UInt8.self)
      withUnsafeTemporaryAllocation(of: UInt32.self, capacity: block) { bits in
        stream.fillBits(
          UnsafeMutableBufferPointer(rebasing: bits[..<count]), sample: keys.samples[n],
          step: keys.step, firstBlock: first / 4)
        ck_dropout_mask(mask + n * perSample + first, bits.baseAddress, threshold, count)
      }
    }
    self.storage = storage
    self.keepScale = 1 / (1 - dropout.rate)
  }
}

extension Tape {
  /// Group norm (Wu and He 2018), then Swish, then dropout, as one pass over memory.
  ///
  /// - Parameters:
  ///   - x: `[N, H, W, C]`.
  ///   - weight: gamma, `[C]`.
  ///   - bias: beta, `[C]`.
  ///   - groups: divides C.
  ///   - epsilon: added to the variance.
  ///   - swish: whether y = z sigmoid(z) follows.
  ///   - dropout: active while the tape has `dropoutKeys`.
  public func groupNorm(
    _ x: Variable, weight: Parameter, bias: Parameter, groups: Int, epsilon: Float = 1e-5,
    swish: Bool, dropout: Dropout? = nil
  ) -> Variable {
    let input = x.value
    precondition(input.channels % groups == 0, "\(groups) groups, \(input.channels) channels")
    guard input.batch > 0 else { return nothing(input.shape, inputs: [x], parameters: [weight, bias]) }
    var mask: DropoutMask?
    if let dropout, let dropoutKeys, dropout.rate > 0 {
      precondition(dropoutKeys.samples.count == input.batch, "a dropout key for every sample")
      mask = DropoutMask(
        dropout, keys: dropoutKeys, perSample: input.pixelsPerSample * input.channels,
        engine: engine)
    }
    let y = engine.tensor(input.shape)
    let kernels = GroupNormKernels(
      input: input, groups: groups, epsilon: epsilon, gamma: weight.weights, beta: bias.weights,
      swish: swish, engine: engine, mask: mask, into: y)
    let (weightGradient, biasGradient) = (gradient(of: weight), gradient(of: bias))
    return output(
      y, inputs: [x], parameters: [weight, bias], work: .init(passes: 3, over: input.count),
      backwardWork: .init(passes: 5, over: input.count)
    ) { [engine, mask] dy in
      let sums = kernels.gradientSums(dy, mask)  // [N, 2, C]
      let c = input.channels
      for n in 0..<input.batch {
        let row = sums.base + n * 2 * c
        if let gradient = biasGradient { ck_copy_rows(gradient.base, c, row, c, 1, c, 1) }
        if let gradient = weightGradient { ck_copy_rows(gradient.base, c, row + c, c, 1, c, 1) }
      }
      if x.needsGradient {
        let (dx, accumulate) = x.gradientDestination(engine)
        kernels.inputGradient(dy, sums, mask, into: dx, accumulate: accumulate)
      }
    }
  }
}

/// Statistics of one group norm, and its passes.
private struct GroupNormKernels {
  let input: Tensor
  let groups: Int
  let gamma: UnsafePointer<Float>
  let swish: Bool
  let engine: Engine
  /// `[N, 4, C]`: a = gamma rstd, b = beta - mean a, mean, rstd.
  let affine: Tensor
  private let block: Int, blocks: Int

  /// Computes the statistics and y. Samples go in groups that a cache holds, so that values come from memory once.
  init(
    input: Tensor, groups: Int, epsilon: Float, gamma: UnsafePointer<Float>,
    beta: UnsafePointer<Float>, swish: Bool, engine: Engine, mask: DropoutMask?, into y: Tensor
  ) {
    self.input = input
    self.groups = groups
    self.gamma = gamma
    self.swish = swish
    self.engine = engine
    let c = input.channels
    block = rowsPerBlock(c)
    blocks = (input.pixelsPerSample + block - 1) / block
    affine = engine.tensor([input.batch, 4, c])
    let partial = engine.pool.buffer(input.batch * blocks * 2 * c * 2)
    let together = max(1, (1 << 20) / (input.pixelsPerSample * c))
    for first in stride(from: 0, to: input.batch, by: together) {
      let samples = first..<min(input.batch, first + together)
      UnsafeMutableRawPointer(partial.base).withMemoryRebound(
        to: Double.self, capacity: input.batch * blocks * 2 * c
      ) { computeStatistics(samples, sums: $0, epsilon: epsilon, beta: beta) }
      apply(samples, mask, into: y)
    }
  }

  /// The affine maps of some samples; `sums` is `[N, blocks, 2, C]`.
  private func computeStatistics(
    _ samples: Range<Int>, sums: UnsafeMutablePointer<Double>, epsilon: Float, beta: UnsafePointer<Float>
  ) {
    let c = input.channels, pixels = input.pixelsPerSample
    eachBlock(samples) { n, first, count in
      ck_norm_sums(
        sums + (n * blocks + first / block) * 2 * c, input.sample(n) + first * input.stride, input.stride,
        input.sample(n), count, c)
    }
    for n in samples {
      let own = sums + n * blocks * 2 * c
      for block in 1..<max(1, blocks) {
        for i in 0..<2 * c { own[i] += own[block * 2 * c + i] }
      }
      Self.finish(
        own, shift: input.sample(n), pixels: pixels, channels: c, groups: groups,
        epsilon: epsilon, gamma: gamma, beta: beta, out: affine.base + n * 4 * c)
    }
  }

  /// Channel sums about a shift -> group mean and deviation -> per-channel affine map.
  private static func finish(
    _ sums: UnsafePointer<Double>, shift: UnsafePointer<Float>, pixels: Int, channels c: Int,
    groups: Int, epsilon: Float, gamma: UnsafePointer<Float>, beta: UnsafePointer<Float>,
    out: UnsafeMutablePointer<Float>
  ) {
    let width = c / groups, count = Double(pixels)
    for group in 0..<groups {
      let members = group * width..<(group + 1) * width
      let mean =
        members.reduce(0.0) { $0 + Double(shift[$1]) + sums[$1] / count } / Double(width)
      // Sum over a channel of (x - mean)^2, from its sums about the shift.
      let square = members.reduce(0.0) { total, i in
        let offset = Double(shift[i]) - mean
        return total + sums[c + i] + 2 * offset * sums[i] + count * offset * offset
      }
      let variance = max(0, square / (count * Double(width)))
      let rstd = 1 / (variance + Double(epsilon)).squareRoot()
      for i in members {
        out[i] = Float(Double(gamma[i]) * rstd)
        out[c + i] = Float(Double(beta[i]) - mean * Double(gamma[i]) * rstd)
        out[2 * c + i] = Float(mean)
        out[3 * c + i] = Float(rstd)
      }
    }
  }

  private func apply(_ samples: Range<Int>, _ mask: DropoutMask?, into y: Tensor) {
    let c = input.channels
    eachBlock(samples) { n, first, count in
      let row = affine.base + n * 4 * c
      ck_norm_apply(
        y.sample(n) + first * y.stride, y.stride, input.sample(n) + first * input.stride,
        input.stride, row, row + c, bytes(mask, n, first), mask?.keepScale ?? 1, swish ? 1 : 0,
        count, c)
    }
  }

  /// `[N, 2, C]`: the gradients of beta and of gamma, sample by sample.
  func gradientSums(_ dy: Tensor, _ mask: DropoutMask?) -> Tensor {
    let c = input.channels
    let partial = engine.tensor([input.batch, blocks, 2 * c])
    eachBlock(0..<input.batch) { n, first, count in
      let row = affine.base + n * 4 * c
      ck_norm_gradient_sums(
        partial.base + (n * blocks + first / block) * 2 * c, dy.sample(n) + first * dy.stride,
        dy.stride, input.sample(n) + first * input.stride, input.stride, row, row + c, row + 2 * c,
        row + 3 * c, bytes(mask, n, first), mask?.keepScale ?? 1, swish ? 1 : 0, count, c)
    }
    let sums = engine.tensor([input.batch, 2, c])
    for n in 0..<input.batch {
      ck_channel_sums(
        sums.base + n * 2 * c, partial.base + n * blocks * 2 * c, 2 * c, blocks, 2 * c)
    }
    return sums
  }

  /// dx = a dz - rstd/m (S1 + xhat S2), with S1, S2 the sums over the group of gamma dz and gamma dz xhat.
  func inputGradient(
    _ dy: Tensor, _ sums: Tensor, _ mask: DropoutMask?, into dx: Tensor, accumulate: Bool
  ) {
    let c = input.channels, width = c / groups
    let members = Double(input.pixelsPerSample * width)
    let terms = engine.tensor([input.batch, 2, c])
    for n in 0..<input.batch {
      let sum = sums.base + n * 2 * c, rstd = affine.base + n * 4 * c + 3 * c
      for group in 0..<groups {
        var first = 0.0, second = 0.0
        for i in group * width..<(group + 1) * width {
          first += Double(gamma[i]) * Double(sum[i])
          second += Double(gamma[i]) * Double(sum[c + i])
        }
        for i in group * width..<(group + 1) * width {
          let scale = Double(rstd[i]) / members
          terms.base[n * 2 * c + i] = Float(scale * first)
          terms.base[n * 2 * c + c + i] = Float(scale * second * Double(rstd[i]))
        }
      }
    }
    eachBlock(0..<input.batch) { n, first, count in
      let row = affine.base + n * 4 * c, term = terms.base + n * 2 * c
      ck_norm_gradient(
        dx.sample(n) + first * dx.stride, dx.stride, dy.sample(n) + first * dy.stride, dy.stride,
        input.sample(n) + first * input.stride, input.stride, row, row + c, row + 2 * c, term,
        term + c, bytes(mask, n, first), mask?.keepScale ?? 1, swish ? 1 : 0, accumulate ? 1 : 0,
        count, c)
    }
  }

  private func eachBlock(
    _ samples: Range<Int>, _ body: (_ sample: Int, _ first: Int, _ count: Int) -> Void
  ) {
    let pixels = input.pixelsPerSample
    engine.threads.run(samples.count * blocks) { job, _ in
      let first = job % blocks * block
      body(samples.lowerBound + job / blocks, first, min(block, pixels - first))
    }
  }

  private func bytes(_ mask: DropoutMask?, _ n: Int, _ first: Int) -> UnsafePointer<UInt8>? {
    mask.map { $0.base + (n * input.pixelsPerSample + first) * input.channels }
  }
}
