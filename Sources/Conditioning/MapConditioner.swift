import Essentials
import Interpolation
import MapStorage

/// What a network draws.
public enum MapForm: String, CaseIterable, Codable, Sendable {
  /// The fine map, as in the paper: conditioned on the upsampled coarse map, in units of the map's range.
  case map
  /// What kriging leaves, in units of kriging's own predictive deviation: where the interpolation is certain, the
  /// result is the interpolation.
  case residual
}

/// From maps in dB to what a network sees, the same for training, evaluation and use.
///
/// Decimation from offset 0, grid-aligned interpolation, and the normalisation of the run (eq. 53 for `fine`).
public struct MapConditioner: Sendable {
  /// How planes lie in its tensors.
  public let layout: NetworkLayout
  /// Which range a map gets.
  public let normaliser: Normaliser
  private let upsamplers: [Int: Upsampler]
  private let residual: ResidualForm?

  /// - Parameters:
  ///   - form: what the network draws.
  ///   - layout: how planes lie in its tensors.
  ///   - magnifications: the ones that will be asked for.
  ///   - upsampling: how a coarse map is upsampled in the form `map`.
  ///   - normaliser: which range a map gets.
  ///   - area: where the places lie.
  /// - Throws: `Fault` for a magnification that does not fit the maps.
  public init(
    form: MapForm = .map, layout: NetworkLayout, magnifications: [Int], upsampling: UpsamplingMethod,
    normaliser: Normaliser, area: AreaGeometry
  ) throws {
    self.layout = layout
    self.normaliser = normaliser
    let method = form == .map ? upsampling : .bilinear
    var upsamplers: [Int: Upsampler] = [:]
    for magnification in magnifications {
      let grid = try SamplingGrid(rows: layout.rows, columns: layout.columns, magnification: magnification)
      upsamplers[magnification] = Upsampler(grid: grid, method: method)
    }
    self.upsamplers = upsamplers
    residual = form == .residual ? try ResidualForm(upsamplers.mapValues(\.grid), area) : nil
  }

  /// A fine map and what is known of it.
  public struct FineMap: Sendable {
    /// The map [dB].
    public var map: ChannelFingerprint
    /// Its mask, 0 where it holds nothing; nil for none.
    public var valid: [UInt8]?
    /// Its base station (x, y, z) [m], where known.
    public var station: SIMD3<Float>?
    /// File and sample, for messages.
    public var place: String

    /// - Parameters:
    ///   - map: the map [dB].
    ///   - valid: its mask, 0 where it holds nothing; nil for none.
    ///   - station: its base station (x, y, z) [m], where known.
    ///   - place: file and sample, for messages.
    public init(
      _ map: ChannelFingerprint, valid: [UInt8]? = nil, station: SIMD3<Float>? = nil, at place: String
    ) {
      (self.map, self.valid, self.station, self.place) = (map, valid, station, place)
    }

    /// What would be measured of it.
    public func decimated(by grid: SamplingGrid) -> FineMap {
      FineMap(grid.decimate(map), valid: valid.map(grid.decimate), station: station, at: place)
    }

    /// What interpolation starts from where these are the samples.
    public var observation: CoarseObservation {
      CoarseObservation(map: map, valid: valid.map { $0.map { $0 != 0 } }, station: station)
    }
  }

  /// Throws what conditioning on a map for training would throw, without the work.
  public func check(_ fine: FineMap, magnification: Int) throws {
    let grid = try grid(magnification)
    try requireShape(fine)
    _ = try normaliser.range(
      coarse: grid.decimate(fine.map.values), coarseValid: fine.valid.map(grid.decimate), fine: fine.map.values,
      fineValid: fine.valid, training: true, at: fine.place)
  }

  /// A fine map and the coarse one that it would be measured as.
  ///
  /// - Parameters:
  ///   - fine: the fine map and what is known of it.
  ///   - magnification: fine pixels from one coarse sample to the next.
  ///   - training: whether a constant map is an error.
  /// - Throws: `Fault` for a wrong shape, a constant map when training, or a map without valid places.
  public func condition(_ fine: FineMap, magnification: Int, training: Bool) throws -> ConditionedMap {
    let grid = try grid(magnification)
    try requireShape(fine)
    return try condition(
      coarse: fine.decimated(by: grid), fine: fine, magnification: magnification, training: training)
  }

  /// A measured coarse map alone.
  ///
  /// - Parameters:
  ///   - coarse: the coarse map and what is known of it.
  ///   - magnification: fine pixels from one coarse sample to the next.
  public func condition(coarse: FineMap, magnification: Int) throws -> ConditionedMap {
    try condition(coarse: coarse, fine: nil, magnification: magnification, training: false)
  }

  private func condition(
    coarse: FineMap, fine: FineMap?, magnification: Int, training: Bool
  ) throws -> ConditionedMap {
    guard let upsampler = upsamplers[magnification] else { throw unprepared(magnification) }
    let range = try normaliser.range(
      coarse: coarse.map.values, coarseValid: coarse.valid, fine: fine?.map.values, fineValid: fine?.valid,
      training: training, at: coarse.place)
    let observation = coarse.observation
    let upsampled = try upsampler.interpolate(observation).map
    if let residual {
      return try residual.condition(
        observation, upsampled: upsampled, fine: fine, magnification: magnification, range: range,
        layout: layout)
    }
    var condition = upsampled.values
    condition.withUnsafeMutableBufferPointer { normaliser.normalise($0, range) }
    var target = fine?.map.values
    target?.withUnsafeMutableBufferPointer { normaliser.normalise($0, range, valid: fine?.valid) }
    let packed = layout.pack(condition)
    return ConditionedMap(
      condition: packed, start: packed, target: target.map(layout.pack), units: .range(range), layout: layout)
  }

  private func requireShape(_ fine: FineMap) throws {
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

extension AreaGeometry {
  /// The grid of a data set.
  public init(_ description: MapSetDescription) {
    self.init(spacing: description.spacing, originX: description.originX, originY: description.originY)
  }
}
