import Essentials
import Synchronization

/// An array of maps in a file, read as maps whatever the order of its axes.
struct MapArray {
  /// What an array's rows are read in at a time [byte].
  private static let slab = 16 << 20
  /// What is kept of maps that are interleaved in the file [byte]: each reading goes through all of it.
  private static let kept = 256 << 20

  let source: any MapSource
  /// The source, or the same with its axes in reverse, as they lie in the file.
  private let stored: any MapSource
  private let cache = Cache()
  /// The number of maps.
  let count: Int
  /// Rows of a map.
  let rows: Int
  /// Columns of a map.
  let columns: Int
  /// What was left out or chosen, for people; nil where nothing was.
  let remark: String?
  /// Extents that are not left out, with what they count; the map's number is missing where there is one map.
  private let axes: [(axis: AxisOrder.Axis, extent: Int)]
  /// How rows and columns of the file become the map's, what the file says of them included.
  let orientation: MapOrientation

  /// - Parameters:
  ///   - source: the array.
  ///   - order: the order of its axes; nil: map, y, x.
  ///   - orientation: how rows and columns become the map's, after what the file says of them.
  ///   - maps: whose places an array has that does not say where its own lie; nil: it has no such.
  /// - Throws: `Fault` for a shape of which no maps can be made.
  init(
    _ source: any MapSource, order: AxisOrder?, orientation: MapOrientation, like maps: MapArray? = nil
  ) throws {
    self.source = source
    let facts = source.facts
    let order = order ?? facts.axes
    let shape = source.shape
    guard !shape.isEmpty, shape.allSatisfy({ $0 > 0 }) else { throw Self.fault(source) }
    guard order != nil || !facts.isMATLAB || shape.count < 2 else { throw Self.reversed(source) }
    let kept = Self.squeezed(shape, to: order?.axes.count)
    let letters: [AxisOrder.Axis]
    if let order {
      guard order.axes.count == kept.count else {
        throw Fault(
          "the order of axes does not fit the array", at: source.place, expected: "\(kept.count) letters for \(shape)",
          found: order.text)
      }
      letters = order.axes
    } else if kept.count == 3 {
      letters = [.map, .row, .column]
    } else if kept.count == 2 {
      letters = [.row, .column]
    } else {
      throw Self.fault(source)
    }
    let axes = zip(letters, kept).map { (axis: $0, extent: $1) }
    let reversed = source.reversed
    stored = reversed ?? source
    self.axes = reversed == nil ? axes : axes.reversed()
    func extent(_ axis: AxisOrder.Axis) -> Int { zip(letters, kept).first { $0.0 == axis }?.1 ?? 1 }
    count = extent(.map)
    let place = facts.place.isKnown ? facts.place : maps?.source.facts.place ?? facts.place
    let given = MapOrientation(transposes: false, flipsX: place.isEastFirst, flipsY: place.isNorthUp)
    self.orientation = given.followed(by: orientation)
    (rows, columns) =
      orientation.transposes ? (extent(.column), extent(.row)) : (extent(.row), extent(.column))
    guard rows <= Int(UInt32.max) / 4 / columns else {
      throw Fault("the maps are too large", at: source.place, expected: "less than 4 GiB a map", found: "\(shape)")
    }
    remark = Self.remark(source, kept, order)
  }

  /// Without axes of extent 1, as many as are too many; of three axes the last, where that is the only one of its kind: a
  /// picture's channel.
  private static func squeezed(_ shape: [Int], to wanted: Int?) -> [Int] {
    var kept = shape
    let limit = wanted ?? 3
    while kept.count > limit, let place = kept.lastIndex(of: 1) { kept.remove(at: place) }
    if wanted == nil, kept.count == 3, kept[2] == 1, kept[0] > 1, kept[1] > 1 { kept.removeLast() }
    return kept
  }

  private static func remark(_ source: any MapSource, _ kept: [Int], _ order: AxisOrder?) -> String? {
    let shape = source.shape
    if let told = source.facts.axes, order == told { return "the file's axes are \(told.text), as it says" }
    let leftOut = kept.count < shape.count ? "axes of extent 1 are left out of \(shape)" : nil
    // Either a square before the last axis, or maps much narrower than they are many and high.
    guard order == nil, kept.count == 3,
      kept[0] == kept[1] && kept[2] != kept[1] || 4 * kept[2] <= min(kept[0], kept[1])
    else { return leftOut }
    return "\(kept[0]) maps of \(kept[1]) x \(kept[2])? if the last axis counts maps: `axes` yxn"
  }

  private static func fault(_ source: any MapSource) -> Fault {
    let large = source.shape.count { $0 > 1 }
    return Fault(
      "the maps have the wrong shape", at: source.place, expected: "[N, H, W], or [H, W] for one map",
      found: "\(source.shape)", hint: large > 3 ? surplus(source.shape) : nil)
  }

  /// How to do without the shortest axis, which is the one that counts parts, channels or frequencies.
  private static func surplus(_ shape: [Int]) -> String {
    let axis = shape.indices.min { shape[$0] < shape[$1] } ?? 0
    func part(_ number: Int) -> String {
      "array[" + String(repeating: ":, ", count: axis) + "\(number)" + (axis < shape.count - 1 ? ", ...]" : "]")
    }
    let take = "numpy.save('maps.npy', \(part(0)))"
    return shape[axis] == 2
      ? "of real and imaginary parts, in Python: numpy.save('maps.npy', \(part(0)) + 1j * \(part(1))); else take one: \(take)"
      : "take one of the \(shape[axis]) along axis \(axis), in Python: \(take)"
  }

  private static func reversed(_ source: any MapSource) -> Fault {
    let stored = source.shape, there = Array(stored.reversed())
    let (first, second) = stored.count == 2 ? ("xy", "yx") : ("nxy", "nyx")
    let example = stored.count == 2 ? ("(y,x)", "(x,y)") : ("(y,x,map)", "(x,y,map)")
    return Fault(
      "MATLAB keeps axes in reverse: say which is which", at: source.place,
      expected: "the order of the axes \(stored) in the file; in MATLAB they are \(there)", found: "none",
      hint: "`axes` \(first) for A\(example.0), `axes` \(second) for A\(example.1)")
  }

  /// Whether maps stand one after the other, so that some can be read without the others.
  private var isSequential: Bool {
    guard let first = axes.first else { return false }
    return first.axis == .map && stored.shape[0] == first.extent
  }

  /// Maps that were read together with others.
  private final class Cache: Sendable {
    private let kept = Mutex<(first: Int, maps: [[Float]])>((0, []))

    /// The maps of a range; reads those from its first on where they are not there.
    func maps(_ samples: Range<Int>, _ read: (Int) throws -> [[Float]]) rethrows -> [[Float]] {
      try kept.withLock { kept in
        if samples.lowerBound < kept.first || samples.upperBound > kept.first + kept.maps.count {
          kept.maps = []  // goes before others come
          kept = (samples.lowerBound, try read(samples.lowerBound))
        }
        return Array(kept.maps[samples.lowerBound - kept.first..<samples.upperBound - kept.first])
      }
    }
  }

  /// Reads maps, each `[y, x]`.
  func read(_ samples: Range<Int>) throws -> [[Float]] {
    precondition(samples.lowerBound >= 0 && samples.upperBound <= count, "maps \(samples) of \(count)")
    guard !isSequential else { return try readStored(samples) }
    let together = max(samples.count, Self.kept / (4 * rows * columns))
    return try cache.maps(samples) { try readStored($0..<min(count, $0 + together)) }
  }

  private func readStored(_ samples: Range<Int>) throws -> [[Float]] {
    let isRowByRow = !orientation.transposes && !orientation.flipsX
    if isSequential, isRowByRow, axes.map(\.axis) == [.map, .row, .column] {
      return try samples.map { sample in
        let map = try floats(count: rows * columns) { try stored.read(rows: sample..<sample + 1, into: $0) }
        guard orientation.flipsY else { return map }
        return (0..<rows).reversed().flatMap { map[$0 * columns..<($0 + 1) * columns] }
      }
    }
    var maps = samples.map { _ in [Float](repeating: 0, count: rows * columns) }
    let rowCount = stored.shape.dropFirst().reduce(1, *)
    let all = isSequential ? samples : 0..<stored.shape[0]
    let together = max(1, Self.slab / max(1, 4 * rowCount))
    var first = all.lowerBound
    while first < all.upperBound {
      let last = min(all.upperBound, first + together)
      let values = try floats(count: (last - first) * rowCount) { try stored.read(rows: first..<last, into: $0) }
      scatter(values, from: first * rowCount, samples, into: &maps)
      first = last
    }
    return maps
  }

  /// What belongs to a map's places, turned as the map is; the source's axes are map, y, x.
  func turned<Element>(_ stored: [Element]) -> [Element] {
    let across = orientation.transposes ? rows : columns
    var turned = stored
    for (index, element) in stored.enumerated() {
      let place = orientation.place(row: index / across, column: index % across, rows: rows, columns: columns)
      turned[place.row * columns + place.column] = element
    }
    return turned
  }

  private func floats(count: Int, _ fill: (UnsafeMutableBufferPointer<Float>) throws -> Void) throws -> [Float] {
    try [Float](unsafeUninitializedCapacity: count) { buffer, filled in
      try fill(UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      filled = count
    }
  }

  /// Puts consecutive elements of the array, from number `start` on, where they belong.
  private func scatter(_ values: [Float], from start: Int, _ samples: Range<Int>, into maps: inout [[Float]]) {
    // Left-out axes have extent 1: they do not change an element's number.
    var steps = [Int](repeating: 1, count: axes.count)
    for index in axes.indices.dropLast().reversed() { steps[index] = steps[index + 1] * axes[index + 1].extent }
    func divisor(_ axis: AxisOrder.Axis) -> (step: Int, extent: Int) {
      guard let place = axes.firstIndex(where: { $0.axis == axis }) else { return (1, 1) }
      return (steps[place], axes[place].extent)
    }
    let (n, y, x) = (divisor(.map), divisor(.row), divisor(.column))
    // What an element's row and column add to its place in the map: both are linear.
    let (rows, columns, orientation) = (rows, columns, orientation)
    let origin = orientation.place(row: 0, column: 0, rows: rows, columns: columns)
    let down = orientation.place(row: 1, column: 0, rows: rows, columns: columns)
    let across = orientation.place(row: 0, column: 1, rows: rows, columns: columns)
    let begin = origin.row * columns + origin.column
    let rowStep = down.row * columns + down.column - begin, columnStep = across.row * columns + across.column - begin
    for (position, value) in values.enumerated() {
      let number = start + position
      let sample = number / n.step % n.extent
      guard samples.contains(sample) else { continue }
      let place = begin + number / y.step % y.extent * rowStep + number / x.step % x.extent * columnStep
      maps[sample - samples.lowerBound][place] = value
    }
  }
}
