import Essentials
import Foundation
import Interpolation

/// The form in which a network draws what kriging leaves, in units of kriging's own predictive deviation.
public struct ResidualForm: Sendable {
  /// The planes that the network is conditioned on, in order: the kriged map in the run's range; the deviation's
  /// decimal logarithm; what bilinear interpolation differs by, in deviations; where samples lie; the decimal logarithm
  /// of the distance to the station, 0 where that is not known; whether it is known.
  public static let channels = 6
  /// The least deviation [dB]: far below what a map is measured with, so that rounding never is a target.
  static let leastDeviation: Float = 0.01
  /// The most that a difference enters as, in deviations.
  static let limit: Float = 12

  private let interpolators: [Int: Kriging]
  private let area: Area

  /// - Parameters:
  ///   - grids: where samples lie, by magnification.
  ///   - area: where places lie.
  init(_ grids: [Int: SamplingGrid], _ area: Area) throws {
    // In local units what kriging leaves is of order one at edges and in smooth parts alike: small-scale fading beside an
    // edge of 20 dB is no more lost in the noise that draws start from. `weights` brings squared errors back to dB.
    interpolators = try grids.mapValues { try Kriging(grid: $0, area: area, deviation: .local) }
    self.area = area
  }

  func condition(
    _ coarse: StationMap, upsampled: ChannelFingerprint, fine: StationMap?, magnification: Int,
    range: ValueRange, layout: NetworkLayout, layers: [[Float]]
  ) throws -> ConditionedMap {
    guard let kriging = interpolators[magnification] else { preconditionFailure("grids are checked before") }
    let kriged = try kriging.interpolate(coarse)
    let base = kriged.map.values
    let deviation = (kriged.deviation?.values ?? base.map { _ in 1 }).map { max($0, Self.leastDeviation) }
    let planes = [
      base.map(range.normalise), deviation.map(log10),
      base.indices.map { Self.difference(upsampled.values[$0], base[$0], deviation[$0]) },
      sampled(kriging.grid, coarse.mask),
      area.logDistances(rows: layout.rows, columns: layout.columns, coarse.station).map { Float($0) },
      [Float](repeating: coarse.station == nil ? 0 : 1, count: base.count),
    ]
    let target = fine.map { fine in
      base.indices.map { pixel in
        fine.mask?[pixel] == false ? 0 : (fine.map.values[pixel] - base[pixel]) / deviation[pixel]
      }
    }
    return ConditionedMap(
      condition: layout.pack(planes + layers), start: [Float](repeating: 0, count: base.count * layout.channels),
      target: target.map(layout.pack), weights: fine.map { _ in layout.pack(Self.weights(deviation)) },
      units: .residual(base: base, deviation: deviation), layout: layout)
  }

  /// The squares of deviations over their mean.
  private static func weights(_ deviation: [Float]) -> [Float] {
    let squares = deviation.map { $0 * $0 }
    let mean = squares.reduce(0, +) / Float(squares.count)
    return squares.map { $0 / mean }
  }

  private static func difference(_ value: Float, _ base: Float, _ deviation: Float) -> Float {
    min(max((value - base) / deviation, -limit), limit)
  }

  /// 1 where a valid sample lies, 0 elsewhere.
  private func sampled(_ grid: SamplingGrid, _ mask: Mask?) -> [Float] {
    var plane = [Float](repeating: 0, count: grid.pixels)
    for (sample, pixel) in grid.samplePixels.enumerated() where mask?[sample] != false { plane[pixel] = 1 }
    return plane
  }
}
