import Essentials
import Interpolation
import Testing

@Suite struct SplineTests {
  @Test(arguments: [2, 8], [0, 1])
  func cubicsAreReproducedBetweenTheSamples(_ magnification: Int, _ offset: Int) throws {
    let truth = UpsamplerTests.map(64, 48) { y, x in
      let (y, x) = (y / 16, x / 16)
      return 0.3 * y * y * y - y * y + x * x * x - 2 * x * y + 0.1 * x * x * y * y - 60
    }
    let grid = try SamplingGrid(rows: 64, columns: 48, magnification: magnification, offset: offset)
    let coarse = try decimate(truth, magnification: magnification, offset: offset)
    let fine = try Spline(grid: grid).interpolate(StationMap(coarse)).map
    #expect(try decimate(fine, magnification: magnification, offset: offset) == coarse)
    for row in offset...(64 - magnification + offset) {
      for column in offset...(48 - magnification + offset) {
        #expect(abs(fine[row, column] - truth[row, column]) < UpsamplerTests.rounding)
      }
    }
  }

  @Test func beyondTheLastSampleItGoesStraightOn() throws {
    let grid = try SamplingGrid(coarseRows: 1, coarseColumns: 6, magnification: 8, offset: 3)
    let coarse = ChannelFingerprint(rows: 1, columns: 6, values: [0, 1, -1, 3, 2, 5])
    let fine = try Spline(grid: grid).interpolate(StationMap(coarse)).map
    for column in [1, 2, 45, 46] {
      #expect(abs(fine[0, column - 1] - 2 * fine[0, column] + fine[0, column + 1]) < 1e-5)
    }
    // Halfway between samples: SciPy 1.17.1, CubicSpline(bc_type="not-a-knot").
    let reference: [(Int, Float)] = [(7, 1.8541667), (15, -0.6041667), (23, 0.9375), (31, 2.9791667), (39, 2.0208333)]
    for (column, value) in reference { #expect(abs(fine[0, column] - value) < 1e-5) }
  }

  @Test(arguments: [1, 2, 3, 4, 5])
  func fewSamplesGiveTheCurveThatFits(_ count: Int) throws {
    // A polynomial with as many coefficients as there are samples, a cubic at most.
    let truth = UpsamplerTests.map(4 * count, 4) { y, _ in
      let t = y / 4
      return 2 + (count > 1 ? 3 * t : 0) + (count > 2 ? -t * t : 0) + (count > 3 ? 0.5 * t * t * t : 0)
    }
    let grid = try SamplingGrid(rows: 4 * count, columns: 4, magnification: 4)
    let fine = try Spline(grid: grid).interpolate(StationMap(decimate(truth, magnification: 4))).map
    for row in 0...(4 * count - 4) { #expect(abs(fine[row, 0] - truth[row, 0]) < UpsamplerTests.rounding) }
  }

  @Test func holesAreFilledAndAWrongShapeIsAFault() throws {
    let grid = try SamplingGrid(rows: 8, columns: 8, magnification: 2)
    var map = ChannelFingerprint(rows: 4, columns: 4, repeating: -70)
    map[0, 0] = .nan
    let fine = try Spline(grid: grid).interpolate(StationMap(map, mask: Mask((0..<16).map { $0 > 0 }))).map
    #expect(fine.values.allSatisfy { abs($0 + 70) < 1e-4 })
    #expect(throws: Fault.self) {
      try Spline(grid: grid).interpolate(StationMap(ChannelFingerprint(rows: 4, columns: 5, repeating: 0)))
    }
  }
}
