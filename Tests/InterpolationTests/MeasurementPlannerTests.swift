import Computing
import Essentials
import Foundation
import Testing

@testable import Interpolation

@Suite struct MeasurementPlannerTests {
  static func known(_ positions: [(Int, Int)], of truth: ChannelFingerprint) throws -> ScatteredKriging {
    try ScatteredKriging(
      ScatteredSamples(
        positions: positions.map { SIMD2(Double($0.0), Double($0.1)) }, values: positions.map { truth[$0.0, $0.1] }),
      extent: Double(max(truth.rows, truth.columns)), kind: .noisy)
  }

  static func corners(_ side: Int, step: Int) -> [(Int, Int)] {
    stride(from: 0, to: side, by: step).flatMap { row in stride(from: 0, to: side, by: step).map { (row, $0) } }
  }

  @Test func expectedErrorsAreThoseOfConditioningAnew() throws {
    let truth = KrigingTests.smoothField(12, 12, length: 3, seed: 2)
    let samples = Self.corners(12, step: 4)
    let kriging = try Self.known(samples, of: truth)
    var planner = try MeasurementPlanner(known: kriging, rows: 12, columns: 12)
    let lines = (0..<12).map(Double.init)
    var positions = kriging.samples.positions, values = kriging.samples.values.map(Double.init)
    func meanVariance() throws -> Double {
      let variance = try DenseProcess(
        positions: positions, values: values, fit: kriging.fit, kind: .noisy, station: nil, area: Area()
      ).posterior(rows: lines, columns: lines).variance
      return variance.reduce(0, +) / 144
    }
    // Double rounding of some thousand sums; variances are of the order of 1.
    #expect(abs(planner.expectedMeanSquare - (try meanVariance())) < 1e-7)
    for _ in 0..<5 {
      let before = positions
      let planned = planner.next()
      let next = try #require(planned)
      positions.append(SIMD2(Double(next.row), Double(next.column)))
      values.append(0)
      let expected = try meanVariance()
      #expect(abs(next.expectedMeanSquare - expected) < 1e-7)
      // No other place would have done better.
      for other in [(1, 1), (6, 6), (11, 11), (11, 2), (3, 9)] {
        let chosen = positions
        positions = before + [SIMD2(Double(other.0), Double(other.1))]
        #expect(try meanVariance() >= expected - 1e-9)
        positions = chosen
      }
    }
  }

  @Test func aWholeRegionThatIsUncertainIsMeasuredFirst() throws {
    let truth = KrigingTests.smoothField(32, 32, length: 4, seed: 6)
    let kriging = try Self.known(Self.corners(32, step: 4), of: truth)
    let scale = (0..<1024).map { Float($0 % 32 < 8 ? 5 : 1) }
    var planner = try MeasurementPlanner(known: kriging, rows: 32, columns: 32, scale: scale)
    for _ in 0..<4 {
      let next = planner.next()
      #expect(try #require(next).column < 10)
    }
  }

  @Test func drawsThatDifferInOnePlaceSendTheMeasurementThere() throws {
    let noise = RandomStream(seed: 4, purpose: .test)
    let draws = (0..<6).map { draw in
      let shift = Double(noise.gaussian(1, sample: draw)[0])
      return UpsamplerTests.map(24, 24) { y, x in
        -80 + 6 * shift * exp(-((y - 18) * (y - 18) + (x - 5) * (x - 5)) / 20) + 0.01 * shift * y
      }
    }
    var planner = try MeasurementPlanner(ensemble: draws, reach: 12)
    let before = planner.expectedMeanSquare
    let planned = planner.next()
    let next = try #require(planned)
    #expect(abs(next.row - 18) <= 2 && abs(next.column - 5) <= 2)
    #expect(next.expectedMeanSquare < 0.3 * before)
    #expect(throws: Fault.self) { try MeasurementPlanner(ensemble: Array(draws.prefix(1)), reach: 12) }
  }

  @Test func closedAndInvalidPlacesAreNotChosen() throws {
    let truth = KrigingTests.smoothField(16, 16, length: 3, seed: 7)
    let kriging = try Self.known(Self.corners(16, step: 8), of: truth)
    var planner = try MeasurementPlanner(
      known: kriging, rows: 16, columns: 16, mask: Mask((0..<256).map { $0 / 16 >= 14 || $0 % 16 >= 14 }))
    planner.exclude(row: 15, column: 15)
    var seen = Set<[Int]>()
    while seen.count < 300, let next = planner.next() {
      #expect(next.row >= 14 || next.column >= 14)
      #expect([next.row, next.column] != [15, 15])
      #expect(seen.insert([next.row, next.column]).inserted)
    }
    #expect(seen.count <= 59)
  }

  @Test func localScalesAreLargeAtEdges() throws {
    let truth = UpsamplerTests.map(64, 64) { y, x in
      -80 + 2 * sin(x / 19) + 2 * cos(y / 18) + (hypot(y - 22, x - 30) < 13 ? 12 : 0)
    }
    let scale = try Self.known(Self.corners(64, step: 4), of: truth).localScale(rows: 64, columns: 64)
    #expect(scale[32 * 64 + 38] > 2 * scale[56 * 64 + 30])
    #expect(scale[32 * 64 + 38] > 2 * scale[10 * 64 + 60])
  }
}
