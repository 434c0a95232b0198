import Essentials
import Tensors

/// Gathers the statistics of a set of maps, one map after another: memory holds a few numbers a map.
public struct MapStatisticsAccumulator {
  /// Pathloss [dB] at a 2-D distance [m], with or without line of sight.
  public typealias PathlossModel = (_ distance: Double, _ lineOfSight: Bool) -> Double

  /// Edges [m] of the distance bins; the last one is open.
  public static let edges: [Double] = [0, 10, 20, 30, 45, 60, 80, 100, 130]
  /// Lags [m] of the shadow fading's autocorrelation.
  public static let shadowLags: [Double] = [5, 10, 20, 30, 40, 50, 60]
  /// Lags [m] of the autocorrelation of coherent - path power.
  public static let fadingLags: [Double] = [1, 5, 10]

  private let spacing: Double
  private let origin: SIMD2<Double>
  private let pathloss: PathlossModel?
  private var count = 0
  private var bins = [RatioEstimate](repeating: .init(), count: edges.count)
  private var ranges: [Double] = []
  private var path = RoughnessSums()
  private var coherent = RoughnessSums()
  private var excess = RatioEstimate()
  private var shadow = RatioEstimate()
  private var shadowPerMap = RatioEstimate()
  private var shadowLag = [RatioEstimate](repeating: .init(), count: shadowLags.count)
  private var fading = RatioEstimate()
  private var fadingLag = [RatioEstimate](repeating: .init(), count: fadingLags.count)
  private var lineOfSight = RatioEstimate()

  private struct RoughnessSums {
    var residual = RatioEstimate()
    var gradient = RatioEstimate()

    var estimate: MapStatistics.Roughness? {
      guard let residual = residual.estimate(root: true), let gradient = gradient.estimate() else { return nil }
      return .init(medianResidual: residual, gradient: gradient)
    }
  }

  /// - Parameters:
  ///   - spacing: distance between neighbouring places [m].
  ///   - origin: position of the first place [m].
  ///   - pathloss: what to add to power for the shadow fading; nil where no model is known.
  public init(spacing: Double, origin: SIMD2<Double>, pathloss: PathlossModel? = nil) {
    self.spacing = spacing
    self.origin = origin
    self.pathloss = pathloss
  }

  /// Takes in a map of path power [dB].
  ///
  /// - Parameters:
  ///   - map: at least 2 x 2 finite values.
  ///   - station: the base station's horizontal position [m], where it is known.
  ///   - lineOfSight: 1 in line of sight, 0 elsewhere, where it is known.
  ///   - coherent: coherent power [dB] of the same places, where there is one.
  public mutating func add(
    _ map: ChannelFingerprint, station: SIMD2<Double>? = nil, lineOfSight state: ChannelFingerprint? = nil,
    coherent other: ChannelFingerprint? = nil
  ) {
    precondition(map.rows > 1 && map.columns > 1, "statistics need a map of at least 2 x 2 places")
    count += 1
    ranges.append(Double((map.values.max() ?? 0) - (map.values.min() ?? 0)))
    add(roughnessOf: map, to: &path)
    if let state {
      lineOfSight.add(state.values.reduce(0) { $0 + Double($1) }, over: Double(state.values.count))
    }
    if let station { add(map, station: station, state: state) }
    if let other {
      precondition(other.values.count == map.values.count, "the layers have different sizes")
      add(roughnessOf: other, to: &coherent)
      let difference = Self.centred(zip(other.values, map.values).map { Double($0) - Double($1) })
      fading.add(difference.reduce(0) { $0 + $1 * $1 }, over: Double(difference.count))
      for (index, lag) in Self.fadingLags.enumerated() {
        add(lag: lag, of: difference, rows: map.rows, columns: map.columns, to: &fadingLag[index])
      }
    }
  }

  private mutating func add(_ map: ChannelFingerprint, station: SIMD2<Double>, state: ChannelFingerprint?) {
    var sums = [Double](repeating: 0, count: Self.edges.count)
    var counts = sums
    var field: [Double] = []
    for row in 0..<map.rows {
      for column in 0..<map.columns {
        let x = origin.x + spacing * Double(column) - station.x
        let y = origin.y + spacing * Double(row) - station.y
        let distance = (x * x + y * y).squareRoot()
        let bin = (Self.edges.lastIndex { $0 <= distance }) ?? 0
        sums[bin] += Double(map[row, column])
        counts[bin] += 1
        if let pathloss {
          field.append(Double(map[row, column]) + pathloss(distance, (state?[row, column] ?? 0) != 0))
        }
      }
    }
    for bin in sums.indices { bins[bin].add(sums[bin], over: counts[bin]) }
    guard pathloss != nil else { return }
    excess.add(field.reduce(0, +) / Double(field.count), over: 1)
    let centred = Self.centred(field)
    let squares = centred.reduce(0) { $0 + $1 * $1 }
    shadow.add(squares, over: Double(field.count))
    shadowPerMap.add((squares / Double(field.count)).squareRoot(), over: 1)
    for (index, lag) in Self.shadowLags.enumerated() {
      add(lag: lag, of: centred, rows: map.rows, columns: map.columns, to: &shadowLag[index])
    }
  }

  private static func centred(_ values: [Double]) -> [Double] {
    let mean = values.reduce(0, +) / Double(values.count)
    return values.map { $0 - mean }
  }

  /// The mean product of places a lag apart along x and along y, over the mean square.
  private func add(
    lag: Double, of field: [Double], rows: Int, columns: Int, to estimate: inout RatioEstimate
  ) {
    let step = Int((lag / spacing).rounded())
    guard step >= 1, step < rows, step < columns else { return }
    var (alongX, alongY) = (0.0, 0.0)
    for row in 0..<rows {
      for column in 0..<(columns - step) {
        alongX += field[row * columns + column] * field[row * columns + column + step]
      }
    }
    for place in 0..<((rows - step) * columns) { alongY += field[place] * field[place + step * columns] }
    let product = alongX / Double(rows * (columns - step)) + alongY / Double((rows - step) * columns)
    estimate.add(product / 2, over: field.reduce(0) { $0 + $1 * $1 } / Double(field.count))
  }

  private func add(roughnessOf map: ChannelFingerprint, to sums: inout RoughnessSums) {
    var slope = 0.0
    for row in 0..<map.rows {
      for column in 1..<map.columns { slope += Double(abs(map[row, column] - map[row, column - 1])) }
    }
    sums.gradient.add(slope / spacing / Double(map.rows * (map.columns - 1)), over: 1)
    let residual = Self.centred(zip(map.values, Self.median(map)).map { Double($0) - Double($1) })
    sums.residual.add(residual.reduce(0) { $0 + $1 * $1 }, over: Double(residual.count))
  }

  /// The 5 x 5 median, edges mirrored with the edge repeated.
  static func median(_ map: ChannelFingerprint) -> [Float] {
    func mirrored(_ index: Int, _ size: Int) -> Int {
      var index = index
      while index < 0 || index >= size { index = index < 0 ? -1 - index : 2 * size - 1 - index }
      return index
    }
    let columns = (-2..<(map.columns + 2)).map { mirrored($0, map.columns) }
    var out: [Float] = []
    out.reserveCapacity(map.values.count)
    map.values.withUnsafeBufferPointer { values in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 25) { window in
        for row in 0..<map.rows {
          let lines = (-2...2).map { mirrored(row + $0, map.rows) * map.columns }
          for column in 0..<map.columns {
            var filled = 0
            for line in lines {
              for neighbour in 0..<5 {
                let value = values[line + columns[column + neighbour]]
                var slot = filled
                while slot > 0, window[slot - 1] > value {
                  window[slot] = window[slot - 1]
                  slot -= 1
                }
                window[slot] = value
                filled += 1
              }
            }
            out.append(window[12])
          }
        }
      }
    }
    return out
  }

  /// The statistics of the maps taken in so far; nil when there is none.
  public func statistics() -> MapStatistics? {
    guard let roughness = path.estimate else { return nil }
    let ends = Self.edges.dropFirst() + [.infinity]
    return MapStatistics(
      count: count,
      bins: zip(zip(Self.edges, ends), bins).compactMap { edge, bin in
        bin.estimate().map { .init(from: edge.0, to: edge.1.isFinite ? edge.1 : .greatestFiniteMagnitude, power: $0) }
      },
      path: roughness, range: Self.percentiles(ranges, MapStatistics.rangeShares), ranges: ranges.sorted(),
      excess: excess.estimate(),
      shadowFading: shadow.estimate(root: true), shadowFadingPerMap: shadowPerMap.estimate(),
      shadowAutocorrelation: Self.lags(Self.shadowLags, shadowLag), coherent: coherent.estimate,
      fading: fading.estimate(root: true), fadingAutocorrelation: Self.lags(Self.fadingLags, fadingLag),
      lineOfSight: lineOfSight.estimate())
  }

  private static func lags(_ distances: [Double], _ estimates: [RatioEstimate]) -> [MapStatistics.Lag] {
    zip(distances, estimates).compactMap { distance, ratio in
      ratio.estimate().map { .init(distance: distance, correlation: $0) }
    }
  }

  /// Percentiles with linear interpolation, their standard errors by bootstrap.
  private static func percentiles(_ values: [Double], _ shares: [Double]) -> [MapStatistics.Estimate] {
    let sorted = values.sorted()
    let drawn = Percentiles.resampled(sorted, size: sorted.count, shares: shares)
    return zip(shares, drawn).map { share, spread in
      .init(value: Percentiles.of(sorted, share), standardError: values.count > 1 ? spread.deviation : nil)
    }
  }
}

/// Percentiles of small sets.
enum Percentiles {
  private static let rounds = 400

  /// With linear interpolation between neighbours.
  static func of(_ sorted: [Double], _ share: Double) -> Double {
    let position = share * Double(sorted.count - 1)
    let below = Int(position)
    let above = min(below + 1, sorted.count - 1)
    return sorted[below] + (position - Double(below)) * (sorted[above] - sorted[below])
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
