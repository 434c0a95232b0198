import Testing

/// Maps by a formula of additions, products and quotients alone: the same bits in any language, and no simulator's.
enum FormulaMaps {
  /// Places on a side.
  static let side = 32

  /// A map [dB] on a grid of 1 m: power that falls off around a station, a wedge in shadow, and a texture; all in steps
  /// of 1/64 dB, so that a few whole dB more are exact in float32.
  static func map(_ number: Int, side: Int = side) -> [Float] {
    let (stationX, stationY) = station(number)
    return (0..<side * side).map { pixel in
      let row = pixel / side, column = pixel % side
      let y = Double(row) - stationY, x = Double(column) - stationX
      let squared = x * x + y * y
      let shadow: Double = (column + 2 * row + 5 * number) % 40 < 14 ? 9 : 0
      let texture = Double((column * 3 + row * 5 + number * 7) % 16) / 8
      let value = -65 - 35 * squared / (squared + 150) - shadow + texture
      return Float((value * 64).rounded(.down) / 64)
    }
  }

  /// Where a map's station stands [m].
  static func station(_ number: Int) -> (x: Double, y: Double) {
    (Double(number * 11 % 32), Double(number * 17 % 29))
  }

  /// The first so many.
  static func maps(_ count: Int, side: Int = side) -> [[Float]] { (0..<count).map { map($0, side: side) } }

  /// Their stations, 25 m high, as `[count, 3]`.
  static func stations(_ count: Int) -> [Float] {
    (0..<count).flatMap { number in
      let (x, y) = station(number)
      return [Float(x), Float(y), 25]
    }
  }
}

extension Folder {
  /// A data set of the first so many maps, with their stations.
  func importFormulaMaps(_ count: Int, as name: String = "maps.h5", side: Int = FormulaMaps.side) throws {
    try writeMaps("formula.npy", FormulaMaps.maps(count, side: side), rows: side, columns: side)
    try writeArray("stations.npy", shape: [count, 3], FormulaMaps.stations(count))
    try Program.ckm(["import", "formula.npy", "--stations", "stations.npy", "--out", name], in: self)
  }
}
