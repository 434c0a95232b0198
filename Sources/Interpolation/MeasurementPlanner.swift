import CKernels
import Essentials
import Foundation

/// A place where to measure next, and what that is expected to bring.
public struct PlannedMeasurement: Codable, Equatable, Sendable {
  /// The fine row.
  public var row: Int
  /// The fine column.
  public var column: Int
  /// The expected mean square error of the map [dB²] once this and all before it are measured.
  public var expectedMeanSquare: Double
}

/// Chooses measurements one after the other, each where it takes most off the expected mean square error of the map.
///
/// For a Gaussian field a measurement at c, with error variance n, takes Σ_t C(t, c)² / (C(c, c) + n) off the sum of the
/// variances over all places t, whatever value is found; C is then conditioned on it, exactly. (For the GP that is the
/// greedy A-optimal design.) Places are those of a lattice of at most 2500 pixels: its covariance takes 8 · 2500² bytes, 50
/// MB, at most. A step costs one product of that matrix and a vector.
public struct MeasurementPlanner: Sendable {
  /// Most places of the lattice.
  public static let maximumPlaces = 2500
  /// Most samples that may be known before.
  public static let maximumKnown = 2048

  /// The lattice: fine rows and columns.
  let rows: [Int]
  let columns: [Int]
  /// The variance of a measurement's error [dB²].
  private let noise: Double
  /// C before the first measurement.
  private let covariance: DoubleMatrix
  /// How much each place's error counts: 0 where the map holds nothing.
  private let counts: [Double]
  /// What the measurements chosen so far took off C: C₀ - Σ v vᵀ.
  private var taken: [[Double]] = []
  private var variances: [Double]
  /// Σ_t w_t C(t, c)² of each candidate.
  private var squares: [Double]
  private var isOpen: [Bool]

  /// From samples that are known: the posterior of the Gaussian process fitted to them.
  ///
  /// - Parameters:
  ///   - known: the samples and their fit.
  ///   - rows: rows of the fine map.
  ///   - columns: columns of the fine map.
  ///   - scale: by what the process' deviation is to be multiplied at each pixel, row after row; nil: 1. The local
  ///     scale of kriging's own deviations is no help: with it plans on 24 mixed maps were as good as without, to 0.1 dB.
  ///   - mask: which pixels count and may be measured; nil: all.
  ///   - noise: the variance of a measurement's error [dB²].
  /// - Throws: `Fault` when more samples are known than a dense matrix should hold.
  public init(
    known: ScatteredKriging, rows: Int, columns: Int, scale: [Float]? = nil, mask: Mask? = nil, noise: Double = 0
  ) throws {
    let count = known.samples.values.count
    guard count <= Self.maximumKnown else {
      throw Fault(
        "too many samples are known to plan from", at: "samples", expected: "at most \(Self.maximumKnown)",
        found: "\(count)", hint: "give a part of the area, or every second sample")
    }
    let lattice = Self.lattice(rows: rows, columns: columns)
    let process = try known.process(Array(0..<count))
    let factors = lattice.rows.flatMap { row in
      lattice.columns.map { column in scale.map { Double($0[row * columns + column]) } ?? 1 }
    }
    let matrix = process.covariance(
      rows: lattice.rows.map(Double.init), columns: lattice.columns.map(Double.init), scaledBy: factors)
    // What is not correlated cannot be foretold from any measurement, and is measured with the rest.
    self.init(
      matrix, lattice: lattice, columns: columns, mask: mask, noise: noise + known.fit.nugget * known.fit.variance)
  }

  /// From draws of a generative model: their covariance, tapered with distance, because few draws have large chance
  /// correlations (P. Houtekamer and H. Mitchell, Mon. Weather Rev. 129, 2001: the Schur product of the ensemble filter).
  ///
  /// - Parameters:
  ///   - ensemble: two maps at least, all of one shape [dB].
  ///   - reach: the distance at which correlations have fallen to 0.6 of the draws' [pixels].
  ///   - mask: which pixels count and may be measured; nil: all.
  ///   - noise: the variance of a measurement's error [dB²].
  /// - Throws: `Fault` when there are fewer than two maps, or they differ in shape.
  public init(ensemble: [ChannelFingerprint], reach: Double, mask: Mask? = nil, noise: Double = 0) throws {
    guard ensemble.count > 1, let shape = ensemble.first,
      ensemble.allSatisfy({ $0.rows == shape.rows && $0.columns == shape.columns })
    else {
      throw Fault(
        "cannot plan from these draws", at: "ensemble", expected: "two maps of one shape at least",
        found: "\(ensemble.count)")
    }
    let lattice = Self.lattice(rows: shape.rows, columns: shape.columns)
    let places = lattice.rows.flatMap { row in lattice.columns.map { row * shape.columns + $0 } }
    let count = Double(ensemble.count)
    var draws = DoubleMatrix(rows: ensemble.count, columns: places.count) { Double(ensemble[$0].values[places[$1]]) }
    for place in places.indices {
      let mean = (0..<ensemble.count).reduce(0.0) { $0 + draws[$1, place] } / count
      for draw in 0..<ensemble.count { draws.values[draw * places.count + place] -= mean }
    }
    var matrix = draws.times(draws, transposed: true)
    let vertical = Self.taper(lattice.rows, reach: reach), horizontal = Self.taper(lattice.columns, reach: reach)
    let width = lattice.columns.count
    for a in places.indices {
      for b in places.indices {
        matrix.values[a * places.count + b] *=
          vertical[a / width, b / width] * horizontal[a % width, b % width] / (count - 1)
      }
    }
    self.init(matrix, lattice: lattice, columns: shape.columns, mask: mask, noise: noise)
  }

  private static func taper(_ lines: [Int], reach: Double) -> DoubleMatrix {
    DoubleMatrix(rows: lines.count, columns: lines.count) {
      Covariance.squaredExponential.correlation(Double(lines[$0] - lines[$1]), length: reach)
    }
  }

  private init(
    _ covariance: DoubleMatrix, lattice: (rows: [Int], columns: [Int]), columns: Int, mask: Mask?, noise: Double
  ) {
    (rows, self.columns) = lattice
    self.covariance = covariance
    self.noise = noise
    let count = covariance.rows
    let isOpen = lattice.rows.flatMap { row in lattice.columns.map { mask?[row * columns + $0] != false } }
    let counts = isOpen.map { $0 ? 1.0 : 0 }
    variances = (0..<count).map { max(covariance[$0, $0], 0) }
    squares = [Double](repeating: 0, count: count)
    for t in 0..<count where counts[t] > 0 {
      for c in 0..<count {
        let value = covariance.values[t * count + c]
        squares[c] += value * value
      }
    }
    self.isOpen = isOpen
    self.counts = counts
  }

  /// Every pixel, or every second, third, ... row and column, so that places are not too many.
  private static func lattice(rows: Int, columns: Int) -> (rows: [Int], columns: [Int]) {
    var step = 1
    while ((rows + step - 1) / step) * ((columns + step - 1) / step) > maximumPlaces { step += 1 }
    return (Array(stride(from: step / 2, to: rows, by: step)), Array(stride(from: step / 2, to: columns, by: step)))
  }

  /// The expected mean square error of the map [dB²] with what is measured and chosen so far.
  public var expectedMeanSquare: Double {
    let total = counts.reduce(0, +)
    return total > 0 ? zip(variances, counts).reduce(0.0) { $0 + $1.0 * $1.1 } / total : 0
  }

  /// Closes places to measurements, such as those that are measured already.
  public mutating func exclude(row: Int, column: Int) {
    guard let y = rows.firstIndex(of: row), let x = columns.firstIndex(of: column) else { return }
    isOpen[y * columns.count + x] = false
  }

  /// The next place; nil when no open place would reduce the error.
  public mutating func next() -> PlannedMeasurement? {
    let count = covariance.rows
    // A variance that is rounding of what it was is none.
    let least = 1e-10 * (0..<count).reduce(0.0) { max($0, covariance[$1, $1]) }
    var best: (place: Int, gain: Double)?
    for place in 0..<count where isOpen[place] && variances[place] > least {
      let gain = squares[place] / (variances[place] + noise)
      if gain > best?.gain ?? 0 { best = (place, gain) }
    }
    guard let place = best?.place else { return nil }
    isOpen[place] = false
    condition(on: place)
    return PlannedMeasurement(
      row: rows[place / columns.count], column: columns[place % columns.count], expectedMeanSquare: expectedMeanSquare)
  }

  /// C' = C - v vᵀ with v = C(·, c) / √(C(c, c) + n), and so
  /// Σ_t w C'(t, c)² = Σ_t w C(t, c)² - 2 v_c (C W v)_c + v_c² vᵀ W v.
  private mutating func condition(on place: Int) {
    let count = covariance.rows
    var v = Array(covariance.values[place * count..<(place + 1) * count])
    for old in taken {
      let factor = old[place]
      for i in 0..<count { v[i] -= factor * old[i] }
    }
    let scale = 1 / (max(v[place], 0) + noise).squareRoot()
    for i in 0..<count { v[i] *= scale }
    let weighted = zip(v, counts).map { $0 * $1 }
    var product = covariance.times(DoubleMatrix(rows: count, columns: 1, values: weighted)).values
    for old in taken {
      let factor = zip(old, weighted).reduce(0.0) { $0 + $1.0 * $1.1 }
      for i in 0..<count { product[i] -= factor * old[i] }
    }
    let norm = zip(v, weighted).reduce(0.0) { $0 + $1.0 * $1.1 }
    for i in 0..<count {
      squares[i] = max(squares[i] - 2 * v[i] * product[i] + v[i] * v[i] * norm, 0)
      variances[i] = max(variances[i] - v[i] * v[i], 0)
    }
    taken.append(v)
  }
}

extension DenseProcess {
  /// The posterior covariance of the smooth field between all places of a lattice [dB²], each scaled by a factor.
  func covariance(rows: [Double], columns: [Double], scaledBy factors: [Double]) -> DoubleMatrix {
    let (correlations, open) = whitened(rows: rows, columns: columns)
    var matrix = correlations.times(correlations, transposed: true)
    let count = open.count, width = columns.count
    func table(_ lines: [Double]) -> DoubleMatrix {
      DoubleMatrix(rows: lines.count, columns: lines.count) {
        fit.covariance.correlation(lines[$0] - lines[$1], length: fit.length)
      }
    }
    let vertical = table(rows), horizontal = table(columns)
    for a in 0..<count {
      for b in 0..<count {
        let prior = vertical[a / width, b / width] * horizontal[a % width, b % width]
        let index = a * count + b
        matrix.values[index] =
          fit.variance * factors[a] * factors[b]
          * (prior - matrix.values[index] + trendCovariance(open[a], open[b]))
      }
    }
    return matrix
  }
}
