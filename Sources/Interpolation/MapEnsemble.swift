import Essentials
import Foundation

/// What maps of one kind have in common, as a Gaussian process takes it for true: their mean over the distance to the
/// station, and a covariance that depends on the distance of two places alone.
///
/// The covariance is a sum of simple ones ("nested structures", J.-P. Chilès and P. Delfiner, Geostatistics, 2012,
/// section 2.5): what is not correlated from pixel to pixel, exponentials and squared exponentials of many lengths, with
/// the variances that follow the measured variogram best. How high a map lies as a whole is left open.
public struct MapEnsemble: Codable, Equatable, Sendable {
  /// A part of the covariance.
  public struct Structure: Codable, Equatable, Sendable {
    /// Whether it is exp(-r² / (2 l²)), and not e^(-r/l).
    public var isSmooth: Bool
    /// Its length l [m].
    public var length: Double
    /// Its variance [dB²].
    public var variance: Double

    /// The correlation of two places.
    func correlation(_ distance: Double) -> Double {
      let ratio = distance / length
      return isSmooth ? exp(-0.5 * ratio * ratio) : exp(-ratio)
    }
  }

  /// The mean [dB] as a polynomial in lg(d / m), constant first; a constant alone where stations are not known.
  public var trend: [Double]
  /// The variance of what is not correlated from pixel to pixel [dB²].
  public var nugget: Double
  /// What is.
  public var structures: [Structure]

  /// The mean at a place [dB].
  ///
  /// - Parameter logDistance: lg of the distance to the station / m.
  public func mean(_ logDistance: Double) -> Double { trend.reversed().reduce(0) { $0 * logDistance + $1 } }

  /// The variance of a map's values about mean and level [dB²].
  public var variance: Double { structures.reduce(nugget) { $0 + $1.variance } }

  /// Half the mean square difference of two places [dB²].
  ///
  /// - Parameter distance: between them [m].
  public func variogram(_ distance: Double) -> Double {
    guard distance > 0 else { return 0 }
    return structures.reduce(nugget) { $0 + $1.variance * (1 - $1.correlation(distance)) }
  }
}

/// Sums over maps from which a `MapEnsemble` is estimated. The sums of several ranks add up.
///
/// First all maps go into `Trend`, then into the sums about it.
public struct MapEnsembleSums: Sendable {
  /// The products of the polynomial's powers with each other and with the values.
  public struct Trend: Sendable {
    /// The sums, to be added up over ranks.
    public var sums: [Double]
    private let terms: Int
    private let area: Area

    /// - Parameters:
    ///   - hasStations: whether stations are known.
    ///   - area: where pixels lie.
    public init(hasStations: Bool, area: Area) {
      terms = hasStations ? 4 : 1
      self.area = area
      sums = [Double](repeating: 0, count: terms * (terms + 1))
    }

    /// Adds a map.
    public mutating func add(_ member: StationMap) {
      let distances = area.logDistances(rows: member.map.rows, columns: member.map.columns, member.station)
      for pixel in member.map.values.indices where member.mask?[pixel] != false {
        var powers = SIMD4(1.0, 0, 0, 0)
        if terms > 1 { for term in 1..<terms { powers[term] = powers[term - 1] * distances[pixel] } }
        for row in 0..<terms {
          for column in 0..<terms { sums[row * (terms + 1) + column] += powers[row] * powers[column] }
          sums[row * (terms + 1) + terms] += powers[row] * Double(member.map.values[pixel])
        }
      }
    }

    /// The polynomial of least squares.
    ///
    /// - Throws: `Fault` when no map has told anything.
    public func coefficients() throws -> [Double] {
      var matrix = DoubleMatrix(rows: terms, columns: terms) { sums[$0 * (terms + 1) + $1] }
      var result = (0..<terms).map { sums[$0 * (terms + 1) + terms] }
      for term in 0..<terms { matrix.values[term * terms + term] *= 1 + 1e-12 }
      try matrix.factorise(what: "the trend of the maps")
      matrix.solve(&result, columns: 1)
      return result
    }
  }

  /// Distances along an axis, or along both, at which places are compared [pixels].
  private let lags: [Int]
  private let trend: [Double]
  private let area: Area
  /// Sums of squared differences, and their number, of places that lie along an axis; then of those along a diagonal.
  public var sums: [Double]

  /// - Parameters:
  ///   - trend: from `Trend`.
  ///   - extent: the shorter side of the maps [pixels].
  ///   - area: where pixels lie.
  public init(trend: [Double], extent: Int, area: Area) {
    self.trend = trend
    self.area = area
    let all = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128]
    lags = all.filter { $0 <= max(extent / 2, 1) }
    sums = [Double](repeating: 0, count: 4 * lags.count)
  }

  /// Adds a map.
  public mutating func add(_ member: StationMap) {
    let (rows, columns) = (member.map.rows, member.map.columns)
    let about = MapEnsemble(trend: trend, nugget: 0, structures: [])
    let distances = area.logDistances(rows: member.map.rows, columns: member.map.columns, member.station)
    let errors = member.map.values.indices.map { Double(member.map.values[$0]) - about.mean(distances[$0]) }
    for (number, lag) in lags.enumerated() {
      for (kind, steps) in [[(0, lag), (lag, 0)], [(lag, lag), (lag, -lag)]].enumerated() {
        var (sum, count) = (0.0, 0.0)
        for (down, across) in steps {
          for row in 0..<max(rows - down, 0) {
            for column in max(0, -across)..<max(max(0, -across), min(columns, columns - across)) {
              let (one, other) = (row * columns + column, (row + down) * columns + column + across)
              if let mask = member.mask, !mask[one] || !mask[other] { continue }
              let difference = errors[one] - errors[other]
              sum += difference * difference
              count += 1
            }
          }
        }
        sums[(kind * lags.count + number) * 2] += sum
        sums[(kind * lags.count + number) * 2 + 1] += count
      }
    }
  }

  /// The measured variogram: distances [m] and half the mean square differences [dB²].
  public var variogram: [(distance: Double, value: Double)] {
    (0..<2 * lags.count).compactMap { number in
      let (sum, count) = (sums[2 * number], sums[2 * number + 1])
      let lag = Double(lags[number % lags.count]) * area.spacing
      return count > 0 && sum > 0 ? (number < lags.count ? lag : lag * 2.0.squareRoot(), sum / count / 2) : nil
    }
  }

  /// The ensemble whose variogram follows the measured one best.
  ///
  /// - Throws: `Fault` when all maps are constant.
  public func ensemble() throws -> MapEnsemble {
    let measured = variogram
    guard let longest = measured.map(\.distance).max() else {
      throw Fault("the maps do not vary", at: "covariance", expected: "maps of differing values")
    }
    let shortest = Self.shortest * area.spacing
    let lengths = (0..<Self.lengths).map {
      shortest * pow(2 * longest / shortest, Double($0) / Double(Self.lengths - 1))
    }
    let candidates = [true, false].flatMap { isSmooth in
      lengths.map { MapEnsemble.Structure(isSmooth: isSmooth, length: $0, variance: 1) }
    }
    // Relative errors count: interpolation lives on short distances, where a variogram is small.
    let target = measured.map { 1 / $0.distance.squareRoot() }
    let scales = zip(measured, target).map { $0.1 / $0.0.value }
    let columns =
      [scales] + candidates.map { part in zip(measured, scales).map { (1 - part.correlation($0.distance)) * $1 } }
    let variances = Self.nonNegative(columns, target)
    return MapEnsemble(
      trend: trend, nugget: variances[0],
      structures: zip(candidates, variances.dropFirst()).compactMap { part, variance in
        variance > 0 ? .init(isSmooth: part.isSmooth, length: part.length, variance: variance) : nil
      })
  }

  /// How many lengths are tried.
  private static let lengths = 24
  /// The shortest length that is tried [pixels].
  private static let shortest = 1.5
  private static let sweeps = 20_000

  /// Weights of columns, none below 0, of the least squared error: coordinate descent.
  private static func nonNegative(_ columns: [[Double]], _ target: [Double]) -> [Double] {
    var weights = [Double](repeating: 0, count: columns.count)
    var left = target
    let norms = columns.map { $0.reduce(0) { $0 + $1 * $1 } }
    for _ in 0..<sweeps {
      var change = 0.0
      for (number, column) in columns.enumerated() {
        let along = zip(column, left).reduce(0) { $0 + $1.0 * $1.1 }
        let better = max(0, weights[number] + along / norms[number])
        let step = better - weights[number]
        guard step != 0 else { continue }
        weights[number] = better
        for row in left.indices { left[row] -= step * column[row] }
        change = max(change, step * step * norms[number])
      }
      if change < 1e-16 { break }
    }
    return weights
  }
}
