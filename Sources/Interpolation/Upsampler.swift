import Essentials

/// Separable, grid-aligned upsampling with weights computed once, for any number of maps.
///
/// Coarse sample (i, j) keeps its value at fine pixel (offset + m i, offset + m j). Linear maps are reproduced
/// exactly by `bilinear` and `bicubic` over the whole area, also beyond the last sample. Safe to use from several
/// threads at once.
public struct Upsampler: Interpolator {
  /// Where the samples lie.
  public let grid: SamplingGrid
  /// The kernel.
  public let method: UpsamplingMethod
  /// As it stands in tables.
  public var name: String { method.rawValue }
  private let vertical: AxisWeights
  private let horizontal: AxisWeights

  /// - Parameters:
  ///   - grid: where the samples lie.
  ///   - method: the kernel.
  public init(grid: SamplingGrid, method: UpsamplingMethod) {
    self.grid = grid
    self.method = method
    vertical = AxisWeights(
      count: grid.coarseRows, magnification: grid.magnification, offset: grid.offset, method: method)
    horizontal = AxisWeights(
      count: grid.coarseColumns, magnification: grid.magnification, offset: grid.offset, method: method)
  }

  /// - Parameters:
  ///   - rows: rows of the fine map.
  ///   - columns: columns of the fine map.
  ///   - magnification: fine pixels from one sample to the next.
  ///   - method: the kernel.
  /// - Throws: `Fault` when the magnification does not divide the map.
  public init(rows: Int, columns: Int, magnification: Int, method: UpsamplingMethod) throws {
    self.init(
      grid: try SamplingGrid(rows: rows, columns: columns, magnification: magnification), method: method)
  }

  /// The fine map; samples that are not valid are first filled from the nearest valid one.
  ///
  /// - Throws: `Fault` when the coarse map has not the grid's shape, or no valid sample.
  public func interpolate(_ coarse: StationMap) throws -> InterpolatedMap {
    try grid.requireShape(of: coarse.map)
    let samples = try filled(coarse)
    var fine = ChannelFingerprint(rows: grid.rows, columns: grid.columns, repeating: 0)
    samples.values.withUnsafeBufferPointer { samples in
      fine.values.withUnsafeMutableBufferPointer { upsample(samples, into: $0) }
    }
    return InterpolatedMap(map: fine)
  }

  /// Upsamples one map from buffer to buffer; 4 multiply-adds a pixel and pass at most.
  ///
  /// - Parameters:
  ///   - coarse: `[coarseRows, coarseColumns]`, all valid.
  ///   - fine: receives `[rows, columns]`.
  public func upsample(_ coarse: UnsafeBufferPointer<Float>, into fine: UnsafeMutableBufferPointer<Float>) {
    precondition(coarse.count == grid.samples && fine.count == grid.pixels, "buffers of the wrong size")
    let columns = grid.columns
    withUnsafeTemporaryAllocation(of: Float.self, capacity: grid.coarseRows * columns) { wide in
      for row in 0..<grid.coarseRows {  // [coarseRows, coarseColumns] -> [coarseRows, columns]
        let line = coarse.baseAddress! + row * grid.coarseColumns
        let out = wide.baseAddress! + row * columns
        for column in 0..<columns {
          let start = line + Int(horizontal.first[column])
          var sum: Float = 0
          for tap in 0..<horizontal.taps {
            sum += horizontal.weights[column * horizontal.taps + tap] * start[tap]
          }
          out[column] = sum
        }
      }
      for row in 0..<grid.rows {  // -> [rows, columns]
        let out = fine.baseAddress! + row * columns
        let start = wide.baseAddress! + Int(vertical.first[row]) * columns
        let weights = vertical.weights[(row * vertical.taps)..<((row + 1) * vertical.taps)]
        Self.combine(start, weights, columns: columns, into: out)
      }
    }
  }

  /// out = sum over taps of weight · line; the loop over columns is innermost, so that it vectorises.
  private static func combine(
    _ lines: UnsafeMutablePointer<Float>, _ weights: ArraySlice<Float>, columns: Int,
    into out: UnsafeMutablePointer<Float>
  ) {
    let first = weights.startIndex
    for column in 0..<columns { out[column] = weights[first] * lines[column] }
    for tap in 1..<max(weights.count, 1) {
      let weight = weights[first + tap]
      guard weight != 0 else { continue }
      let line = lines + tap * columns
      for column in 0..<columns { out[column] += weight * line[column] }
    }
  }
}

/// The map with every sample that is not valid replaced by the nearest valid one (Euclidean distance on the grid;
/// of equally near ones the first in row order), so that holes do not bend what is interpolated around them.
///
/// - Parameter coarse: the coarse map; what invalid samples hold is not looked at. Without any it is returned as it is.
/// - Throws: `Fault` when no sample is valid.
public func filled(_ coarse: StationMap) throws -> ChannelFingerprint {
  let map = coarse.map
  guard let mask = coarse.mask, !mask.isAll else { return map }
  guard !mask.isEmpty else {
    throw Fault("the coarse map has no valid sample", at: "coarse map", expected: "one at least")
  }
  var result = map
  for row in 0..<map.rows {
    for column in 0..<map.columns where !mask[row * map.columns + column] {
      let (r, c) = nearestValid(row, column, rows: map.rows, columns: map.columns, mask)
      result[row, column] = map[r, c]
    }
  }
  return result
}

/// Searches square rings outwards until no nearer sample is possible.
private func nearestValid(
  _ row: Int, _ column: Int, rows: Int, columns: Int, _ mask: Mask
) -> (Int, Int) {
  var best = (row, column)
  var bestDistance = Int.max
  var radius = 1
  while radius < max(rows, columns), radius * radius <= bestDistance {
    for r in max(row - radius, 0)...min(row + radius, rows - 1) {
      let wholeLine = abs(r - row) == radius
      for c in stride(from: column - radius, through: column + radius, by: wholeLine ? 1 : 2 * radius)
      where (0..<columns).contains(c) && mask[r * columns + c] {
        let distance = (r - row) * (r - row) + (c - column) * (c - column)
        if distance < bestDistance || (distance == bestDistance && (r, c) < best) {
          (best, bestDistance) = ((r, c), distance)
        }
      }
    }
    radius += 1
  }
  return best
}
