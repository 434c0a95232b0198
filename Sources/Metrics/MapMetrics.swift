import Essentials
import Foundation

/// The part of a map that errors are counted in.
public enum MapRegion: Equatable, Sendable {
  /// Every pixel.
  case all
  /// Pixels at least `margin` pixels away from every side.
  case interior(margin: Int)
  /// The other pixels: a frame `margin` pixels wide.
  case border(margin: Int)

  /// Whether a pixel is part of it.
  public func contains(row: Int, column: Int, rows: Int, columns: Int) -> Bool {
    switch self {
    case .all: true
    case .interior(let margin):
      row >= margin && column >= margin && row < rows - margin && column < columns - margin
    case .border(let margin):
      !Self.interior(margin: margin).contains(row: row, column: column, rows: rows, columns: columns)
    }
  }
}

/// How far one reconstructed map is from the truth.
///
/// The first four are the paper's, on a scale where the **true fine map's** least value is 0 and its greatest 255,
/// per map and without rounding to 8 bits, or on a fixed one (`MetricScale`). The last two are in dB of channel power.
public struct MapMetrics: Codable, Equatable, Sendable {
  /// Σ e² / Σ x² on the 0...255 scale.
  ///
  /// The paper's numbers fit this scale and no other: its MSE over its NMSE lies between 14,400 and 14,620 for five of
  /// the six methods of its Table II, which is the mean square of maps on 0...255 (120²).
  public var nmse: Double
  /// Mean e² on the 0...255 scale.
  public var mse: Double
  /// 10 lg(255² / MSE) [dB], at most ``highestPSNR``.
  public var psnr: Double
  /// Structural similarity, see ``structuralSimilarity(_:_:rows:columns:mask:region:)``; nil where no window fits.
  public var ssim: Double?
  /// Root of the mean squared error [dB].
  public var rmseDB: Double
  /// Mean absolute error [dB].
  public var maeDB: Double
  /// Pixels that were counted.
  public var pixels: Int

  /// The ceiling of a map's PSNR [dB].
  ///
  /// Equal maps would have infinity, and one of them would make every mean infinite; leaving them out would punish the
  /// method that got them right. An error of 120 dB is 2.5e-4 grey levels: over a range of 35 dB that is 3.5e-5 dB, a
  /// few units in the last place of a float32 at -100 dB. Nothing above it can be told from rounding.
  public static let highestPSNR = 120.0
}

extension MapMetrics {
  /// Compares a reconstructed map with the true one; sums are in double precision.
  ///
  /// - Parameters:
  ///   - estimate: the reconstructed fine map [dB].
  ///   - truth: the true fine map [dB].
  ///   - mask: pixels that hold a true value; others are excluded from everything, also from the range and from within the
  ///     windows of SSIM; nil: all.
  ///   - region: the part in which errors are counted. The range 0...255 is that of all valid pixels in any case.
  ///   - scale: what is 0 and what is 255.
  ///   - similarity: whether the structural similarity is taken, which costs ten times the rest.
  /// - Throws: `Fault` when the shapes differ, a counted value is not finite, no pixel is left, the truth is constant on a scale of
  ///   its own, or nowhere but at the scale's 0, where there is no NMSE.
  public init(
    comparing estimate: ChannelFingerprint, to truth: ChannelFingerprint, mask: Mask? = nil,
    region: MapRegion = .all, scale: MetricScale = .own, similarity: Bool = true
  ) throws {
    let scale = try GreyScale(of: truth, mask: mask, scale: scale)
    guard estimate.rows == truth.rows, estimate.columns == truth.columns else {
      throw Fault(
        "the maps to compare differ in shape", at: "reconstructed map",
        expected: "\(truth.rows)x\(truth.columns)", found: "\(estimate.rows)x\(estimate.columns)")
    }
    var squares = 0.0, absolutes = 0.0, energy = 0.0, pixels = 0
    for row in 0..<truth.rows {
      for column in 0..<truth.columns {
        let i = row * truth.columns + column
        guard mask?[i] != false else { continue }
        guard estimate.values[i].isFinite else {
          throw Fault(
            "the reconstructed map holds a value that is not finite", at: "row \(row), column \(column)",
            expected: "dB", found: "\(estimate.values[i])")
        }
        guard region.contains(row: row, column: column, rows: truth.rows, columns: truth.columns) else {
          continue
        }
        let error = Double(estimate.values[i]) - Double(truth.values[i])
        squares += error * error
        absolutes += abs(error)
        energy += scale.grey(truth.values[i]) * scale.grey(truth.values[i])
        pixels += 1
      }
    }
    guard pixels > 0 else {
      throw Fault("no pixel is left to compare", at: "region \(region)", expected: "one valid pixel at least")
    }
    guard energy > 0 else {
      throw Fault(
        "the true map is at the minimum of the scale everywhere", at: "region \(region)", expected: "another value")
    }
    let count = Double(pixels)
    let greySquares = squares * scale.factor * scale.factor
    nmse = greySquares / energy
    mse = greySquares / count
    psnr = min(peakSignalToNoise(mse), Self.highestPSNR)
    ssim =
      similarity
      ? structuralSimilarity(
        estimate.values.map(scale.grey), truth.values.map(scale.grey), rows: truth.rows,
        columns: truth.columns, mask: mask, region: region) : nil
    rmseDB = (squares / count).squareRoot()
    maeDB = absolutes / count
    self.pixels = pixels
  }
}

/// 10 lg(255² / MSE) [dB]; infinite for equal maps.
public func peakSignalToNoise(_ mse: Double) -> Double { 10 * log10(255 * 255 / mse) }
