import Essentials
import MapStorage
import MessagePassing

extension ValueRange {
  /// Collective. The least and the greatest value of many maps, each rank reading its share.
  ///
  /// - Parameters:
  ///   - data: the data sets.
  ///   - samples: the samples' numbers: the training set's.
  ///   - communicator: the ranks.
  /// - Throws: `Fault` on all ranks when the maps cannot be read, or all their values are equal.
  public static func covering(
    _ data: MapSetCollection, samples: [Int], communicator: Communicator
  ) throws -> ValueRange {
    let share = Share.range(of: samples.count, rank: communicator.rank, size: communicator.size)
    let mine = try communicator.agree("find the range of the maps") {
      var mine: [Float] = [.infinity, .infinity]
      for sample in samples[share] {
        guard let found = extremes(of: try data.map(sample)) else { continue }
        mine = [min(mine[0], found.minimum), min(mine[1], -found.maximum)]
      }
      return mine
    }
    let all = try communicator.allReduce(mine, .minimum)
    guard all[0] < -all[1] else {
      throw Fault(
        "all values of the training set are equal", at: "\(data.path):/maps",
        expected: "at least two different values", found: "\(samples.count) maps")
    }
    return ValueRange(minimum: all[0], maximum: -all[1])
  }
}

/// Which range of values [dB] a model sees as [-1, 1].
public enum Normalisation: String, Codable, CaseIterable, Sendable {
  /// The coarse map's own range: what a user with nothing but a coarse map has. The fine map's values may leave
  /// [-1, 1].
  case coarse
  /// One range for all maps: the training set's.
  case dataset
  /// The fine map's own range, as in the paper (equation 53); a user who has only a coarse map does not know it.
  case fine
}

/// Gives each map its range, and carries values over to the model's units and back.
///
/// `range` is computed on the decimated map where the normalisation is `coarse`.
public struct Normaliser: Codable, Equatable, Sendable {
  /// Which range a map gets.
  public var normalisation: Normalisation
  /// The range of all maps where the normalisation is `dataset`.
  public var fixed: ValueRange?
  /// How far values may leave [-1, 1] before they are clamped.
  public var margin: Float

  /// Half of a constant map's range where one has to be reconstructed [dB]: any width gives the constant back.
  private static let constantHalfWidth: Float = 0.5

  /// - Parameters:
  ///   - normalisation: which range a map gets.
  ///   - fixed: the range of all maps; needed by `dataset`.
  ///   - margin: how far values may leave [-1, 1]. The default lets a fine map have twice its coarse map's range.
  public init(_ normalisation: Normalisation = .coarse, fixed: ValueRange? = nil, margin: Float = 1) {
    self.normalisation = normalisation
    self.fixed = fixed
    self.margin = margin
  }

  /// The range of one map.
  ///
  /// - Parameters:
  ///   - coarse: the coarse map [dB].
  ///   - fine: the fine map [dB], where there is one.
  ///   - training: whether the map is to be learned from: then it must not be constant.
  /// - Throws: `Fault` for a map without valid places, a constant map when training, and a range that is not known.
  public func range(coarse: StationMap, fine: StationMap? = nil, training: Bool) throws -> ValueRange {
    let place = coarse.place
    switch normalisation {
    case .dataset:
      guard let fixed else {
        throw Fault(
          "the training set's range is not known", at: place, hint: "normalisation: coarse needs none")
      }
      return fixed
    case .coarse:
      return try own(ValueRange.extremes(of: coarse), training, at: place)
    case .fine:
      guard let fine else {
        throw Fault(
          "the fine map's range is not known", at: place, expected: "a fine map",
          hint: "coarse maps alone need a model trained with normalisation: coarse or dataset")
      }
      return try own(ValueRange.extremes(of: fine), training, at: place)
    }
  }

  private func own(
    _ extremes: (minimum: Float, maximum: Float)?, _ training: Bool, at place: String
  ) throws -> ValueRange {
    guard let (minimum, maximum) = extremes else {
      throw Fault("the map has no valid place", at: place, expected: "one at least")
    }
    if minimum < maximum { return ValueRange(minimum: minimum, maximum: maximum) }
    guard !training else {
      throw Fault(
        "the map is constant", at: place, expected: "at least two different values",
        found: "\(minimum) everywhere",
        hint: "leave the map out, or use normalisation: dataset")
    }
    // Far from zero a float's neighbours are further away than the width.
    let half = max(Self.constantHalfWidth, abs(minimum) * 1e-3)
    return ValueRange(minimum: minimum - half, maximum: minimum + half)
  }

  /// Values [dB] in the model's units, in place, clamped to [-1 - margin, 1 + margin]; invalid places become 0.
  public func normalise(
    _ values: UnsafeMutableBufferPointer<Float>, _ range: ValueRange, mask: Mask? = nil
  ) {
    let scale = 2 / (range.maximum - range.minimum)
    let limit = 1 + margin
    for index in values.indices {
      let value = (values[index] - range.minimum) * scale - 1
      values[index] = mask?[index] == false ? 0 : min(max(value, -limit), limit)
    }
  }

  /// Values of the model's units in dB, in place.
  public func denormalise(_ values: UnsafeMutableBufferPointer<Float>, _ range: ValueRange) {
    for index in values.indices { values[index] = range.denormalise(values[index]) }
  }
}
