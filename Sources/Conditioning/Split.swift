import Computing
import Essentials
import MapStorage

/// Which maps train and which test: disjoint, by seed, five to one; by environment where the data set has several.
public struct Split: Equatable, Sendable {
  /// What a run keeps of its split, to know it again.
  public struct Record: Codable, Equatable, Sendable {
    /// The seed that drew it.
    public var seed: UInt64
    /// Whether whole environments were drawn.
    public var byEnvironment: Bool
    /// How many maps train.
    public var trainingCount: Int
    /// How many maps test.
    public var testCount: Int
    /// FNV-1a of the test maps' numbers, in hexadecimal.
    public var testHash: String
  }

  /// Training maps for each test map.
  public static let ratio = 5

  /// The training maps' numbers, rising.
  public let training: [Int]
  /// The test maps' numbers, rising.
  public let test: [Int]
  /// What to keep of it.
  public let record: Record

  /// Draws a split.
  ///
  /// One map in six tests, at least one of two; a single map trains and none tests. Where there are several environments,
  /// one in six of them tests with all its maps, so that no test map's surroundings were learned.
  /// - Parameters:
  ///   - count: how many maps there are.
  ///   - environments: each map's environment, or nil.
  ///   - seed: the run's seed.
  public init(count: Int, environments: [Int32]? = nil, seed: UInt64) {
    precondition(environments == nil || environments?.count == count, "an environment for each map")
    let groups = environments ?? []
    let distinct = Set(groups).sorted()
    let byEnvironment = distinct.count > 1
    let stream = RandomStream(seed: seed, purpose: .split)
    let order = stream.permutation(byEnvironment ? distinct.count : count)
    let chosen = order.prefix(Self.testCount(of: order.count))
    let testSet: Set<Int>
    if byEnvironment {
      let tested = Set(chosen.map { distinct[$0] })
      testSet = Set((0..<count).filter { tested.contains(groups[$0]) })
    } else {
      testSet = Set(chosen)
    }
    test = testSet.sorted()
    training = (0..<count).filter { !testSet.contains($0) }
    record = Record(
      seed: seed, byEnvironment: byEnvironment, trainingCount: training.count, testCount: test.count,
      testHash: Self.hash(test))
  }

  /// Draws the split of data sets.
  public init(_ data: MapSetCollection, seed: UInt64) throws {
    self.init(count: data.count, environments: try data.environments(), seed: seed)
  }

  /// Throws unless this is the split that a run has recorded.
  ///
  /// - Parameters:
  ///   - recorded: what the run kept.
  ///   - place: the data set's file, for the message.
  public func require(_ recorded: Record, at place: String) throws {
    guard record == recorded else {
      throw Fault(
        "these are not the maps that the run was split on", at: place,
        expected:
          "\(recorded.trainingCount) training and \(recorded.testCount) test maps, \(recorded.testHash)",
        found: "\(record.trainingCount) and \(record.testCount), \(record.testHash)",
        hint: "give the data set that the run was trained on")
    }
  }

  private static func testCount(of count: Int) -> Int {
    guard count > 1 else { return 0 }
    return max(1, (count + (ratio + 1) / 2) / (ratio + 1))
  }

  private static func hash(_ numbers: [Int]) -> String {
    let hash = stableHash(numbers.flatMap { withUnsafeBytes(of: UInt64($0).littleEndian, Array.init) })
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
