import CKernels
import Foundation

/// An antenna that looks into one direction: the element pattern of 3GPP TR 38.901, table 7.3-1, its gain in the boresight taken as
/// 0 dB and azimuth and elevation each limited on their own.
struct SectorAntenna: Equatable, Sendable {
  /// Where it looks, anticlockwise from x [degree].
  var azimuth: Double
  /// How far it looks down [degree].
  var tilt: Double
  /// Width in azimuth at half of the power [degree].
  var width: Double

  /// Width in elevation at half of the power [degree].
  static let elevationWidth: Float = 65
  /// The most that is lost beside and behind [dB].
  static let most: Float = 30

  /// As the kernels take it.
  var pattern: ck_pattern {
    ck_pattern(
      dx: Float(cos(azimuth * .pi / 180)), dy: Float(sin(azimuth * .pi / 180)), rate: Float(12 / (width * width)),
      most: Self.most)
  }

  /// Loss of a path that leaves in a direction of length 1 [dB].
  func azimuthLoss(_ direction: SIMD2<Double>) -> Float {
    let boresight = SIMD2(cos(azimuth * .pi / 180), sin(azimuth * .pi / 180))
    let angle = abs(
      atan2(
        boresight.x * direction.y - boresight.y * direction.x, boresight.x * direction.x + boresight.y * direction.y))
    let degrees = angle * 180 / .pi
    return min(Float(12 / (width * width) * degrees * degrees), Self.most)
  }

  /// Loss of a path that falls by `rise` [m] over its length [m] [dB].
  func elevationLoss(rise: Float, length: Float) -> Float {
    let degrees = atan2f(rise, length) * 180 / .pi - Float(tilt)
    return min(12 * degrees * degrees / (Self.elevationWidth * Self.elevationWidth), Self.most)
  }
}
