/// Which samples were written, in a few numbers that ranks can add up: their count and the sum of their hashes.
///
/// A list would grow with the data set; a sample missing while another was written twice leaves the count alone but, but
/// for one case in 2^64, not the sum.
struct WrittenSamples: Equatable {
  private(set) var count = 0
  private var hashSum: UInt64 = 0

  /// Nothing yet.
  init() {}

  /// Every sample from 0 to `count - 1`, each once.
  init(everythingBelow count: Int) { insert(0..<count) }

  /// What several ranks wrote together, from the sum of their `sums`.
  init(_ sums: [UInt64]) {
    count = Int(clamping: sums[0])
    hashSum = sums[1]
  }

  /// Numbers to be added up over ranks (modulo 2^64).
  var sums: [UInt64] { [UInt64(count), hashSum] }

  mutating func insert(_ samples: Range<Int>) {
    count += samples.count
    for sample in samples { hashSum &+= Self.hash(UInt64(sample)) }
  }

  /// The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
  private static func hash(_ number: UInt64) -> UInt64 {
    var value = number &+ 0x9E37_79B9_7F4A_7C15
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
