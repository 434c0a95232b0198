import Essentials

/// What is 0 and what is 255 on the scale that errors of maps are counted on.
public enum MetricScale: Equatable, Sendable {
  /// The least and the greatest value of each true map: the paper's.
  case own
  /// The same values [dB] for all maps, as where maps of several stations are compared: 100 dB apart, 0.01 of the range is
  /// a dB. Values beyond are not clamped.
  case fixed(ValueRange)
}

extension MetricScale: Codable {
  /// As files have it: "own", or what is 0 and what is 255 [dB].
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let ends = try? container.decode([Float].self), ends.count == 2, ends[0] < ends[1] {
      self = .fixed(ValueRange(minimum: ends[0], maximum: ends[1]))
    } else {
      guard try container.decode(String.self) == "own" else {
        throw DecodingError.dataCorruptedError(in: container, debugDescription: "\"own\", or two rising numbers")
      }
      self = .own
    }
  }

  /// "own", or what is 0 and what is 255 [dB].
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .own: try container.encode("own")
    case .fixed(let range): try container.encode([Double(range.minimum), Double(range.maximum)])
    }
  }
}

/// The 0...255 scale of one true map.
public struct GreyScale: Equatable, Sendable {
  /// The value that becomes 0.
  public let minimum: Double
  /// Grey levels per unit.
  public let factor: Double

  /// - Parameters:
  ///   - truth: the true fine map.
  ///   - mask: pixels that count; nil: all.
  ///   - scale: what is 0 and what is 255.
  /// - Throws: `Fault` when a valid value is not finite, none is valid, or all are equal and the scale is the map's own.
  public init(of truth: ChannelFingerprint, mask: Mask? = nil, scale: MetricScale = .own) throws {
    precondition(mask.map { $0.count == truth.values.count } ?? true, "one flag a pixel")
    var least = Float.infinity, greatest = -Float.infinity
    for (i, value) in truth.values.enumerated() where mask?[i] != false {
      guard value.isFinite else {
        throw Fault(
          "the true map holds a value that is not finite",
          at: "row \(i / truth.columns), column \(i % truth.columns)", expected: "dB", found: "\(value)")
      }
      least = min(least, value)
      greatest = max(greatest, value)
    }
    guard least <= greatest else { throw Self.unusable("the true map has no valid pixel") }
    if case .fixed(let range) = scale { (least, greatest) = (range.minimum, range.maximum) }
    guard least < greatest else { throw Self.unusable("the true map is constant") }
    minimum = Double(least)
    factor = 255 / (Double(greatest) - Double(least))
  }

  private static func unusable(_ what: String) -> Fault {
    Fault(what, at: "true map", expected: "at least two different valid values: 0...255 is the range of the map")
  }

  /// A value on the scale, not rounded and not clamped.
  public func grey(_ value: Float) -> Double { (Double(value) - minimum) * factor }
}
