import Essentials

/// The ways from a coarse map to a fine one that need no training, by the names that commands and tables use.
public enum InterpolationMethod: String, CaseIterable, Codable, Sendable {
  case nearest
  case bilinear
  case bicubic
  case spline
  /// The only one with a deviation, and the only one that uses the station.
  case kriging

  /// The interpolator for maps sampled on a grid.
  ///
  /// - Parameters:
  ///   - grid: where the samples lie.
  ///   - area: where the pixels lie in metres; only kriging looks at it, for maps whose station is known.
  /// - Throws: `Fault` when the grid is too large for kriging.
  public func make(grid: SamplingGrid, area: Area = Area()) throws -> any Interpolator {
    switch self {
    case .nearest: Upsampler(grid: grid, method: .nearest)
    case .bilinear: Upsampler(grid: grid, method: .bilinear)
    case .bicubic: Upsampler(grid: grid, method: .bicubic)
    case .spline: Spline(grid: grid)
    case .kriging: try Kriging(grid: grid, area: area)
    }
  }
}
