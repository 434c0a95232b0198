import Interpolation

/// How planes of pixels lie in a network's tensors: `patch` x `patch` pixels are the channels of one place, pixel after
/// pixel, row after row; within a pixel the planes stand side by side.
public struct NetworkLayout: Equatable, Sendable {
  /// Rows of a map, pixels.
  public let rows: Int
  /// Columns of a map, pixels.
  public let columns: Int
  /// Pixels on a side of a patch; it divides both.
  public let patch: Int
  /// Channels that a map is repeated over.
  public let channels: Int
  /// How the network sees the grid.
  public let symmetry: GridSymmetry

  /// - Parameters:
  ///   - rows: rows of a map, pixels.
  ///   - columns: columns of a map, pixels.
  ///   - patch: pixels on a side of a patch; it divides both.
  ///   - channels: channels that a map is repeated over.
  ///   - symmetry: how the network sees the grid.
  public init(rows: Int, columns: Int, patch: Int, channels: Int, symmetry: GridSymmetry = .identity) {
    precondition(rows % patch == 0 && columns % patch == 0, "\(rows)x\(columns) in patches of \(patch)")
    (self.rows, self.columns, self.patch, self.channels) = (rows, columns, patch, channels)
    self.symmetry = symmetry
  }

  /// The same planes, seen otherwise.
  public func seen(as symmetry: GridSymmetry) -> NetworkLayout {
    NetworkLayout(rows: rows, columns: columns, patch: patch, channels: channels, symmetry: symmetry)
  }

  /// Places of the network's first stage.
  public var places: Int { rows * columns / (patch * patch) }
  /// Rows of places of the network's first stage.
  public var placeRows: Int { (symmetry.transposes ? columns : rows) / patch }
  /// Columns of places of the network's first stage.
  public var placeColumns: Int { (symmetry.transposes ? rows : columns) / patch }

  /// Puts planes side by side.
  ///
  /// - Parameter planes: each `[rows, columns]`.
  /// - Returns: `[rows / patch, columns / patch, patch² planes]`.
  public func pack(_ planes: [[Float]]) -> [Float] {
    let count = planes.count
    return [Float](unsafeUninitializedCapacity: rows * columns * count) { out, filled in
      for (plane, values) in planes.enumerated() {
        values.withUnsafeBufferPointer { values in
          eachPixel { pixel, place in out[place * count + plane] = values[pixel] }
        }
      }
      filled = rows * columns * count
    }
  }

  /// A map in all its channels.
  public func pack(_ map: [Float]) -> [Float] { pack(Array(repeating: map, count: channels)) }

  /// The mean over the channels of a map that a network has answered.
  ///
  /// - Parameter values: `[rows / patch, columns / patch, patch² channels]`.
  /// - Returns: `[rows, columns]`.
  public func unpack(_ values: UnsafeBufferPointer<Float>) -> [Float] {
    precondition(values.count == rows * columns * channels, "a map of another layout")
    return [Float](unsafeUninitializedCapacity: rows * columns) { out, filled in
      eachPixel { pixel, place in
        var sum: Float = 0
        for channel in 0..<channels { sum += values[place * channels + channel] }
        out[pixel] = sum / Float(channels)
      }
      filled = rows * columns
    }
  }

  /// Values that lie as in another layout of the same planes, put where this one has them.
  ///
  /// - Parameters:
  ///   - values: `[places, width]` of the other layout.
  ///   - other: the same planes, seen otherwise.
  func arrange(_ values: [Float], of other: NetworkLayout) -> [Float] {
    precondition(other.seen(as: symmetry) == self, "a layout of other planes")
    let width = values.count / (rows * columns)
    var start = [Int](repeating: 0, count: rows * columns)
    other.eachPixel { pixel, place in start[pixel] = place * width }
    return [Float](unsafeUninitializedCapacity: values.count) { out, filled in
      eachPixel { pixel, place in
        for plane in 0..<width { out[place * width + plane] = values[start[pixel] + plane] }
      }
      filled = values.count
    }
  }

  /// Calls with each pixel's number in a plane and in the network's order.
  private func eachPixel(_ body: (_ pixel: Int, _ place: Int) -> Void) {
    let across = placeColumns
    for row in 0..<placeRows * patch {
      let (tall, high) = row.quotientAndRemainder(dividingBy: patch)
      for column in 0..<across * patch {
        let (wide, right) = column.quotientAndRemainder(dividingBy: patch)
        let pixel = symmetry.pixel(row: row, column: column, rows: rows, columns: columns)
        body(pixel, (tall * across + wide) * patch * patch + high * patch + right)
      }
    }
  }
}
