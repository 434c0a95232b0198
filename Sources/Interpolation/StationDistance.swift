import Essentials
import Foundation

extension Area {
  /// lg of the distance in space from a station to a place [m], half the spacing at least.
  ///
  /// - Parameters:
  ///   - place: (row, column), in places from the first.
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
