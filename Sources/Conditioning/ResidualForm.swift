import Essentials
import Foundation
import Interpolation

/// What the form `residual` starts from.
public enum ResidualBase: String, CaseIterable, Codable, Sendable {
  /// Kriging, in units of its own predictive deviation: the best of smooth maps; of large maps with holes slow.
  case kriging
  /// Bilinear interpolation, in units of how far neighbouring samples differ: as good where holes and edges rule, and fast.
  case bilinear
}

/// The form in which a network draws what an interpolation leaves, in units of its deviation.
public struct ResidualForm: Sendable {
  /// The planes that the network is conditioned on, in order: the interpolated map in the run's range; the deviation's
  /// decimal logarithm; what plain bilinear interpolation differs by, in deviations; where samples lie; the decimal logarithm
  /// of the distance to the station, 0 where that is not known; whether it is known.
  public static let channels = 6
  /// The least deviation [dB]: far below what a map is measured with, so that rounding never is a target.
  static let leastDeviation: Float = 0.01
  /// The most that a difference enters as, in deviations.
  static let limit: Float = 12

  private enum Base {
    case kriging(Kriging)
    case bilinear(Upsampler)
  }
  private let bases: [Int: Base]
  private let area: Area

  /// - Parameters:
  ///   - upsamplers: bilinear ones, by magnification.
  ///   - base: what is started from.
  ///   - area: where places lie.
  init(_ upsamplers: [Int: Upsampler], _ base: ResidualBase, _ area: Area) throws {
    // In local units what is left is of order one at edges and in smooth parts alike: small-scale fading beside an
    // edge of 20 dB is no more lost in the noise that draws start from. `weights` brings squared errors back to dB.
    bases = try upsamplers.mapValues {
      switch base {
      case .kriging: .kriging(try Kriging(grid: $0.grid, area: area, deviation: .local))
      case .bilinear: .bilinear($0)
      }
    }
    self.area = area
  }

  /// - Parameters:
  ///   - coarse: the samples.
  ///   - upsampled: they, interpolated bilinearly.
  ///   - fine: the map, where it is known.
  ///   - expected: what a model expects of the map [dB], at all places; nil: nothing.
  ///   - magnification: fine pixels from one sample to the next.
  ///   - range: what becomes [-1, 1].
  ///   - layout: how planes lie in the network's tensors.
  ///   - layers: further planes.
  func condition(
    _ coarse: StationMap, upsampled: ChannelFingerprint, fine: StationMap?, expected: [Float]?, magnification: Int,
    range: ValueRange, layout: NetworkLayout, layers: [[Float]]
  ) throws -> ConditionedMap {
    guard let method = bases[magnification] else { preconditionFailure("grids are checked before") }
    let (base, deviation) = try start(method, coarse, expected)
    let planes = [
      base.map(range.normalise), deviation.map(log10),
      base.indices.map { Self.difference(upsampled.values[$0], base[$0], deviation[$0]) },
      sampled(Self.grid(method), coarse.mask),
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
      target: target.map(layout.pack), weights: fine.map { layout.pack(Self.weights(deviation, $0.mask)) },
      units: .residual(base: base, deviation: deviation), layout: layout)
  }

  private static func grid(_ base: Base) -> SamplingGrid {
    switch base {
    case .kriging(let kriging): kriging.grid
    case .bilinear(let upsampler): upsampler.grid
    }
  }

  /// The map that is started from and its deviation [dB].
  private func start(_ method: Base, _ coarse: StationMap, _ expected: [Float]?) throws -> ([Float], [Float]) {
    var left = coarse
    if let expected {
      for (sample, pixel) in Self.grid(method).samplePixels.enumerated() { left.map.values[sample] -= expected[pixel] }
    }
    var base: [Float], deviation: [Float]
    switch method {
    case .kriging(let kriging):
      let kriged = try kriging.interpolate(left)
      base = kriged.map.values
      deviation = kriged.deviation?.values ?? base.map { _ in 1 }
    case .bilinear(let upsampler):
      let samples = try filled(left)
      base = try upsampler.interpolate(StationMap(samples, at: left.place)).map.values
      deviation = try Self.variation(of: samples, upsampler)
    }
    if let expected { for pixel in base.indices { base[pixel] += expected[pixel] } }
    return (base, deviation.map { max($0, Self.leastDeviation) })
  }

  /// How far samples differ from their neighbours [dB], half of its square the mean over the map: between two equal samples there
  /// may be an edge that neither tells of.
  private static func variation(of samples: ChannelFingerprint, _ upsampler: Upsampler) throws -> [Float] {
    let (rows, columns) = (samples.rows, samples.columns)
    var variances = [Float](repeating: 0, count: samples.values.count)
    for row in 0..<rows {
      for column in 0..<columns {
        var count: Float = 0, sum: Float = 0, squares: Float = 0
        for r in max(row - 1, 0)...min(row + 1, rows - 1) {
          for c in max(column - 1, 0)...min(column + 1, columns - 1) {
            let difference = samples[r, c] - samples[row, column]
            (count, sum, squares) = (count + 1, sum + difference, squares + difference * difference)
          }
        }
        variances[row * columns + column] = max(0, squares / count - (sum / count) * (sum / count))
      }
    }
    let mean = variances.reduce(0, +) / Float(variances.count)
    let local = ChannelFingerprint(
      rows: rows, columns: columns, values: variances.map { (0.5 * ($0 + mean)).squareRoot() })
    let least = (0.5 * mean).squareRoot()
    return try upsampler.interpolate(StationMap(local, at: "local deviations")).map.values.map { max($0, least) }
  }

  /// The squares of deviations over their mean; nothing in holes.
  private static func weights(_ deviation: [Float], _ mask: Mask?) -> [Float] {
    let squares = deviation.indices.map { mask?[$0] == false ? 0 : deviation[$0] * deviation[$0] }
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
