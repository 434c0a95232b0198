import Foundation

/// Round numbers along an axis.
struct Ticks: Equatable {
  /// The numbers, ascending.
  let values: [Double]
  /// Their texts.
  let labels: [String]

  /// At most `maximum + 1` multiples of 1, 2, 2.5 or 5 times a power of ten within a range.
  ///
  /// - Parameters:
  ///   - range: finite bounds, ascending.
  ///   - maximum: at most so many steps, at least one.
  static func linear(_ range: ClosedRange<Double>, maximum: Int) -> Ticks {
    let span = range.upperBound - range.lowerBound
    guard span > 0, span.isFinite else {
      return Ticks(values: [range.lowerBound], labels: [label(range.lowerBound, step: 1)])
    }
    let rough = span / Double(max(1, maximum))
    let power = pow(10, floor(log10(rough)))
    let step = ([1, 2, 2.5, 5, 10].first { $0 * power >= rough * (1 - 1e-9) } ?? 10) * power
    // A thousandth of a step forgives rounding at the ends.
    let first = Int(((range.lowerBound / step) - 1e-3).rounded(.up))
    let last = Int(((range.upperBound / step) + 1e-3).rounded(.down))
    guard first <= last else { return Ticks(values: [], labels: []) }
    let values = (first...last).map { Double($0) * step }
    return Ticks(values: values, labels: values.map { label($0, step: step) })
  }

  /// Powers of ten within a range of positive numbers; every other, every third... where they are many.
  static func logarithmic(_ range: ClosedRange<Double>, maximum: Int) -> Ticks {
    let first = Int((log10(range.lowerBound) - 1e-9).rounded(.up))
    let last = Int((log10(range.upperBound) + 1e-9).rounded(.down))
    // Within one decade powers of ten would say little.
    guard last > first else { return linear(range, maximum: maximum) }
    let stride = (last - first) / max(1, maximum) + 1
    let exponents = (first...last).filter { $0 % stride == 0 }
    return Ticks(values: exponents.map { pow(10, Double($0)) }, labels: exponents.map { "1e\($0)" })
  }

  /// As many decimals as the step needs.
  private static func label(_ value: Double, step: Double) -> String {
    let size = max(abs(value), step)
    if size >= 1e6 || step < 1e-4 { return String(format: "%g", value) }
    var decimals = 0
    while decimals < 6,
      abs((step * pow(10, Double(decimals))).rounded() - step * pow(10, Double(decimals))) > 1e-6
    {
      decimals += 1
    }
    return String(format: "%.\(decimals)f", value == 0 ? 0 : value)
  }
}
