import Foundation

/// How networks are told where stations stand (BSLE, eqs. 9-15): queries and keys are turned by angles of their station, so that
/// what they agree on depends on differences of places alone.
enum StationCode: String, CaseIterable, Sendable {
  /// The paper's: direction and distance from the area's centre.
  case polar
  /// Along columns and rows, in multiples of 1 to 4: equal angles for equal ways.
  case cartesian
  /// Nothing is told.
  case none

  /// What the angles are multiplied by, block of four channels by block of a head.
  private var multiples: [Double] {
    switch self {
    case .polar: [1]
    case .cartesian: [1, 2, 3, 4]
    case .none: []
    }
  }

  /// The two angles of a place [rad]; both 0 at the centre.
  ///
  /// Polar: theta in [0, 2 pi), 0 towards row 0, counter-clockwise, and phi = pi rho / rho_max. Cartesian: pi dx / columns and
  /// pi dy / rows.
  ///
  /// - Parameters:
  ///   - place: (row, column) [pixels].
  ///   - rows: rows of the area.
  ///   - columns: columns of the area.
  func angles(_ place: SIMD2<Double>, rows: Int, columns: Int) -> SIMD2<Double> {
    let (height, width) = (Double(rows), Double(columns))
    let dy = (height - 1) / 2 - place.x, dx = place.y - (width - 1) / 2
    guard self != .cartesian else { return SIMD2(.pi * dx / width, .pi * dy / height) }
    let theta = atan2(-dx, dy), furthest = hypot((height - 1) / 2, (width - 1) / 2)
    // Where there is no direction it is 0, and no negative 0.
    return SIMD2(theta < 0 ? theta + 2 * .pi : theta + 0.0, .pi * hypot(dy, dx) / furthest)
  }

  /// The angle of each pair of a head's channels: the first angle for even pairs, the second for odd ones.
  ///
  /// - Parameters:
  ///   - place: (row, column) [pixels].
  ///   - width: channels of a head, a multiple of 4.
  ///   - rows: rows of the area.
  ///   - columns: columns of the area.
  func pairAngles(_ place: SIMD2<Double>, width: Int, rows: Int, columns: Int) -> [Double] {
    let angles = angles(place, rows: rows, columns: columns)
    return (0..<width / 4).flatMap { block -> [Double] in
      let multiple = multiples[block % multiples.count]
      return [multiple * angles.x, multiple * angles.y]
    }
  }
}
