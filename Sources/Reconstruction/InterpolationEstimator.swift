import Essentials
import Interpolation
import MapStorage
import Runs

/// Plain interpolation as an estimator.
struct InterpolationEstimator: Estimator {
  let hasDeviation: Bool
  let keptDraws = 0
  private let interpolator: any Interpolator
  var name: String { interpolator.name }

  /// - Parameters:
  ///   - method: which one.
  ///   - geometry: what is observed, and where.
  /// - Throws: `Fault` for observations that the method cannot start from, or a grid that is too large for it.
  static func make(_ method: InterpolationMethod, _ geometry: ObservationGeometry) throws -> any Estimator {
    if method == .kriging, geometry.kind == .scattered { return ScatteredEstimator(geometry: geometry) }
    let grid = try geometry.requireGrid(by: method.rawValue)
    // A single sample tells kriging nothing of what lies around it.
    return InterpolationEstimator(
      try method.make(grid: grid, area: geometry.area), hasDeviation: method == .kriging && grid.samples > 1)
  }

  /// - Parameters:
  ///   - interpolator: what interpolates.
  ///   - hasDeviation: whether it tells how far off it may be.
  init(_ interpolator: any Interpolator, hasDeviation: Bool) {
    self.interpolator = interpolator
    self.hasDeviation = hasDeviation
  }

  func describe(_ record: inout ReconstructionRecord) {}

  func estimate(_ observations: [Observation], keys: [Int]) throws -> [[Estimate]] {
    try observations.map { observation in
      guard case .grid(let known) = observation else { preconditionFailure("the geometry is of coarse maps") }
      do {
        let result = try interpolator.interpolate(known.coarse)
        return [Estimate(map: result.map, deviation: hasDeviation ? result.deviation : nil)]
      } catch let fault as Fault {
        throw fault.within(known.coarse.place)
      }
    }
  }
}

/// Kriging from values at any places.
struct ScatteredEstimator: Estimator {
  let geometry: ObservationGeometry
  let name = InterpolationMethod.kriging.rawValue
  let hasDeviation = true
  let keptDraws = 0

  func describe(_ record: inout ReconstructionRecord) {}

  func estimate(_ observations: [Observation], keys: [Int]) throws -> [[Estimate]] {
    try observations.map { observation in
      guard case .scattered(let known) = observation else { preconditionFailure("the geometry is of scattered values") }
      do {
        let kriging = try ScatteredKriging(
          known.samples, extent: Double(max(geometry.rows, geometry.columns)), station: known.station,
          area: geometry.area)
        let result = try kriging.interpolated(rows: geometry.rows, columns: geometry.columns)
        return [Estimate(map: result.map, deviation: result.deviation)]
      } catch let fault as Fault {
        throw fault.within(known.place)
      }
    }
  }
}
