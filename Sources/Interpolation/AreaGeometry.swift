import Foundation

/// Where the pixels of a map lie in metres, which the distance to the station needs.
public struct AreaGeometry: Equatable, Sendable {
  /// Distance between neighbouring pixels, in x and in y [m].
  public var spacing: Double
  /// The first column's x [m].
  public var originX: Double
  /// The first row's y [m].
  public var originY: Double
  /// The height at which the power is received [m].
  public var userHeight: Double

  /// The simulator's area unless said otherwise: grid lines at 1, 2, 3, ... m, users at 1.5 m.
  ///
  /// - Parameters:
  ///   - spacing: distance between neighbouring pixels [m].
  ///   - originX: the first column's x [m].
  ///   - originY: the first row's y [m].
  ///   - userHeight: the height at which the power is received [m].
  public init(spacing: Double = 1, originX: Double = 1, originY: Double = 1, userHeight: Double = 1.5) {
    self.spacing = spacing
    self.originX = originX
    self.originY = originY
    self.userHeight = userHeight
  }

  /// lg of the distance in space from a station to a place [m], half a pixel at least.
  ///
  /// - Parameters:
  ///   - place: (row, column) [pixels].
  ///   - station: (x, y, z) [m].
  public func logDistance(_ place: SIMD2<Double>, _ station: SIMD3<Double>) -> Double {
    let apart = SIMD3(originX + spacing * place.y, originY + spacing * place.x, userHeight) - station
    return log10(max((apart * apart).sum().squareRoot(), spacing / 2))
  }

  /// lg of each pixel's, or each sample's, distance to a station / m, row after row; zeros without one.
  ///
  /// - Parameters:
  ///   - rows: rows of the map.
  ///   - columns: columns of the map.
  ///   - offset: the first sample's row and column [pixels].
  ///   - step: from one sample to the next [pixels].
  ///   - station: (x, y, z) [m]; nil where that is not known.
  public func logDistances(
    rows: Int, columns: Int, offset: Int = 0, step: Int = 1, _ station: SIMD3<Float>?
  ) -> [Double] {
    guard let station else { return [Double](repeating: 0, count: rows * columns) }
    let antenna = SIMD3<Double>(station)
    return (0..<rows * columns).map { pixel in
      logDistance(
        SIMD2(Double(offset + pixel / columns * step), Double(offset + pixel % columns * step)), antenna)
    }
  }
}
