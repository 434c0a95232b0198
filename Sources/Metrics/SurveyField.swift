import Essentials

/// Values at the places of a grid, some of which may not count.
struct Field {
  let rows: Int
  let columns: Int
  /// 0 at places that do not count.
  var values: [Double]
  private let mask: Mask?

  init(_ map: ChannelFingerprint, mask: Mask?) {
    rows = map.rows
    columns = map.columns
    values = map.values.map(Double.init)
    self.mask = mask
    if let mask { for place in values.indices where !mask[place] { values[place] = 0 } }
  }

  func counts(_ place: Int) -> Bool { mask?[place] != false }

  var count: Int { mask?.flags.count { $0 } ?? values.count }

  var sum: Double { values.reduce(0, +) }

  /// The greatest value less the least; nil when nothing counts.
  var range: Double? {
    var (low, high) = (Double.infinity, -Double.infinity)
    for place in values.indices where counts(place) {
      low = min(low, values[place])
      high = max(high, values[place])
    }
    return low <= high ? high - low : nil
  }

  /// The sum of squares, and of how many.
  var square: MapSurvey.Quotient { .init(sum: values.reduce(0) { $0 + $1 * $1 }, over: Double(count)) }

  /// Takes the mean away, and returns it.
  mutating func centre() -> Double {
    for place in values.indices where !counts(place) { values[place] = 0 }
    let mean = sum / Double(count)
    for place in values.indices where counts(place) { values[place] -= mean }
    return mean
  }

  /// Mean absolute difference of neighbours along x; nil when there are none.
  var meanSlope: Double? {
    var (slope, pairs) = (0.0, 0)
    for row in 0..<rows {
      for place in (row * columns + 1)..<max((row + 1) * columns, row * columns + 1)
      where counts(place) && counts(place - 1) {
        slope += abs(values[place] - values[place - 1])
        pairs += 1
      }
    }
    return pairs > 0 ? slope / Double(pairs) : nil
  }

  /// The mean product of places a lag apart along x and along y, over the mean square; nil where the grid has no such
  /// places. Of a centred field.
  ///
  /// - Parameter lag: in grid lines; none where that is no whole number.
  func product(lag: Double) -> MapSurvey.Quotient? {
    let step = Int(lag.rounded())
    guard abs(lag - Double(step)) < 0.01, step >= 1, step < rows, step < columns else { return nil }
    var (alongX, alongY) = (0.0, 0.0)
    var (pairsX, pairsY) = (rows * (columns - step), (rows - step) * columns)
    values.withUnsafeBufferPointer { values in
      for row in 0..<rows {
        let line = row * columns
        for place in line..<(line + columns - step) { alongX += values[place] * values[place + step] }
      }
      for place in 0..<pairsY { alongY += values[place] * values[place + step * columns] }
    }
    if let mask {
      let ends = 0..<(columns - step)
      pairsX = (0..<rows).reduce(0) { count, row in
        count + ends.count { mask[row * columns + $0] && mask[row * columns + $0 + step] }
      }
      pairsY = (0..<pairsY).count { mask[$0] && mask[$0 + step * columns] }
    }
    guard pairsX > 0, pairsY > 0 else { return nil }
    let mean = square
    return .init(sum: (alongX / Double(pairsX) + alongY / Double(pairsY)) / 2, over: mean.sum / mean.over)
  }

  /// Takes the median over 5 x 5 places away, edges mirrored with the edge repeated; only places that count have a say.
  mutating func subtractMedian() {
    func mirrored(_ index: Int, _ size: Int) -> Int {
      var index = index
      while index < 0 || index >= size { index = index < 0 ? -1 - index : 2 * size - 1 - index }
      return index
    }
    let across = (-2..<(columns + 2)).map { mirrored($0, columns) }
    let before = values
    before.withUnsafeBufferPointer { before in
      withUnsafeTemporaryAllocation(of: Double.self, capacity: 25) { window in
        for row in 0..<rows {
          let lines = (-2...2).map { mirrored(row + $0, rows) * columns }
          for column in 0..<columns where counts(row * columns + column) {
            var filled = 0
            for line in lines {
              for neighbour in 0..<5 where counts(line + across[column + neighbour]) {
                let value = before[line + across[column + neighbour]]
                var slot = filled
                while slot > 0, window[slot - 1] > value {
                  window[slot] = window[slot - 1]
                  slot -= 1
                }
                window[slot] = value
                filled += 1
              }
            }
            // Of an even number, the mean of the two in the middle.
            values[row * columns + column] -= (window[(filled - 1) / 2] + window[filled / 2]) / 2
          }
        }
      }
    }
  }
}
