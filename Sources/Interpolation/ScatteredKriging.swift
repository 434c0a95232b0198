import CKernels
import Essentials
import Foundation

/// Samples at any places of a map.
public struct ScatteredSamples: Equatable, Sendable {
  /// Where they are: (row, column), in pixels from the first; not only whole ones.
  public var positions: [SIMD2<Double>]
  /// The values there, in dB.
  public var values: [Float]

  /// - Parameters:
  ///   - positions: (row, column) of each, in pixels from the first.
  ///   - values: as many values, in dB.
  public init(positions: [SIMD2<Double>], values: [Float]) {
    precondition(positions.count == values.count, "a value at each place")
    self.positions = positions
    self.values = values
  }

  /// The valid samples of a grid.
  ///
  /// - Parameters:
  ///   - coarse: `[coarseRows, coarseColumns]`, in dB.
  ///   - grid: where they lie.
  public init(_ coarse: StationMap, on grid: SamplingGrid) {
    let values = coarse.map.values, pixels = grid.samplePixels
    let chosen = values.indices.filter { coarse.mask?[$0] != false }
    self.init(
      positions: chosen.map { SIMD2(Double(pixels[$0] / grid.columns), Double(pixels[$0] % grid.columns)) },
      values: chosen.map { values[$0] })
  }
}

/// Kriging of samples at any places: the model of `Kriging`, with dense matrices.
///
/// Up to 256 samples all take part in the fit; of more, sixteen groups of neighbours spread over the area, so that both
/// short and long distances are among them. Up to 512 samples all take part in every prediction; of more, the 256 that
/// are nearest to each block of 16 × 16 pixels (a moving neighbourhood, J.-P. Chilès and P. Delfiner, Geostatistics, 2012,
/// section 3.6). So a map of any size takes bounded memory, and a time that grows with its pixels alone. Conjugate gradients
/// on the grid's Kronecker structure would use all samples always, but do not converge for covariances as
/// ill-conditioned as those of smooth maps.
public struct ScatteredKriging: Sendable {
  /// The samples.
  public let samples: ScatteredSamples
  /// What was learnt from them.
  public let fit: KrigingFit
  /// Whether samples are the map's own values.
  public let kind: Kriging.Samples
  private let station: SIMD3<Double>?
  private let area: Area

  static let samplesForFit = 256
  static let groups = 16
  static let samplesAtOnce = 512
  static let block = 16

  /// Fits a covariance to samples.
  ///
  /// - Parameters:
  ///   - samples: two at least, at different places, all finite.
  ///   - extent: the longer side of the area [pixels].
  ///   - station: where the base station stands (x, y, z) [m]; nil where that is not known.
  ///   - area: where the pixels lie in metres.
  ///   - kind: whether samples are the map's own values.
  ///   - covariances: the families to choose from: the first for smooth maps, all of them for rough ones.
  /// - Throws: `Fault` when there are too few samples, or one is not finite.
  public init(
    _ samples: ScatteredSamples, extent: Double, station: SIMD3<Float>? = nil, area: Area = Area(),
    kind: Kriging.Samples = .exact, covariances: [Covariance] = Covariance.allCases
  ) throws {
    ck_gemm_prepare()
    try Self.check(samples)
    self.samples = samples
    self.kind = kind
    self.area = area
    self.station = samples.values.count >= Kriging.samplesForSlope ? station.map { SIMD3<Double>($0) } : nil
    let spacing = (extent * extent / Double(samples.values.count)).squareRoot()
    let places = Self.representative(samples.positions)
    let problem = KrigingSamples(
      values: DoubleMatrix(rows: 1, columns: places.count, values: places.map { Double(samples.values[$0]) }),
      distances: self.station.map { station in
        DoubleMatrix(rows: 1, columns: places.count) {
          area.logDistance(samples.positions[places[$1]], station)
        }
      })
    let positions = places.map { samples.positions[$0] }
    let one = AxisSpectrum.ofOneSample
    var known: [Int: KrigingBasis] = [:]
    func basis(_ number: Int) throws -> KrigingBasis {
      if let basis = known[number] { return basis }
      let covariance = covariances[number / KrigingSearch.lengths]
      let length = KrigingSearch.length(number, spacing: spacing, extent: extent)
      let made = KrigingBasis(
        vertical: one,
        horizontal: try AxisSpectrum(
          covariance, length: length,
          DoubleMatrix(rows: positions.count, columns: positions.count) {
            covariance.correlation(positions[$0] - positions[$1], length: length)
          }))
      known[number] = made
      return made
    }
    let best = try KrigingSearch(
      samples: problem, spacing: spacing, count: covariances.count * KrigingSearch.lengths, basis: basis
    ).best()
    fit = KrigingFit(best, try basis(best.basis), problem)
  }

  private static func check(_ samples: ScatteredSamples) throws {
    guard Set(samples.positions).count > 1 else {
      throw Fault(
        "too few samples for kriging", at: "samples", expected: "two at different places at least",
        found: "\(samples.values.count)")
    }
    for (place, value) in zip(samples.positions, samples.values)
    where !value.isFinite || !place.x.isFinite || !place.y.isFinite {
      throw Fault(
        "a sample is no number", at: "row \(place.x), column \(place.y)", expected: "dB", found: "\(value)",
        hint: "mark places without a value as not valid")
    }
  }

  /// All samples if they are few; else groups of neighbours around centres as far from each other as possible.
  private static func representative(_ positions: [SIMD2<Double>]) -> [Int] {
    guard positions.count > samplesForFit else { return Array(positions.indices) }
    var chosen = Set<Int>()
    var apart = [Double](repeating: .infinity, count: positions.count)
    var centre = 0
    for _ in 0..<groups {
      for place in positions.indices {
        apart[place] = min(apart[place], squaredDistance(positions[place], positions[centre]))
      }
      chosen.formUnion(nearest(samplesForFit / groups, to: positions[centre], of: positions))
      centre = positions.indices.max { apart[$0] < apart[$1] } ?? 0
    }
    return chosen.sorted()
  }

  /// The numbers of the places nearest to one.
  static func nearest(_ count: Int, to place: SIMD2<Double>, of positions: [SIMD2<Double>]) -> ArraySlice<Int> {
    let apart = positions.map { squaredDistance($0, place) }
    // Those within a distance that is doubled until they are enough: a small part is to be sorted.
    var reach = (apart.max() ?? 0) * Double(count) / Double(max(positions.count, 1))
    var near = positions.indices.filter { apart[$0] <= reach }
    while near.count < min(count, positions.count) {
      reach = reach > 0 ? 2 * reach : .infinity
      near = positions.indices.filter { apart[$0] <= reach }
    }
    return near.sorted { (apart[$0], $0) < (apart[$1], $1) }.prefix(count)
  }

  private static func squaredDistance(_ a: SIMD2<Double>, _ b: SIMD2<Double>) -> Double {
    ((a - b) * (a - b)).sum()
  }

  /// The map of an area and its deviation.
  ///
  /// - Parameters:
  ///   - rows: grid lines in y.
  ///   - columns: grid lines in x.
  ///   - scalesLocally: whether the deviation of rough maps is scaled by `localScale`; only where all samples take part.
  /// - Throws: `Fault` when the covariance of the samples cannot be inverted.
  public func interpolated(rows: Int, columns: Int, scalesLocally: Bool = true) throws -> InterpolatedMap {
    var posterior = KrigingPosterior(
      mean: [Double](repeating: 0, count: rows * columns), variance: [Double](repeating: 0, count: rows * columns))
    let whole = samples.values.count <= Self.samplesAtOnce ? try process(Array(samples.values.indices)) : nil
    // Strips where all samples take part, blocks where the nearest do.
    let width = whole == nil ? Self.block : columns
    for top in stride(from: 0, to: rows, by: Self.block) {
      for left in stride(from: 0, to: columns, by: width) {
        let (ys, xs) = (top..<min(top + Self.block, rows), left..<min(left + width, columns))
        let centre = SIMD2(Double(ys.lowerBound + ys.upperBound - 1), Double(xs.lowerBound + xs.upperBound - 1)) / 2
        let local =
          try whole
          ?? process(Array(Self.nearest(Self.samplesAtOnce / 2, to: centre, of: samples.positions)))
        let part = local.posterior(rows: ys.map(Double.init), columns: xs.map(Double.init))
        for (index, y) in ys.enumerated() {
          let (from, to) = (index * xs.count, y * columns + xs.lowerBound)
          posterior.mean.replaceSubrange(to..<to + xs.count, with: part.mean[from..<from + xs.count])
          posterior.variance.replaceSubrange(to..<to + xs.count, with: part.variance[from..<from + xs.count])
        }
      }
    }
    if scalesLocally, fit.isRough, whole != nil {
      posterior.scaleVariance(by: try localScale(rows: rows, columns: columns).map { Double($0) * Double($0) })
    }
    var result = posterior.interpolated(rows: rows, columns: columns)
    if kind == .exact { restoreSamples(&result) }
    return result
  }

  /// The Gaussian process of some of the samples, for predictions.
  func process(_ places: [Int]) throws -> DenseProcess {
    try DenseProcess(
      positions: places.map { samples.positions[$0] }, values: places.map { Double(samples.values[$0]) }, fit: fit,
      kind: kind, station: station, area: area)
  }

  private func restoreSamples(_ result: inout InterpolatedMap) {
    for (place, value) in zip(samples.positions, samples.values) {
      let (row, column) = (place.x.rounded(), place.y.rounded())
      guard SIMD2(row, column) == place, row >= 0, column >= 0, row < Double(result.map.rows),
        column < Double(result.map.columns)
      else { continue }
      result.map[Int(row), Int(column)] = value
      result.deviation?[Int(row), Int(column)] = 0
    }
  }
}

extension Covariance {
  /// The correlation of two places: the product of those along the axes.
  func correlation(_ apart: SIMD2<Double>, length: Double) -> Double {
    correlation(apart.x, length: length) * correlation(apart.y, length: length)
  }
}
