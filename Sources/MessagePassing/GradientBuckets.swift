/// How a flat gradient arena is cut into the buckets that are reduced over the ranks one by one.
///
/// A function of the configuration alone: Open MPI chooses its algorithm, and so the rounding, by message size.
public struct GradientBuckets: Equatable, Sendable {
  /// Slices of the arena [elements], in the order in which they are reduced: the last parameters first, since
  /// backward completes them first. Together they cover the arena once.
  public let ranges: [Range<Int>]
  /// The bucket of each parameter.
  public let bucketOfParameter: [Int]

  /// - Parameters:
  ///   - parameterCounts: elements of each parameter, in arena order, padding included.
  ///   - targetBytes: a bucket is closed when it has at least so many bytes (float32), so it holds whole
  ///     parameters, and a large one alone.
  public init(parameterCounts: [Int], targetBytes: Int) {
    precondition(parameterCounts.allSatisfy { $0 >= 0 }, "a parameter has a negative number of elements")
    var ranges: [Range<Int>] = []
    var bucketOfParameter = [Int](repeating: 0, count: parameterCounts.count)
    var end = parameterCounts.reduce(0, +)
    var start = end
    for parameter in parameterCounts.indices.reversed() {
      bucketOfParameter[parameter] = ranges.count
      start -= parameterCounts[parameter]
      if (end - start) * MemoryLayout<Float>.stride >= targetBytes, end > start {
        ranges.append(start..<end)
        end = start
      }
    }
    if end > 0 { ranges.append(0..<end) }
    // Empty parameters before the first element belong to the last bucket that there is.
    self.bucketOfParameter = bucketOfParameter.map { min($0, max(ranges.count - 1, 0)) }
    self.ranges = ranges
  }
}
