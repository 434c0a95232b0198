import Computing

/// Percentiles of small sets.
public enum Percentiles {
  private static let rounds = 400

  /// With linear interpolation between neighbours.
  ///
  /// - Parameters:
  ///   - sorted: rising values, one at least.
  ///   - share: of the values that are no greater, 0...1.
  public static func of(_ sorted: [Double], _ share: Double) -> Double {
    let position = share * Double(sorted.count - 1)
    let below = Int(position)
    let above = min(below + 1, sorted.count - 1)
    return sorted[below] + (position - Double(below)) * (sorted[above] - sorted[below])
  }

  /// Percentiles with standard errors by bootstrap.
  static func estimates(_ sorted: [Double], _ shares: [Double]) -> [MapStatistics.Estimate] {
    let drawn = resampled(sorted, size: sorted.count, shares: shares)
    return zip(shares, drawn).map { share, spread in
      .init(value: of(sorted, share), standardError: sorted.count > 1 ? spread.deviation : nil)
    }
  }

  /// Mean and deviation of the percentiles of sets of `size` values drawn, with a fixed seed, from the given ones.
  static func resampled(
    _ sorted: [Double], size: Int, shares: [Double]
  ) -> [(mean: Double, deviation: Double)] {
    let stream = RandomStream(seed: 1, purpose: .validation)
    let draws = (0..<rounds).map { round in
      stream.bits(size, sample: round).map { sorted[Int((UInt64($0) * UInt64(sorted.count)) >> 32)] }.sorted()
    }
    return shares.map { share in
      let found = draws.map { of($0, share) }
      let mean = found.reduce(0, +) / Double(rounds)
      let variance = found.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rounds - 1)
      return (mean, variance.squareRoot())
    }
  }
}
