/// How an upsampled value is made of its neighbours along an axis.
public enum UpsamplingMethod: String, CaseIterable, Codable, Sendable {
  /// The nearest sample; halfway between two, the later one; beyond the last, the last.
  case nearest
  /// Straight lines from sample to sample.
  case bilinear
  /// Keys' cubic convolution with a = -1/2 (R. Keys, IEEE Trans. ASSP 29(6), 1981, eq. 4 and section III): exact for
  /// quadratics away from the borders.
  case bicubic
}

/// The weights of one axis: every fine position is a weighted sum of at most four neighbouring samples.
///
/// Samples that the kernel wants beyond either end are continued **linearly** from the last two, and that is folded
/// into the weights of those two. (Replicating the end sample instead makes bicubic upsampling of smooth channel maps
/// 10 to 60 times worse.) An axis with one sample is continued as a constant.
struct AxisWeights: Sendable {
  /// Samples that contribute to each fine position.
  let taps: Int
  /// The first contributing sample of each fine position.
  let first: [Int32]
  /// `[position, tap]`; the weights of a position add up to one.
  let weights: [Float]

  /// - Parameters:
  ///   - count: samples on the axis.
  ///   - magnification: fine positions from one sample to the next.
  ///   - offset: the fine position of the first sample.
  ///   - method: the kernel.
  init(count: Int, magnification: Int, offset: Int, method: UpsamplingMethod) {
    let taps = min(method == .nearest ? 1 : method == .bilinear ? 2 : 4, count)
    var first = [Int32]()
    var weights = [Float]()
    for position in 0..<(count * magnification) {
      // The position in units of samples is cell + fraction, with fraction in [0, 1).
      let shifted = position - offset + magnification
      let cell = shifted / magnification - 1
      let fraction = Double(shifted % magnification) / Double(magnification)
      let contributions = Self.kernel(method, cell: cell, fraction: fraction, last: count - 1)
      let folded = Self.fold(contributions, last: count - 1)
      let start = min(max(folded.keys.min() ?? 0, 0), count - taps)
      first.append(Int32(start))
      for tap in 0..<taps { weights.append(Float(folded[start + tap] ?? 0)) }
    }
    self.taps = taps
    self.first = first
    self.weights = weights
  }

  /// Pairs of sample number, possibly beyond the ends, and weight.
  private static func kernel(
    _ method: UpsamplingMethod, cell: Int, fraction t: Double, last: Int
  ) -> [(Int, Double)] {
    switch method {
    case .nearest:
      return [(min(max(t >= 0.5 ? cell + 1 : cell, 0), last), 1)]
    case .bilinear:
      return [(cell, 1 - t), (cell + 1, t)]
    case .bicubic:
      return [
        (cell - 1, ((-0.5 * t + 1) * t - 0.5) * t),
        (cell, (1.5 * t - 2.5) * t * t + 1),
        (cell + 1, ((-1.5 * t + 2) * t + 0.5) * t),
        (cell + 2, (0.5 * t - 0.5) * t * t),
      ]
    }
  }

  /// Moves the weight of samples beyond the ends to the two samples that continue them, without zero weights.
  private static func fold(_ contributions: [(Int, Double)], last: Int) -> [Int: Double] {
    var folded: [Int: Double] = [:]
    for (sample, weight) in contributions where weight != 0 {
      if last == 0 {
        folded[0, default: 0] += weight
      } else if sample < 0 {
        // p(-k) = (1 + k) p(0) - k p(1)
        folded[0, default: 0] += weight * Double(1 - sample)
        folded[1, default: 0] += weight * Double(sample)
      } else if sample > last {
        let beyond = Double(sample - last)
        folded[last, default: 0] += weight * (1 + beyond)
        folded[last - 1, default: 0] -= weight * beyond
      } else {
        folded[sample, default: 0] += weight
      }
    }
    return folded
  }
}
