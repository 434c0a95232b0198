/// How a network that was trained on windows of one size is asked about a grid of another: window by window, what the
/// windows answer blended where they overlap.
///
/// The state that a sampler moves is the whole grid's, and so is its noise: windows only divide the work of one evaluation.
/// Beyond the grid's border a window sees the grid reflected, and what it answers there is dropped. Windows begin at
/// multiples of what the network halves its input to, so that all see the grid in the same phase.
public struct TilePlan: Equatable, Sendable {
  /// One window: where its first row and column lie.
  public struct Tile: Equatable, Sendable {
    /// The grid's row of the window's first one.
    public var row: Int
    /// The grid's column of the window's first one.
    public var column: Int
  }

  /// Rows of the grid.
  public let rows: Int
  /// Columns of the grid.
  public let columns: Int
  /// Rows of a window.
  public let tileRows: Int
  /// Columns of a window.
  public let tileColumns: Int
  /// All windows, row after row.
  public let tiles: [Tile]
  /// How much a window's answer counts, by the row within it.
  private let rowWeights: [Float]
  /// How much a window's answer counts, by the column within it.
  private let columnWeights: [Float]

  /// The share of a window that its neighbour sees as well.
  private static let overlap = 4

  /// Whether one window is the grid itself: nothing is to be divided.
  public var isWhole: Bool { tiles.count == 1 && tileRows == rows && tileColumns == columns }

  /// - Parameters:
  ///   - rows: rows of the grid.
  ///   - columns: columns of the grid.
  ///   - size: rows and columns of a window, a multiple of `step`; nil: one window for all.
  ///   - step: what a window's sides are multiples of.
  public init(rows: Int, columns: Int, size: Int?, step: Int) {
    precondition(rows > 0 && columns > 0 && step > 0 && (size ?? step) % step == 0, "windows of \(size ?? 0)")
    func side(_ extent: Int) -> Int {
      let least = (extent + step - 1) / step * step
      return size.map { min($0, least) } ?? least
    }
    (self.rows, self.columns) = (rows, columns)
    (tileRows, tileColumns) = (side(rows), side(columns))
    let down = Self.starts(rows, tileRows, step), across = Self.starts(columns, tileColumns, step)
    tiles = down.flatMap { row in across.map { Tile(row: row, column: $0) } }
    rowWeights = Self.weights(tileRows)
    columnWeights = Self.weights(tileColumns)
  }

  /// Evenly spread, a quarter of a window or more over the next one; the last may reach beyond the grid.
  private static func starts(_ extent: Int, _ side: Int, _ step: Int) -> [Int] {
    guard extent > side else { return [0] }
    let stride = max(step, (side - side / overlap) / step * step)
    let count = (extent - side + stride - 1) / stride + 1
    let last = (extent - side + step - 1) / step * step
    return (0..<count).map { $0 * last / (count - 1) / step * step }
  }

  /// Rising over the overlap from nearly nothing at the window's border: what a network knows least counts least.
  private static func weights(_ side: Int) -> [Float] {
    let ramp = max(1, side / overlap)
    return (0..<side).map { place in
      let share = min(1, (Float(min(place, side - 1 - place)) + 0.5) / Float(ramp))
      // 3 s² - 2 s³: no kink at either end.
      return share * share * (3 - 2 * share)
    }
  }

  /// Copies what a window sees of a grid.
  ///
  /// - Parameters:
  ///   - tile: the window.
  ///   - values: `[rows, columns, width]`.
  ///   - width: numbers of a place.
  ///   - out: receives `[tileRows, tileColumns]` places, `stride` numbers apart.
  ///   - stride: from one place to the next in `out`.
  public func gather(
    _ tile: Tile, _ values: UnsafeBufferPointer<Float>, width: Int, into out: UnsafeMutablePointer<Float>, stride: Int
  ) {
    guard let base = values.baseAddress else { return }
    for row in 0..<tileRows {
      let from = Self.reflected(tile.row + row, rows) * columns
      for column in 0..<tileColumns {
        let place = from + Self.reflected(tile.column + column, columns)
        (out + (row * tileColumns + column) * stride).update(from: base + place * width, count: width)
      }
    }
  }

  /// -1 is 0, -2 is 1, `extent` is `extent - 1`, as often as it takes.
  private static func reflected(_ place: Int, _ extent: Int) -> Int {
    let period = 2 * extent, within = ((place % period) + period) % period
    return within < extent ? within : period - 1 - within
  }

  /// Adds what a window answered, weighted, to a sum over windows.
  ///
  /// - Parameters:
  ///   - tile: the window.
  ///   - answer: `[tileRows, tileColumns, width]`.
  ///   - width: numbers of a place.
  ///   - sum: `[rows, columns, width]`.
  public func add(
    _ tile: Tile, _ answer: UnsafePointer<Float>, width: Int, to sum: UnsafeMutableBufferPointer<Float>
  ) {
    for row in 0..<min(tileRows, rows - tile.row) {
      for column in 0..<min(tileColumns, columns - tile.column) {
        let weight = rowWeights[row] * columnWeights[column]
        let from = answer + (row * tileColumns + column) * width
        let place = ((tile.row + row) * columns + tile.column + column) * width
        for index in 0..<width { sum[place + index] += weight * from[index] }
      }
    }
  }

  /// One over the sum of all windows' weights at each place, `[rows, columns]`.
  public var scale: [Float] {
    var sums = [Float](repeating: 0, count: rows * columns)
    let ones = [Float](repeating: 1, count: tileRows * tileColumns)
    sums.withUnsafeMutableBufferPointer { sums in
      ones.withUnsafeBufferPointer { ones in
        guard let one = ones.baseAddress else { return }
        for tile in tiles { add(tile, one, width: 1, to: sums) }
      }
    }
    return sums.map { 1 / $0 }
  }
}
