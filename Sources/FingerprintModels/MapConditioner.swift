import Essentials
import Interpolation
import MapStorage

/// A map as a model sees it.
public struct ConditionedMap: Sendable {
  /// The upsampled coarse map in model units, row after row.
  public var condition: [Float]
  /// The fine map in model units, where there is one.
  public var target: [Float]?
  /// The range [dB] that model units stand for.
  public var range: ValueRange
  /// The upsampled coarse map [dB]: plain interpolation.
  public var interpolated: ChannelFingerprint
}

/// From maps in dB to what a model sees, the same for training, evaluation and use.
///
/// Decimation from offset 0, grid-aligned upsampling, and the normalisation of the run (eq. 53 for `fine`).
public struct MapConditioner: Sendable {
  /// Where the coarse samples lie.
  public let grid: SamplingGrid
  /// Which range a map gets.
  public let normaliser: Normaliser
  private let upsampler: Upsampler

  /// - Parameters:
  ///   - grid: fine and coarse extents.
  ///   - method: how the coarse map is upsampled.
  ///   - normaliser: which range a map gets.
  public init(grid: SamplingGrid, method: UpsamplingMethod, normaliser: Normaliser) {
    self.grid = grid
    self.normaliser = normaliser
    upsampler = Upsampler(grid: grid, method: method)
  }

  /// A fine map and the coarse one that it would be measured as.
  ///
  /// - Parameters:
  ///   - fine: the fine map [dB].
  ///   - valid: its mask, 0 where it holds nothing; nil for none.
  ///   - training: whether a constant map is an error.
  ///   - place: file and sample, for messages.
  /// - Throws: `Fault` for a wrong shape, a constant map when training, or a map without valid places.
  public func condition(
    fine: ChannelFingerprint, valid: [UInt8]? = nil, training: Bool, at place: String
  ) throws -> ConditionedMap {
    guard fine.rows == grid.rows, fine.columns == grid.columns else {
      throw Fault(
        "the map has the wrong shape", at: place, expected: "\(grid.rows)x\(grid.columns)",
        found: "\(fine.rows)x\(fine.columns)")
    }
    let coarse = ChannelFingerprint(
      rows: grid.coarseRows, columns: grid.coarseColumns, values: grid.decimate(fine.values))
    return try condition(
      coarse: coarse, coarseValid: valid.map(grid.decimate), fine: fine, fineValid: valid, training: training,
      at: place)
  }

  /// A measured coarse map alone.
  ///
  /// - Parameters:
  ///   - coarse: the coarse map [dB].
  ///   - valid: its mask, 0 where it holds nothing; nil for none.
  ///   - place: file and sample, for messages.
  public func condition(
    coarse: ChannelFingerprint, valid: [UInt8]? = nil, at place: String
  ) throws -> ConditionedMap {
    try condition(
      coarse: coarse, coarseValid: valid, fine: nil, fineValid: nil, training: false, at: place)
  }

  private func condition(
    coarse: ChannelFingerprint, coarseValid: [UInt8]?, fine: ChannelFingerprint?, fineValid: [UInt8]?,
    training: Bool, at place: String
  ) throws -> ConditionedMap {
    let range = try normaliser.range(
      coarse: coarse.values, coarseValid: coarseValid, fine: fine?.values, fineValid: fineValid,
      training: training, at: place)
    let interpolated = try upsampler.interpolate(
      CoarseObservation(map: coarse, valid: coarseValid.map { $0.map { $0 != 0 } })
    ).map
    var condition = interpolated.values
    condition.withUnsafeMutableBufferPointer { normaliser.normalise($0, range) }
    var target = fine?.values
    target?.withUnsafeMutableBufferPointer { normaliser.normalise($0, range, valid: fineValid) }
    return ConditionedMap(
      condition: condition, target: target, range: range, interpolated: interpolated)
  }
}
