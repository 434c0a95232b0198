import Essentials

/// What the fixtures hold: six maps of 4 x 5 with value -80 - 3 sample - y / 2 - x / 4 dB (exact in float32).
enum Known {
  static let count = 6
  static let rows = 4
  static let columns = 5

  static func map(_ sample: Int) -> ChannelFingerprint {
    var map = ChannelFingerprint(rows: rows, columns: columns, repeating: 0)
    for row in 0..<rows {
      for column in 0..<columns {
        map[row, column] = -80 - 3 * Float(sample) - 0.5 * Float(row) - 0.25 * Float(column)
      }
    }
    return map
  }
}
