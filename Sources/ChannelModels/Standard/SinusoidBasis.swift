import CKernels
import Foundation

/// Frequencies of a sum of sinusoids with the autocorrelation that spatial consistency asks for (clause 7.6.3):
/// exp(-(d/L)^2) below the decorrelation distance L, exp(-d/L) above it.
///
/// That function is not positive definite in the plane (its spectrum turns negative at |k| L = 5.7), so no
/// random field has it exactly. The radial spectrum below is the non-negative one, on rings of width 0.1 up to
/// |k| L = 5, whose autocorrelation stays within 0.0168 of it everywhere, with the least variation from ring to
/// ring (two linear programmes: least maximum error, 0.0152; then least variation within 1.1 times that).
/// Frequencies are its quantiles on a golden-angle spiral; every map turns the spiral by an angle of its
/// own, which makes the ensemble isotropic.
public struct SinusoidBasis: Sendable {
  /// Sinusoids in a sum.
  public static let count = 320

  /// Power in each ring; ring i spans |k| L from 0.1 i to 0.1 (i + 1).
  private static let rings: [Double] =
    [Double](repeating: 0.0186, count: 3) + [0.0277] + [Double](repeating: 0.0374, count: 9) + [0.0353]
    + [Double](repeating: 0.0299, count: 3) + [0.0296] + [Double](repeating: 0.0281, count: 3) + [0.0225]
    + [Double](repeating: 0.0201, count: 6) + [Double](repeating: 0.0142, count: 8) + [0.0098]
    + [Double](repeating: 0.0090, count: 6) + [0.0043] + [Double](repeating: 0.0028, count: 6)

  /// Decorrelation distance [m].
  public let decorrelation: Double
  /// Wave numbers over 2 pi [1/m] and their directions [rad] on the unturned spiral.
  private let wavenumber: [Double]
  private let direction: [Double]

  /// - Parameter decorrelation: decorrelation distance L [m].
  public init(decorrelation: Double) {
    self.decorrelation = decorrelation
    let total = Self.rings.reduce(0, +)
    var ring = 0
    var below = 0.0
    let golden = (5.0.squareRoot() - 1) / 2
    var wavenumber: [Double] = []
    var direction: [Double] = []
    for k in 0..<Self.count {
      let quantile = (Double(k) + 0.5) / Double(Self.count) * total
      while below + Self.rings[ring] < quantile {
        below += Self.rings[ring]
        ring += 1
      }
      let radius = 0.1 * (Double(ring) + (quantile - below) / Self.rings[ring])
      wavenumber.append(radius / decorrelation / (2 * .pi))
      direction.append(.pi * (golden * Double(k)).truncatingRemainder(dividingBy: 1))
    }
    self.wavenumber = wavenumber
    self.direction = direction
  }

  /// Autocorrelation of the isotropic ensemble at a distance [m], averaged over directions.
  public func autocorrelation(distance: Double) -> Double {
    wavenumber.reduce(0) { $0 + j0(2 * .pi * $1 * distance) } / Double(Self.count)
  }

  /// What clause 7.6.3 asks for at a distance [m].
  public func target(distance: Double) -> Double {
    let ratio = distance / decorrelation
    return ratio < 1 ? exp(-ratio * ratio) : exp(-ratio)
  }

  /// Wave vector over 2 pi [1/m] of a sinusoid on the spiral turned by `rotation` [rad].
  func wave(_ k: Int, rotation: Double) -> SIMD2<Double> {
    wavenumber[k] * SIMD2(cos(direction[k] + rotation), sin(direction[k] + rotation))
  }

  /// The sinusoids at a grid's lines.
  ///
  /// - Parameters:
  ///   - grid: the places.
  ///   - rotation: angle [rad] by which the spiral is turned.
  func tables(grid: AreaGrid, rotation: Double) -> SinusoidTables {
    let n = Self.count
    var alongX = [Float](repeating: 0, count: n * grid.columns)  // [n, columns]
    var alongY = [Float](repeating: 0, count: grid.rows * n)  // [rows, n]
    for k in 0..<n {
      let wave = wave(k, rotation: rotation)
      for column in 0..<grid.columns {
        alongX[k * grid.columns + column] = Self.turns(wave.x * grid.x(column))
      }
      for row in 0..<grid.rows { alongY[row * n + k] = Self.turns(wave.y * grid.y(row)) }
    }
    var columns = [Float](repeating: 0, count: 2 * n * grid.columns)
    columns.withUnsafeMutableBufferPointer {
      ck_phasors($0.baseAddress!, $0.baseAddress! + n * grid.columns, alongX, alongX.count)
    }
    var cosine = [Float](repeating: 0, count: alongY.count)
    var sine = cosine
    ck_phasors(&cosine, &sine, alongY, alongY.count)
    return SinusoidTables(grid: grid, columns: columns, rowCosine: cosine, rowSine: sine)
  }

  /// Whole turns are taken off in double: over a large area a float would lose the phase.
  private static func turns(_ value: Double) -> Float { Float(value - value.rounded()) }
}

/// Sinusoids evaluated along the lines of a grid; with coefficients they make fields.
struct SinusoidTables {
  let grid: AreaGrid
  /// cos a_k x over sin a_k x: [2n, columns].
  let columns: [Float]
  /// cos and sin of b_k y: [rows, n].
  let rowCosine, rowSine: [Float]

  /// Complex amplitudes of one field: real and imaginary parts, [n] each.
  struct Amplitudes {
    var real: [Float]
    var imaginary: [Float]

    static var zero: Amplitudes {
      let zeros = [Float](repeating: 0, count: SinusoidBasis.count)
      return Amplitudes(real: zeros, imaginary: zeros)
    }

    /// Phases uniform on the circle, amplitudes such that the field has unit variance.
    init(phases: [Float]) {
      real = [Float](repeating: 0, count: phases.count)
      imaginary = real
      ck_phasors(&real, &imaginary, phases, phases.count)
      let amplitude = (2 / Float(phases.count)).squareRoot()
      for k in phases.indices {
        real[k] *= amplitude
        imaginary[k] *= amplitude
      }
    }

    private init(real: [Float], imaginary: [Float]) {
      self.real = real
      self.imaginary = imaginary
    }

    mutating func add(_ other: Amplitudes, times factor: Float) {
      for k in real.indices {
        real[k] += factor * other.real[k]
        imaginary[k] += factor * other.imaginary[k]
      }
    }
  }

  /// Evaluates fields in a band of rows.
  ///
  /// - Parameters:
  ///   - amplitudes: one set a field.
  ///   - rows: the band.
  ///   - out: [fields, rows, columns], written or added to.
  ///   - scratch: grown to [fields, rows, 2n] as needed.
  ///   - accumulate: whether to add.
  func evaluate(
    _ amplitudes: [Amplitudes], rows: Range<Int>, into out: UnsafeMutablePointer<Float>,
    scratch: inout [Float], accumulate: Bool
  ) {
    let n = SinusoidBasis.count
    let lines = amplitudes.count * rows.count
    if scratch.count < lines * 2 * n { scratch = [Float](repeating: 0, count: lines * 2 * n) }
    scratch.withUnsafeMutableBufferPointer { scratch in
      let base = scratch.baseAddress!
      rowCosine.withUnsafeBufferPointer { cosine in
        rowSine.withUnsafeBufferPointer { sine in
          for (index, field) in amplitudes.enumerated() {
            ck_sinusoid_rows(
              base + index * rows.count * 2 * n, field.real, field.imaginary,
              cosine.baseAddress! + rows.lowerBound * n, sine.baseAddress! + rows.lowerBound * n, rows.count,
              n)
          }
        }
      }
      let width = grid.columns
      ck_gemm(0, 0, lines, width, 2 * n, 1, base, 2 * n, columns, width, accumulate ? 1 : 0, out, width)
    }
  }
}
