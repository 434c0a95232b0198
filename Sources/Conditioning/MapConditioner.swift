import Essentials
import Interpolation

/// What a network draws.
public enum MapForm: String, CaseIterable, Codable, Sendable {
  /// The fine map, as in the paper: conditioned on the upsampled coarse map, in units of the map's range.
  case map
  /// What an interpolation leaves, in units of its deviation: where that is certain, the result is the interpolation.
  case residual
}

/// From maps in dB to what a network sees, the same for training, evaluation and use.
///
/// Decimation from offset 0, grid-aligned interpolation, and the normalisation of the run (eq. 53 for `fine`).
public struct MapConditioner: Sendable {
  /// The magnifications that a network can be asked for: at 1 there is nothing to draw.
  public static let magnifications = 2...SamplingGrid.magnifications.upperBound

  /// How planes lie in its tensors.
  public let layout: NetworkLayout
  /// Which range a map gets.
  public let normaliser: Normaliser
  private let upsamplers: [Int: Upsampler]
  private let residual: ResidualForm?
  /// Which of the layers is expected of the map itself.
  private let expected: Int?
  /// Layers that the network sees beside the coarse map.
  public let conditions: [ConditionScale]

  /// - Parameters:
  ///   - form: what the network draws.
  ///   - base: what the form `residual` starts from.
  ///   - expected: the one of `conditions` whose error at the samples is interpolated in the form `residual`; empty: none.
  ///   - layout: how planes lie in its tensors.
  ///   - magnifications: the ones that will be asked for.
  ///   - upsampling: how a coarse map is upsampled in the form `map`.
  ///   - normaliser: which range a map gets.
  ///   - area: where the places lie.
  ///   - conditions: layers that the network sees beside the coarse map.
  /// - Throws: `Fault` for a magnification that does not fit the maps.
  public init(
    form: MapForm = .map, base: ResidualBase = .kriging, expected: String = "", layout: NetworkLayout,
    magnifications: [Int], upsampling: UpsamplingMethod, normaliser: Normaliser, area: Area,
    conditions: [ConditionScale] = []
  ) throws {
    self.conditions = conditions
    self.layout = layout
    self.normaliser = normaliser
    let method = form == .map ? upsampling : .bilinear
    var upsamplers: [Int: Upsampler] = [:]
    for magnification in magnifications {
      let grid = try SamplingGrid(rows: layout.rows, columns: layout.columns, magnification: magnification)
      upsamplers[magnification] = Upsampler(grid: grid, method: method)
    }
    self.upsamplers = upsamplers
    residual = form == .residual ? try ResidualForm(upsamplers, base, area) : nil
    self.expected = conditions.firstIndex { $0.name == expected }
  }

  /// Throws what conditioning on a map for training would throw, without the work.
  ///
  /// - Parameters:
  ///   - fine: the map.
  ///   - magnification: fine pixels from one coarse sample to the next.
  ///   - cuts: whether windows are cut from it: then all its places count as samples.
  public func check(_ fine: StationMap, magnification: Int, cuts: Bool = false) throws {
    let grid = try grid(magnification)
    guard !cuts else {
      _ = try normaliser.range(coarse: fine, fine: fine, training: true)
      return
    }
    try requireShape(fine)
    _ = try normaliser.range(coarse: grid.decimate(fine), fine: fine, training: true)
  }

  /// A fine map and the coarse one that it would be measured as.
  ///
  /// - Parameters:
  ///   - fine: the fine map and what is known of it.
  ///   - magnification: fine pixels from one coarse sample to the next.
  ///   - training: whether a constant map is an error.
  /// - Throws: `Fault` for a wrong shape, a constant map when training, or a map without valid places.
  public func condition(_ fine: StationMap, magnification: Int, training: Bool) throws -> ConditionedMap {
    let grid = try grid(magnification)
    try requireShape(fine)
    return try condition(
      coarse: grid.decimate(fine), fine: fine, magnification: magnification, training: training)
  }

  /// A measured coarse map alone.
  ///
  /// - Parameters:
  ///   - coarse: the coarse map and what is known of it.
  ///   - magnification: fine pixels from one coarse sample to the next.
  public func condition(coarse: StationMap, magnification: Int) throws -> ConditionedMap {
    try condition(coarse: coarse, fine: nil, magnification: magnification, training: false)
  }

  private func condition(
    coarse: StationMap, fine: StationMap?, magnification: Int, training: Bool
  ) throws -> ConditionedMap {
    guard let upsampler = upsamplers[magnification] else { throw unprepared(magnification) }
    let range = try normaliser.range(coarse: coarse, fine: fine, training: training)
    let upsampled = try upsampler.interpolate(coarse).map
    let layers = try planes(of: fine ?? coarse)
    if let residual {
      return try residual.condition(
        coarse, upsampled: upsampled, fine: fine, expected: expected.map { (fine ?? coarse).conditions[$0] },
        magnification: magnification, range: range, layout: layout, layers: layers)
    }
    var condition = upsampled.values
    condition.withUnsafeMutableBufferPointer { normaliser.normalise($0, range) }
    var target = fine?.map.values
    target?.withUnsafeMutableBufferPointer { normaliser.normalise($0, range, mask: fine?.mask) }
    if let mask = fine?.mask {
      // Where a map holds nothing there is nothing to learn: the interpolation is as good an answer as any, and one that the
      // network can give. A value of its own there would have to be guessed.
      for place in condition.indices where !mask[place] { target?[place] = condition[place] }
    }
    let start = layout.pack(condition)
    let packed =
      layers.isEmpty ? start : layout.pack(Array(repeating: condition, count: layout.channels) + layers)
    return ConditionedMap(
      condition: packed, start: start, target: target.map(layout.pack), units: .range(range), layout: layout)
  }

  /// What the network sees of the layers beside a map.
  private func planes(of map: StationMap) throws -> [[Float]] {
    let places = layout.rows * layout.columns
    guard map.conditions.count == conditions.count, map.conditions.allSatisfy({ $0.count == places }) else {
      throw Fault(
        "the layers that the network sees are missing", at: map.place,
        expected: conditions.map(\.name).joined(separator: ", ") + ", of \(layout.rows)x\(layout.columns) places",
        found:
          "\(map.conditions.count) layers of \(map.conditions.map { "\($0.count)" }.joined(separator: ", ")) places")
    }
    return zip(conditions, map.conditions).map { $0.scaled($1) }
  }

  private func requireShape(_ fine: StationMap) throws {
    guard fine.map.rows == layout.rows, fine.map.columns == layout.columns else {
      throw Fault(
        "the map has the wrong shape", at: fine.place, expected: "\(layout.rows)x\(layout.columns)",
        found: "\(fine.map.rows)x\(fine.map.columns)")
    }
  }

  private func grid(_ magnification: Int) throws -> SamplingGrid {
    guard let upsampler = upsamplers[magnification] else { throw unprepared(magnification) }
    return upsampler.grid
  }

  private func unprepared(_ magnification: Int) -> Fault {
    Fault(
      "the maps were not prepared for this magnification", at: "magnification",
      expected: upsamplers.keys.sorted().map(String.init).joined(separator: ", "), found: "\(magnification)")
  }
}
