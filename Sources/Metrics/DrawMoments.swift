import Essentials

/// Mean and deviation of draws of one map, a draw at a time (B. Welford, Technometrics 4, 1962), in double precision.
public struct DrawMoments: Sendable {
  private var count = 0.0
  private var mean: [Double]
  private var squares: [Double]
  private let rows: Int
  private let columns: Int

  /// No draws yet.
  ///
  /// - Parameters:
  ///   - rows: rows of the maps.
  ///   - columns: columns of the maps.
  public init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    mean = [Double](repeating: 0, count: rows * columns)
    squares = mean
  }

  /// Takes in a draw.
  public mutating func add(_ draw: ChannelFingerprint) {
    count += 1
    for pixel in mean.indices {
      let value = Double(draw.values[pixel]), before = value - mean[pixel]
      mean[pixel] += before / count
      squares[pixel] += before * (value - mean[pixel])
    }
  }

  /// The mean of all draws.
  public var average: ChannelFingerprint {
    ChannelFingerprint(rows: rows, columns: columns, values: mean.map { Float($0) })
  }

  /// The standard deviation of what is predicted about a centre: that of the draws (divisor K - 1), and of their mean where
  /// that is the centre, which is itself uncertain by 1 / K of the variance.
  ///
  /// - Parameter isMean: whether the centre is the mean of the draws.
  public func deviation(aboutMean isMean: Bool) -> ChannelFingerprint {
    let factor = (isMean ? 1 + 1 / count : 1) / (count - 1)
    return ChannelFingerprint(
      rows: rows, columns: columns, values: squares.map { Float(($0 * factor).squareRoot()) })
  }
}
