import CKernels

/// Where batch norms have their statistics from while a network learns: from the samples of all ranks, so that any number
/// of ranks computes what one would.
///
/// The running statistics are parameters of the network that somebody may be reading while the next pass goes on: what
/// passes have seen is kept here until `updateRunningStatistics` is called.
public final class BatchStatistics {
  /// Number, mean and summed squared deviation of each channel's values.
  struct Moments {
    var count: Double
    var mean: [Double]
    var squares: [Double]

    /// Joins those of other values (Chan, Golub and LeVeque 1979).
    mutating func merge(_ other: ArraySlice<Double>) {
      let channels = mean.count, start = other.startIndex + 1, more = other[other.startIndex]
      guard more > 0 else { return }
      let total = count + more
      for c in 0..<channels {
        let difference = other[start + c] - mean[c]
        mean[c] += difference * more / total
        squares[c] += other[start + channels + c] + difference * difference * count * more / total
      }
      count = total
    }
  }

  private let rank: Int, size: Int
  private let gather: (UnsafeMutableBufferPointer<Double>) -> Void
  private var seen: [(mean: Parameter, variance: Parameter, moments: Moments)] = []

  /// - Parameters:
  ///   - rank: this rank.
  ///   - size: how many ranks there are.
  ///   - gather: collective: makes every rank's part of a buffer, all equally long, known to all, in place.
  public init(rank: Int = 0, size: Int = 1, gather: @escaping (UnsafeMutableBufferPointer<Double>) -> Void = { _ in }) {
    (self.rank, self.size, self.gather) = (rank, size, gather)
  }

  /// Moves the running means and variances that passes had by what these have seen since the last time, pass by pass:
  /// by `momentum` of the difference, the variance being the unbiased one. The same on every rank.
  public func updateRunningStatistics(momentum: Double = 0.1) {
    for (mean, variance, moments) in seen {
      for c in moments.mean.indices {
        func move(_ value: inout Float, to target: Double) { value += Float(momentum * (target - Double(value))) }
        move(&mean.weights[c], to: moments.mean[c])
        move(&variance.weights[c], to: moments.squares[c] / max(1, moments.count - 1))
      }
    }
    seen = []
  }

  /// Every rank's numbers, in rank order.
  private func all(_ own: [Double]) -> [Double] {
    var all = [Double](repeating: 0, count: size * own.count)
    all.replaceSubrange(rank * own.count..<(rank + 1) * own.count, with: own)
    all.withUnsafeMutableBufferPointer { gather($0) }
    return all
  }

  /// Collective: the moments of all ranks' values.
  func merged(_ own: Moments, for mean: Parameter, _ variance: Parameter) -> Moments {
    let channels = own.mean.count, width = 2 * channels + 1
    let parts = all([own.count] + own.mean + own.squares)
    var moments = Moments(count: 0, mean: own.mean.map { _ in 0 }, squares: own.mean.map { _ in 0 })
    for rank in 0..<size { moments.merge(parts[rank * width..<(rank + 1) * width]) }
    seen.append((mean, variance, moments))
    return moments
  }

  /// Collective: sums over the ranks, in rank order.
  func sum(_ own: [Double]) -> [Double] {
    let parts = all(own)
    return own.indices.map { i in (0..<size).reduce(0) { $0 + parts[$1 * own.count + i] } }
  }
}

extension Tape {
  /// Batch norm (Ioffe and Szegedy 2015) over all but the channels. Where the tape has `batchStatistics`, with the mean and
  /// biased variance of the global batch, through which gradients flow; else with the running ones, which are constants.
  ///
  /// Collective where it has them, forward and backward; a rank without samples takes part.
  ///
  /// - Parameters:
  ///   - x: `[N, H, W, C]`.
  ///   - weight: gamma, `[C]`.
  ///   - bias: beta, `[C]`.
  ///   - mean: the running mean, `[C]`.
  ///   - variance: the running variance, `[C]`.
  ///   - epsilon: added to the variance.
  public func batchNorm(
    _ x: Variable, weight: Parameter, bias: Parameter, mean: Parameter, variance: Parameter, epsilon: Double = 1e-5
  ) -> Variable {
    let input = x.value, y = engine.tensor(input.shape), statistics = batchStatistics
    var kernels = BatchNormKernels(input: input, engine: engine)
    let moments = statistics?.merged(kernels.moments(), for: mean, variance)
    kernels.setAffine(weight, bias, epsilon: epsilon) { c in
      guard let moments else { return (Double(mean.weights[c]), Double(variance.weights[c])) }
      return (moments.mean[c], moments.squares[c] / moments.count)
    }
    kernels.apply(into: y)
    let (weightGradient, biasGradient) = (gradient(of: weight), gradient(of: bias))
    return output(
      y, inputs: [x], parameters: [weight, bias], work: .init(passes: 3, over: input.count),
      backwardWork: .init(passes: 5, over: input.count)
    ) { [kernels] dy in
      let sums = kernels.gradientSums(dy), channels = input.channels  // [2, C]: this rank's gradients of beta and gamma
      for (gradient, first) in [(biasGradient, 0), (weightGradient, channels)] {
        guard let gradient else { continue }
        for c in 0..<channels { gradient.base[c] += Float(sums[first + c]) }
      }
      guard x.needsGradient else { return }
      let (dx, accumulate) = x.gradientDestination(kernels.engine)
      let shares = moments.flatMap { all in statistics?.sum(sums).map { $0 / all.count } }
      kernels.inputGradient(dy, shares ?? sums.map { _ in 0 }, into: dx, accumulate: accumulate)
    }
  }
}

/// The passes of one batch norm.
private struct BatchNormKernels {
  let input: Tensor
  let engine: Engine
  /// `[4, C]`: a = gamma rstd, b = beta - mean a, mean, rstd.
  private let affine: Tensor
  private let rows: Int

  init(input: Tensor, engine: Engine) {
    (self.input, self.engine) = (input, engine)
    affine = engine.tensor([4, input.channels])
    rows = rowsPerBlock(input.channels)
  }

  private var blockCount: Int { (input.pixels + rows - 1) / rows }

  /// Sums of numbers that each block of pixels gives, in the blocks' order.
  private func sums<Number: BinaryFloatingPoint>(
    _ zero: Number, _ body: (_ block: UnsafeMutablePointer<Number>, _ first: Int, _ count: Int) -> Void
  ) -> [Double] {
    let width = 2 * input.channels
    var parts = [Number](repeating: zero, count: blockCount * width)
    parts.withUnsafeMutableBufferPointer { parts in
      guard let base = parts.baseAddress else { return }
      engine.blocks(input.pixels, of: rows) { range, _ in
        body(base + range.lowerBound / rows * width, range.lowerBound, range.count)
      }
    }
    var total = [Double](repeating: 0, count: width)
    for block in 0..<blockCount {
      for i in 0..<width { total[i] += Double(parts[block * width + i]) }
    }
    return total
  }

  /// Those of this rank's values, by sums about the first pixel.
  func moments() -> BatchStatistics.Moments {
    let channels = input.channels, count = Double(input.pixels)
    guard count > 0 else {
      return .init(count: 0, mean: .init(repeating: 0, count: channels), squares: .init(repeating: 0, count: channels))
    }
    let sums = sums(0.0) { block, first, count in
      ck_norm_sums(block, input.base + first * input.stride, input.stride, input.base, count, channels)
    }
    return .init(
      count: count, mean: (0..<channels).map { Double(input.base[$0]) + sums[$0] / count },
      squares: (0..<channels).map { max(0, sums[channels + $0] - sums[$0] * sums[$0] / count) })
  }

  /// Sets what the passes multiply by and add.
  mutating func setAffine(
    _ weight: Parameter, _ bias: Parameter, epsilon: Double, _ moments: (_ channel: Int) -> (Double, Double)
  ) {
    let channels = input.channels
    for c in 0..<channels {
      let (mean, variance) = moments(c), rstd = 1 / (variance + epsilon).squareRoot()
      let a = Double(weight.weights[c]) * rstd
      affine.base[c] = Float(a)
      affine.base[channels + c] = Float(Double(bias.weights[c]) - mean * a)
      affine.base[2 * channels + c] = Float(mean)
      affine.base[3 * channels + c] = Float(rstd)
    }
  }

  private func row(_ number: Int) -> UnsafeMutablePointer<Float> { affine.base + number * input.channels }

  func apply(into y: Tensor) {
    engine.blocks(input.pixels, of: rows) { range, _ in
      let i = range.lowerBound
      ck_norm_apply(
        y.base + i * y.stride, y.stride, input.base + i * input.stride, input.stride, row(0), row(1), nil, 1, 0,
        range.count, input.channels)
    }
  }

  /// `[2, C]`: sum of dy, sum of dy (x - mean) rstd.
  func gradientSums(_ dy: Tensor) -> [Double] {
    sums(Float(0)) { block, i, count in
      ck_norm_gradient_sums(
        block, dy.base + i * dy.stride, dy.stride, input.base + i * input.stride, input.stride, row(0), row(1), row(2),
        row(3), nil, 1, 0, count, input.channels)
    }
  }

  /// dx = a (dy - S1 / n - (x - mean) rstd S2 / n).
  ///
  /// - Parameters:
  ///   - dy: the output's gradient.
  ///   - shares: S1 / n and S2 / n, `[2, C]`; 0 where statistics are constants.
  ///   - dx: where the input's goes.
  ///   - accumulate: whether it is added.
  func inputGradient(_ dy: Tensor, _ shares: [Double], into dx: Tensor, accumulate: Bool) {
    let channels = input.channels, terms = engine.tensor([2, channels])
    for c in 0..<channels {
      let a = Double(row(0)[c])
      terms.base[c] = Float(a * shares[c])
      terms.base[channels + c] = Float(a * Double(row(3)[c]) * shares[channels + c])
    }
    engine.blocks(input.pixels, of: rows) { range, _ in
      let i = range.lowerBound
      ck_norm_gradient(
        dx.base + i * dx.stride, dx.stride, dy.base + i * dy.stride, dy.stride, input.base + i * input.stride,
        input.stride, row(0), row(1), row(2), terms.base, terms.base + channels, nil, 1, 0, accumulate ? 1 : 0,
        range.count, channels)
    }
  }
}
