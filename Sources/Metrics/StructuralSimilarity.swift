import Essentials
import Foundation

/// Mean structural similarity (Wang, Bovik, Sheikh, Simoncelli, IEEE Trans. Image Processing 13(4), 2004, eq. 13): an
/// 11×11 Gaussian window of deviation 1.5 pixels, C1 = (0.01 · 255)², C2 = (0.03 · 255)², moments not corrected for
/// bias, averaged over the positions where the whole window lies on the map ("valid region").
///
/// With a mask, the window's weights are those of its valid pixels, scaled to add up to one, and windows are averaged over
/// valid centres: what an invalid pixel holds does not matter.
///
/// - Parameters:
///   - a: a map on the 0...255 scale, `[rows, columns]`.
///   - b: the other one.
///   - rows: rows of both.
///   - columns: columns of both.
///   - mask: pixels that count; nil: all.
///   - region: where the windows' centres are.
/// - Returns: nil where no window has its centre in the region on a valid pixel.
public func structuralSimilarity(
  _ a: [Double], _ b: [Double], rows: Int, columns: Int, mask: Mask? = nil, region: MapRegion = .all
) -> Double? {
  precondition(a.count == rows * columns && b.count == rows * columns, "maps of the wrong size")
  let blur = GaussianWindow(rows: rows, columns: columns)
  guard blur.rows > 0, blur.columns > 0 else { return nil }
  let present = mask.map { $0.flags.map { $0 ? 1.0 : 0.0 } }
  func moment(_ value: (Int) -> Double) -> [Double] {
    blur.apply((0..<(rows * columns)).map { mask?[$0] != false ? value($0) : 0 })
  }
  let share = present.map(blur.apply)
  let meanA = moment { a[$0] }, meanB = moment { b[$0] }
  let squareA = moment { a[$0] * a[$0] }, squareB = moment { b[$0] * b[$0] }
  let product = moment { a[$0] * b[$0] }
  let c1 = (0.01 * 255) * (0.01 * 255), c2 = (0.03 * 255) * (0.03 * 255)
  var sum = 0.0, windows = 0
  for row in 0..<blur.rows {
    for column in 0..<blur.columns {
      let (y, x) = (row + GaussianWindow.radius, column + GaussianWindow.radius)
      guard mask?[y * columns + x] != false,
        region.contains(row: y, column: x, rows: rows, columns: columns)
      else { continue }
      let i = row * blur.columns + column
      let scale = 1 / (share?[i] ?? 1)
      let ma = meanA[i] * scale, mb = meanB[i] * scale
      let varianceA = squareA[i] * scale - ma * ma, varianceB = squareB[i] * scale - mb * mb
      let covariance = product[i] * scale - ma * mb
      sum +=
        ((2 * ma * mb + c1) * (2 * covariance + c2))
        / ((ma * ma + mb * mb + c1) * (varianceA + varianceB + c2))
      windows += 1
    }
  }
  return windows > 0 ? sum / Double(windows) : nil
}

/// The separable 11×11 window, applied where it lies on the map as a whole.
private struct GaussianWindow {
  static let radius = 5
  private static let weights: [Double] = {
    let raw = (-radius...radius).map { exp(-Double($0 * $0) / (2 * 1.5 * 1.5)) }
    let total = raw.reduce(0, +)
    return raw.map { $0 / total }
  }()
  private let inputRows: Int
  private let inputColumns: Int

  init(rows: Int, columns: Int) {
    inputRows = rows
    inputColumns = columns
  }

  /// Rows of the result: `inputRows` less both margins, 0 when the window does not fit.
  var rows: Int { max(inputRows - 2 * Self.radius, 0) }
  /// Columns of the result.
  var columns: Int { max(inputColumns - 2 * Self.radius, 0) }

  /// Weighted sums around each centre: [inputRows, inputColumns] -> [rows, columns].
  func apply(_ map: [Double]) -> [Double] {
    let width = 2 * Self.radius + 1
    var across = [Double](repeating: 0, count: inputRows * columns)  // [inputRows, columns]
    var result = [Double](repeating: 0, count: rows * columns)  // [rows, columns]
    map.withUnsafeBufferPointer { map in
      across.withUnsafeMutableBufferPointer { across in
        for row in 0..<inputRows {
          for tap in 0..<width {
            let weight = Self.weights[tap]
            for column in 0..<columns {
              across[row * columns + column] += weight * map[row * inputColumns + column + tap]
            }
          }
        }
        result.withUnsafeMutableBufferPointer { result in
          for row in 0..<rows {
            for tap in 0..<width {
              let weight = Self.weights[tap]
              for column in 0..<columns {
                result[row * columns + column] += weight * across[(row + tap) * columns + column]
              }
            }
          }
        }
      }
    }
    return result
  }
}
