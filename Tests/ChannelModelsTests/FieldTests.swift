import Computing
import Foundation
import Testing
@testable import ChannelModels

/// The fields behind everything: sums of sinusoids, and the matrix that correlates them.
@Suite struct FieldTests {
  /// Clause 7.6.3's autocorrelation is not positive definite; 0.0168 is the design's own distance from it, the
  /// rest is the finite number of sinusoids.
  static let autocorrelationTolerance = 0.02

  @Test(arguments: [12.0, 50.0])
  func ensembleAutocorrelationFollowsTheFormula(decorrelation: Double) {
    let basis = SinusoidBasis(decorrelation: decorrelation)
    for step in 0...300 {
      let distance = Double(step) * decorrelation / 20  // up to 15 decorrelation distances
      let error = basis.autocorrelation(distance: distance) - basis.target(distance: distance)
      #expect(abs(error) < Self.autocorrelationTolerance, "at \(distance) m")
    }
  }

  @Test func drawnFieldsHaveUnitVarianceAndTheEnsembleAutocorrelation() {
    // 300 fields over 20 x 20 decorrelation distances: about 100,000 independent patches, so the standard error
    // of a correlation is 0.003 and four of them are allowed.
    let grid = AreaGrid(columns: 200, rows: 40, spacing: 2)
    let basis = SinusoidBasis(decorrelation: 20)
    var scratch: [Float] = []
    var sums = [Double](repeating: 0, count: 31)
    var counts = sums
    var mean = 0.0
    for sample in 0..<300 {
      let tables = basis.tables(grid: grid, rotation: Double(sample))
      let phases = RandomStream(seed: 3, purpose: .test).uniform(SinusoidBasis.count, sample: sample)
      var field = [Float](repeating: 0, count: grid.count)
      field.withUnsafeMutableBufferPointer {
        tables.evaluate(
          [.init(phases: phases)], rows: 0..<grid.rows, into: $0.baseAddress!, scratch: &scratch,
          accumulate: false)
      }
      for row in 0..<grid.rows {
        for column in 0..<(grid.columns - 30) {
          let here = Double(field[row * grid.columns + column])
          mean += here
          for lag in 0...30 {
            sums[lag] += here * Double(field[row * grid.columns + column + lag])
            counts[lag] += 1
          }
        }
      }
    }
    #expect(abs(mean / counts[0]) < 0.012)
    for lag in 0...30 {
      let expected = basis.autocorrelation(distance: 2 * Double(lag))
      #expect(abs(sums[lag] / counts[lag] - expected) < 0.012, "lag \(2 * lag) m")
    }
  }

  @Test func bandsOfRowsGiveTheBitsOfTheWholeMap() {
    let grid = AreaGrid(columns: 33, rows: 17, spacing: 1.5)
    let tables = SinusoidBasis(decorrelation: 9).tables(grid: grid, rotation: 1)
    let phases = RandomStream(seed: 3, purpose: .test).uniform(SinusoidBasis.count)
    var scratch: [Float] = []
    var direct = [Float](repeating: 0, count: grid.count)
    direct.withUnsafeMutableBufferPointer {
      tables.evaluate(
        [.init(phases: phases)], rows: 0..<17, into: $0.baseAddress!, scratch: &scratch, accumulate: false)
    }
    let oracle = SinusoidOracle(phases: phases, decorrelation: 9, rotation: 1)
    for row in stride(from: 0, to: 17, by: 4) {
      for column in stride(from: 0, to: 33, by: 5) {
        let expected = oracle.value(x: grid.x(column), y: grid.y(row))
        #expect(abs(Double(direct[row * 33 + column]) - expected) < 1e-4)  // float sums of 640 terms
      }
    }
  }

  @Test(arguments: Scenario.allCases, [true, false])
  func rootReproducesTheCorrelationMatrix(scenario: Scenario, lineOfSight: Bool) {
    var configuration = SimulationConfiguration(scenario: scenario, propagation: .mixed)
    configuration.seed = 1
    let fields = LargeScaleFields(configuration: configuration, lineOfSight: lineOfSight)
    for (first, second, value) in fields.parameters.correlations {
      let drawn = fields.correlation(first, second)
      // The clause's matrices are positive definite up to a few thousandths.
      #expect(abs(drawn - value) < 0.02, "\(scenario) \(lineOfSight) \(first)-\(second)")
    }
    for parameter in fields.active { #expect(abs(fields.correlation(parameter, parameter) - 1) < 1e-9) }
  }

  @Test(arguments: [true, false])
  func drawnLargeScaleFieldsAreCrossCorrelatedAsTheTableSays(lineOfSight: Bool) {
    // 200 maps of 12 x 12 decorrelation distances and more: standard error 1 / sqrt(28800) = 0.006; the bar is 0.05.
    var configuration = SimulationConfiguration(
      scenario: .uma, propagation: lineOfSight ? .lineOfSight : .nonLineOfSight, seed: 11)
    configuration.grid = AreaGrid(columns: 20, rows: 20, spacing: 30)
    let fields = LargeScaleFields(configuration: configuration, lineOfSight: lineOfSight)
    let bases = fields.distances.map { SinusoidBasis(decorrelation: $0) }
    var products: [[Double]] = Array(repeating: Array(repeating: 0, count: 8), count: 8)
    for sample in 0..<200 {
      let tables = Dictionary(
        uniqueKeysWithValues: bases.map {
          ($0.decorrelation, $0.tables(grid: configuration.grid, rotation: Double(sample)))
        })
      let drawn = fields.draw(fields.active, sample: sample, tables: tables)
      for (first, a) in drawn {
        for (second, b) in drawn {
          products[first.rawValue][second.rawValue] += zip(a, b).reduce(0) { $0 + Double($1.0 * $1.1) }
        }
      }
    }
    for first in fields.active {
      for second in fields.active {
        let (i, j) = (first.rawValue, second.rawValue)
        let measured = products[i][j] / (products[i][i] * products[j][j]).squareRoot()
        #expect(abs(measured - fields.correlation(first, second)) < 0.05, "\(first)-\(second): \(measured)")
      }
    }
  }
}

/// A sum of sinusoids term by term, in double.
private struct SinusoidOracle {
  let phases: [Float]
  let basis: SinusoidBasis
  let rotation: Double

  init(phases: [Float], decorrelation: Double, rotation: Double) {
    self.phases = phases
    basis = SinusoidBasis(decorrelation: decorrelation)
    self.rotation = rotation
  }

  func value(x: Double, y: Double) -> Double {
    let n = SinusoidBasis.count
    return (0..<n).reduce(0) { sum, k in
      let wave = basis.wave(k, rotation: rotation)
      return sum
        + (2 / Double(n)).squareRoot() * cos(2 * .pi * (wave.x * x + wave.y * y + Double(phases[k])))
    }
  }
}
