import CKernels
import Essentials

/// Tensor-product cubic spline through the samples, with the not-a-knot condition at both ends (C. de Boor, A Practical
/// Guide to Splines, 1978, chapter IV) and straight on beyond the last sample, with the spline's own slope there.
///
/// Exact for cubics between the samples. Among natural and not-a-knot ends, each continued as the end's cubic, with the
/// end's slope or with the line through the last two samples, this one had the least error on smooth maps (non-line-of-sight
/// path power) at x16 and was near the least at x2 to x8; the continued cubic swings far out where a map is not smooth.
/// Safe to use from several threads at once.
public struct Spline: Interpolator {
  /// As it stands in tables.
  public var name: String { "spline" }
  /// Where the samples lie.
  public let grid: SamplingGrid
  private let vertical: DoubleMatrix  // [rows, coarseRows]
  private let horizontal: DoubleMatrix  // [columns, coarseColumns]

  /// - Parameter grid: where the samples lie.
  public init(grid: SamplingGrid) {
    ck_gemm_prepare()
    self.grid = grid
    vertical = Self.weights(count: grid.coarseRows, grid)
    horizontal = Self.weights(count: grid.coarseColumns, grid)
  }

  /// The fine map; samples that are not valid are first filled from the nearest valid one.
  ///
  /// - Throws: `Fault` when the coarse map has not the grid's shape, or no valid sample.
  public func interpolate(_ coarse: StationMap) throws -> InterpolatedMap {
    try grid.requireShape(of: coarse.map)
    let map = try filled(coarse)
    let fine = DoubleMatrix(rows: map.rows, columns: map.columns, values: map.values.map(Double.init))
      .transformed(left: vertical, right: horizontal)
    return InterpolatedMap(
      map: ChannelFingerprint(rows: grid.rows, columns: grid.columns, values: fine.values.map { Float($0) }))
  }

  /// What each sample of an axis contributes to each fine position: `[position, sample]`.
  private static func weights(count: Int, _ grid: SamplingGrid) -> DoubleMatrix {
    guard count > 1 else { return DoubleMatrix(rows: grid.magnification, columns: 1) { _, _ in 1 } }
    let curvature = curvatures(count: count)
    let unit = DoubleMatrix(rows: count, columns: count) { $0 == $1 ? 1 : 0 }
    return DoubleMatrix(rows: count * grid.magnification, columns: count) { position, sample in
      let place = Double(position - grid.offset) / Double(grid.magnification)
      func value(_ i: Int) -> Double { unit[i, sample] }
      func bend(_ i: Int) -> Double { curvature[i, sample] }
      if place < 0 {
        return value(0) + place * (value(1) - value(0) - (2 * bend(0) + bend(1)) / 6)
      }
      let last = count - 1
      if place > Double(last) {
        return value(last)
          + (place - Double(last)) * (value(last) - value(last - 1) + (bend(last - 1) + 2 * bend(last)) / 6)
      }
      let cell = min(Int(place), last - 1)
      let (t, s) = (place - Double(cell), 1 - (place - Double(cell)))
      return s * value(cell) + t * value(cell + 1) + ((s * s * s - s) * bend(cell) + (t * t * t - t) * bend(cell + 1))
        / 6
    }
  }

  /// The spline's second derivatives at the samples that each sample's value gives rise to: `[place, sample]`.
  ///
  /// Not-a-knot on even steps makes the second derivative one sample in equal to the second difference there, so the
  /// system between is the tridiagonal one of the natural spline.
  private static func curvatures(count: Int) -> DoubleMatrix {
    var bend = [Double](repeating: 0, count: count * count)
    guard count > 2 else { return DoubleMatrix(rows: count, columns: count, values: bend) }
    func difference(_ i: Int, _ sample: Int) -> Double { sample == i ? -2 : abs(sample - i) == 1 ? 1 : 0 }
    for sample in 0..<count {
      bend[count + sample] = difference(1, sample)
      bend[(count - 2) * count + sample] = difference(count - 2, sample)
      // b_(i-1) + 4 b_i + b_(i+1) = 6 d_i for 1 < i < count - 2 (Thomas' algorithm).
      var diagonals = [Double](repeating: 4, count: count)
      var right = (0..<count).map { $0 > 0 && $0 < count - 1 ? 6 * difference($0, sample) : 0 }
      if count > 4 {
        right[2] -= bend[count + sample]
        right[count - 3] -= bend[(count - 2) * count + sample]
        for i in 3..<max(count - 2, 3) {
          diagonals[i] -= 1 / diagonals[i - 1]
          right[i] -= right[i - 1] / diagonals[i - 1]
        }
        for i in (2..<count - 2).reversed() {
          let next = i + 1 < count - 2 ? bend[(i + 1) * count + sample] : 0
          bend[i * count + sample] = (right[i] - next) / diagonals[i]
        }
      }
      func inner(_ i: Int) -> Double { bend[i * count + sample] }
      // A parabola where there are three samples only.
      bend[sample] = count > 3 ? 2 * inner(1) - inner(2) : inner(1)
      bend[(count - 1) * count + sample] = count > 3 ? 2 * inner(count - 2) - inner(count - 3) : inner(1)
    }
    return DoubleMatrix(rows: count, columns: count, values: bend)
  }
}
