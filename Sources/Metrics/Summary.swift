/// The mean of a quantity over maps, and how well it is known.
public struct Summary: Codable, Equatable, Sendable {
  /// The mean; nil when nothing was counted.
  public let mean: Double?
  /// Sample standard deviation over the square root of the count; nil with fewer than two values.
  public let standardError: Double?
  /// How many values.
  public let count: Int

  /// - Parameter values: one value a map; two passes, in the order given.
  public init(_ values: [Double]) {
    count = values.count
    guard count > 0 else {
      mean = nil
      standardError = nil
      return
    }
    let mean = values.reduce(0, +) / Double(count)
    self.mean = mean
    guard count > 1 else {
      standardError = nil
      return
    }
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    standardError = (squares / Double(count - 1) / Double(count)).squareRoot()
  }

  /// The mean of `a - b` over maps, with the standard error of the **paired** differences: what is common to a map
  /// in both does not blur it.
  public static func pairedDifference(_ a: [Double], _ b: [Double]) -> Summary {
    precondition(a.count == b.count, "pairs need equally many values")
    return Summary(zip(a, b).map { $0 - $1 })
  }
}
