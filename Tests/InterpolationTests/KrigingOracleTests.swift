import Computing
import Essentials
import Foundation
import Testing

@testable import Interpolation

/// Kriging through eigenvectors against dense formulas, and these against Gaussian elimination.
@Suite struct KrigingOracleTests {
  /// Inverse and ln |determinant| of a symmetric positive matrix, by Gauss and Jordan.
  static func inverse(_ matrix: [[Double]]) -> (inverse: [[Double]], logDeterminant: Double) {
    let n = matrix.count
    var work = (0..<n).map { row in matrix[row] + (0..<n).map { $0 == row ? 1 : 0 } }
    var log = 0.0
    for pivot in 0..<n {
      log += Foundation.log(work[pivot][pivot])
      let scale = work[pivot][pivot]
      work[pivot] = work[pivot].map { $0 / scale }
      for row in 0..<n where row != pivot {
        let factor = work[row][pivot]
        for column in 0..<2 * n { work[row][column] -= factor * work[pivot][column] }
      }
    }
    return (work.map { Array($0[n...]) }, log)
  }

  static func product(_ a: [[Double]], _ b: [[Double]]) -> [[Double]] {
    a.map { row in b[0].indices.map { column in zip(row, b).reduce(0) { $0 + $1.0 * $1.1[column] } } }
  }

  static func transposed(_ a: [[Double]]) -> [[Double]] { a[0].indices.map { column in a.map { $0[column] } } }

  static func rough(_ rows: Int, _ columns: Int, seed: UInt64) -> ChannelFingerprint {
    let noise = RandomStream(seed: seed, purpose: .test).gaussian(rows * columns)
    return UpsamplerTests.map(rows, columns) { y, x in
      -80 + 3 * sin(0.7 * y) + 2 * cos(0.5 * x) + 0.3 * Double(noise[Int(y) * columns + Int(x)])
    }
  }

  static let station = SIMD3<Float>(9, 4, 25)
  /// Double rounding through condition numbers of 1e4 at most (nuggets of these maps are above 1e-4).
  static let rounding = 1e-8

  @Test(arguments: [(4, 5, 3, 0), (1, 9, 4, 2), (6, 6, 2, 1), (2, 2, 8, 0)], [true, false])
  func theFactoredPosteriorIsTheDenseOne(_ shape: (Int, Int, Int, Int), _ hasStation: Bool) throws {
    let (rows, columns, magnification, offset) = shape
    let grid = try SamplingGrid(
      coarseRows: rows, coarseColumns: columns, magnification: magnification, offset: offset)
    let coarse = StationMap(
      Self.rough(rows, columns, seed: 5), station: hasStation ? Self.station : nil)
    for kind in [Kriging.Samples.exact, .noisy] {
      let kriging = try Kriging(grid: grid, samples: kind)
      let problem = try kriging.prepared(coarse)
      var candidate = try kriging.search(problem).best()
      // The oracle's own limit is a condition that plain elimination bears.
      candidate = Self.retried(candidate, kriging, problem, nugget: max(candidate.nugget, 1e-3))
      let posterior = kriging.prediction(candidate, problem, station: coarse.station)
      let fit = KrigingFit(candidate, kriging.bases[candidate.basis], problem)
      let dense = try DenseProcess(
        positions: (0..<grid.samples).map { (i: Int) in
          SIMD2(Double(offset + i / columns * magnification), Double(offset + i % columns * magnification))
        }, values: coarse.map.values.map(Double.init), fit: fit, kind: kind,
        station: problem.trends == 2 ? SIMD3<Double>(Self.station) : nil, area: kriging.area
      ).posterior(rows: (0..<grid.rows).map(Double.init), columns: (0..<grid.columns).map(Double.init))
      for pixel in 0..<grid.pixels {
        #expect(abs(posterior.mean[pixel] - dense.mean[pixel]) < Self.rounding)
        #expect(abs(posterior.variance[pixel] - dense.variance[pixel]) < Self.rounding * max(1, fit.variance))
      }
    }
  }

  static func retried(
    _ candidate: KrigingCandidate, _ kriging: Kriging, _ problem: KrigingSamples, nugget: Double
  ) -> KrigingCandidate {
    let basis = kriging.bases[candidate.basis]
    return KrigingSearch.candidate(
      candidate.basis, basis, nugget, problem.rotated(basis), logDeterminant: basis.logDeterminant(nugget: nugget),
      problem)
  }

  @Test(arguments: Covariance.allCases)
  func likelihoodTrendAndPredictionAreThoseOfTheTextbook(_ covariance: Covariance) throws {
    let grid = try SamplingGrid(coarseRows: 3, coarseColumns: 4, magnification: 2)
    let kriging = try Kriging(grid: grid, samples: .noisy, covariances: [covariance])
    let coarse = StationMap(Self.rough(3, 4, seed: 8), station: Self.station)
    let problem = try kriging.prepared(coarse)
    let number = 5, nugget = 0.01
    let basis = kriging.bases[number]
    let candidate = KrigingSearch.candidate(
      number, basis, nugget, problem.rotated(basis), logDeterminant: basis.logDeterminant(nugget: nugget), problem)
    let places = (0..<12).map { (i: Int) in SIMD2(Double(i / 4 * 2), Double(i % 4 * 2)) }
    let length = basis.vertical.length
    let matrix = places.indices.map { i in
      places.indices.map { j in
        covariance.correlation(places[i] - places[j], length: length) + (i == j ? nugget : 0)
      }
    }
    let (v, logDeterminant) = Self.inverse(matrix)
    let y = problem.values.values.map { [$0] }
    let h = try #require(problem.distances).values.map { [1, $0] }
    let (information, logInformation) = Self.inverse(Self.product(Self.transposed(h), Self.product(v, h)))
    let beta = Self.product(information, Self.product(Self.transposed(h), Self.product(v, y)))
    let residual = zip(y, Self.product(h, beta)).map { [$0[0] - $1[0]] }
    let variance = Self.product(Self.transposed(residual), Self.product(v, residual))[0][0] / 10
    #expect(abs(candidate.trend.x - beta[0][0]) < Self.rounding && abs(candidate.trend.y - beta[1][0]) < Self.rounding)
    #expect(abs(candidate.variance - variance) < Self.rounding * variance)
    // The information's determinant is that of the inverse of what was inverted here.
    let likelihood: Double = -0.5 * (10 * log(variance) + logDeterminant + logInformation)
    #expect(abs(candidate.logLikelihood - likelihood) < Self.rounding * abs(likelihood))
    var validated = candidate
    validated.validate(basis, problem.rotated(basis))
    let weighted = Self.product(v, residual)
    let errors = weighted.indices.map { weighted[$0][0] / v[$0][$0] }
    let validation: Double = errors.reduce(0) { $0 + $1 * $1 } / 12
    #expect(abs(try #require(validated.crossValidation) - validation) < Self.rounding * validation)
    let squares = errors.indices.map { errors[$0] * errors[$0] * v[$0][$0] }
    let scaled: Double = squares.reduce(0, +) / 12
    #expect(abs(validated.variance - scaled) < Self.rounding * scaled)

    let posterior = kriging.prediction(candidate, problem, station: coarse.station)
    for pixel in 0..<grid.pixels {
      let place = SIMD2(Double(pixel / grid.columns), Double(pixel % grid.columns))
      let k = places.map { [covariance.correlation($0 - place, length: length)] }
      let lg = kriging.area.logDistance(place, SIMD3<Double>(Self.station)) - problem.meanDistance
      let weights = Self.product(Self.transposed(k), v)
      let trendThere: Double = problem.level + beta[0][0] + lg * beta[1][0]
      let mean = trendThere + Self.product(weights, residual)[0][0]
      #expect(abs(posterior.mean[pixel] - mean) < Self.rounding)
      let covered = Self.product(weights, h)[0]
      let open = [[1 - covered[0], lg - covered[1]]]
      let trend = Self.product(open, Self.product(information, Self.transposed(open)))[0][0]
      let explained = Self.product(weights, k)[0][0]
      let own: Double = variance * (1 - explained + trend)
      #expect(abs(posterior.variance[pixel] - own) < Self.rounding)
    }
  }

  @Test func moreSamplesThanAtOnceAreCloseToAllOfThem() throws {
    // 1600 samples less some holes: the moving neighbourhood against the whole grid's kriging.
    let truth = KrigingTests.smoothField(80, 80, length: 3, seed: 3)
    let grid = try SamplingGrid(rows: 80, columns: 80, magnification: 2)
    var coarse = StationMap(try decimate(truth, magnification: 2))
    let kriging = try Kriging(grid: grid)
    let whole = try kriging.interpolate(coarse)
    let valid = (0..<1600).map { !($0 % 97 == 5) }
    coarse.mask = Mask(valid)
    for place in 0..<1600 where !valid[place] { coarse.map.values[place] = .nan }
    let holes = try kriging.interpolate(coarse)
    let error = KrigingTests.meanSquare(holes.map, truth), least = KrigingTests.meanSquare(whole.map, truth)
    // One sample in 97 is missing, and its surroundings are a few times as uncertain as others.
    #expect(least < error && error < 2 * least)
    // Holes are less certain than what lies among samples.
    let deviation = try #require(holes.deviation)
    for place in 0..<1600 where !valid[place] {
      let (row, column) = (place / 40 * 2, place % 40 * 2)
      #expect(deviation[row, column] > 0)
      if row > 2 { #expect(deviation[row, column] > deviation[row - 1, column]) }
    }
  }
}
