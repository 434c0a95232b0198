import MessagePassing
import Testing

struct GradientBucketsTests {
  @Test func bucketsHoldWholeParametersLastFirst() {
    // 4 bytes an element: a target of 40 bytes is 10 elements.
    let buckets = GradientBuckets(parameterCounts: [3, 20, 4, 4, 4, 1], targetBytes: 40)
    #expect(buckets.ranges == [23..<36, 3..<23, 0..<3])
    #expect(buckets.bucketOfParameter == [2, 1, 0, 0, 0, 0])
  }

  @Test(arguments: [1, 100, 4096, 1 << 20])
  func bucketsCoverTheArenaOnce(targetBytes: Int) {
    let counts = (0..<200).map { ($0 * 7919) % 613 }  // some are 0
    let buckets = GradientBuckets(parameterCounts: counts, targetBytes: targetBytes)
    var end = counts.reduce(0, +)
    for range in buckets.ranges {
      #expect(range.upperBound == end && !range.isEmpty)
      end = range.lowerBound
    }
    #expect(end == 0)
    // Every parameter lies in the bucket that is said to hold it.
    var start = 0
    for (parameter, count) in counts.enumerated() {
      let range = buckets.ranges[buckets.bucketOfParameter[parameter]]
      if count > 0 { #expect(range.contains(start) && start + count <= range.upperBound) }
      start += count
    }
    // All but the one at the arena's start reach the target.
    for range in buckets.ranges.dropLast() { #expect(range.count * 4 >= targetBytes) }
  }

  @Test func noParametersGiveNoBuckets() {
    #expect(GradientBuckets(parameterCounts: [], targetBytes: 100).ranges.isEmpty)
    #expect(GradientBuckets(parameterCounts: [0, 0], targetBytes: 100).ranges.isEmpty)
    #expect(GradientBuckets(parameterCounts: [0, 5], targetBytes: 1).bucketOfParameter == [0, 0])
  }
}
