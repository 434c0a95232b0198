import Computing
import Essentials
import MapStorage

/// How a split is to be drawn.
public struct SplitRule: Equatable, Sendable {
  /// Whether whole environments are drawn; nil: where there are several.
  public var byEnvironment: Bool?
  /// How many of them, or of the maps, test.
  public var size = Size.oneInSix

  /// How large a test set is.
  public enum Size: Equatable, Sendable {
    /// One in six, rounded.
    case oneInSix
    /// This share, rounded.
    case share(Double)
    /// So many.
    case count(Int)
  }

  /// One in six maps, or environments where there are several.
  public init() {}

  /// How many of some units test: one at least of two, but for an exact count, and never all.
  func testCount(of count: Int) -> Int {
    guard count > 1 else { return 0 }
    return switch size {
    case .oneInSix: max(1, (count + 3) / 6)
    case .share(let share): share == 0 ? 0 : min(count - 1, max(1, Int((Double(count) * share).rounded())))
    case .count(let wanted): min(count - 1, wanted)
    }
  }
}

/// Which maps train and which test: disjoint, by seed; by environment where the data set has several, unless told
/// otherwise.
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

  /// The training maps' numbers, rising.
  public let training: [Int]
  /// The test maps' numbers, rising.
  public let test: [Int]
  /// What to keep of it.
  public let record: Record

  /// Draws a split.
  ///
  /// One map in six tests unless the rule says otherwise; a single map trains and none tests. Where there are several
  /// environments, one in six of them tests with all its maps, so that no test map's surroundings were learned.
  /// - Parameters:
  ///   - count: how many maps there are.
  ///   - environments: each map's environment, or nil.
  ///   - rule: how it is drawn.
  ///   - seed: the run's seed.
  public init(count: Int, environments: [Int32]? = nil, rule: SplitRule = SplitRule(), seed: UInt64) {
    precondition(environments == nil || environments?.count == count, "an environment for each map")
    let groups = environments ?? []
    let distinct = Set(groups).sorted()
    let byEnvironment = rule.byEnvironment ?? true && distinct.count > 1
    let stream = RandomStream(seed: seed, purpose: .split)
    let order = stream.permutation(byEnvironment ? distinct.count : count)
    let chosen = order.prefix(rule.testCount(of: order.count))
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
  ///
  /// - Throws: `Fault` when they cannot be read, or environments are to be drawn and there are none.
  public init(_ data: MapSetCollection, rule: SplitRule = SplitRule(), seed: UInt64) throws {
    let environments = data.environments
    let count = environments.map { Set($0).count } ?? 0
    guard rule.byEnvironment != true || count > 1 else {
      throw Fault(
        "the maps cannot be split by environment", at: "\(data.path):/environment",
        expected: "two environments at least", found: "\(count)", hint: "split.unit: map draws single maps")
    }
    let units = rule.byEnvironment ?? true && count > 1 ? count : data.count
    if case .count(let wanted) = rule.size, wanted >= units {
      throw Fault(
        "nothing would be left to train on", at: "split.test_count", expected: "at most \(units - 1) of \(units)",
        found: "\(wanted)")
    }
    self.init(count: data.count, environments: environments, rule: rule, seed: seed)
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

  private static func hash(_ numbers: [Int]) -> String {
    let hash = stableHash(numbers.flatMap { withUnsafeBytes(of: UInt64($0).littleEndian, Array.init) })
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
