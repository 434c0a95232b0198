import Interpolation

/// How planes of pixels lie in a network's tensors: `patch` x `patch` pixels are the channels of one place, pixel after
/// pixel, row after row; within a pixel the planes stand side by side. Where patches do not divide a side, the last ones see
/// the map reflected.
public struct NetworkLayout: Equatable, Sendable {
  /// Rows of a map, pixels.
  public let rows: Int
  /// Columns of a map, pixels.
  public let columns: Int
  /// Pixels on a side of a patch.
  public let patch: Int
  /// Channels that a map is repeated over.
  public let channels: Int
  /// How the network sees the grid.
  public let symmetry: GridSymmetry

  /// - Parameters:
  ///   - rows: rows of a map, pixels.
  ///   - columns: columns of a map, pixels.
  ///   - patch: pixels on a side of a patch, no more than rows or columns.
  ///   - channels: channels that a map is repeated over.
  ///   - symmetry: how the network sees the grid.
  public init(rows: Int, columns: Int, patch: Int, channels: Int, symmetry: GridSymmetry = .identity) {
    precondition(rows >= patch && columns >= patch, "\(rows)x\(columns) in patches of \(patch)")
    (self.rows, self.columns, self.patch, self.channels) = (rows, columns, patch, channels)
    self.symmetry = symmetry
  }

  /// The same planes, seen otherwise.
  public func seen(as symmetry: GridSymmetry) -> NetworkLayout {
    NetworkLayout(rows: rows, columns: columns, patch: patch, channels: channels, symmetry: symmetry)
  }

  /// Places of the network's first stage.
  public var places: Int { placeRows * placeColumns }
  /// Rows of places of the network's first stage.
  public var placeRows: Int { ((symmetry.transposes ? columns : rows) + patch - 1) / patch }
  /// Columns of places of the network's first stage.
  public var placeColumns: Int { ((symmetry.transposes ? rows : columns) + patch - 1) / patch }
  /// Pixels that the places stand for: those of the map, and reflected ones that fill the last patches.
  private var seenPixels: Int { places * patch * patch }

  /// Puts planes side by side.
  ///
  /// - Parameter planes: each `[rows, columns]`.
  /// - Returns: `[rows / patch, columns / patch, patch² planes]`.
  public func pack(_ planes: [[Float]]) -> [Float] {
    let count = planes.count
    return [Float](unsafeUninitializedCapacity: seenPixels * count) { out, filled in
      for (plane, values) in planes.enumerated() {
        values.withUnsafeBufferPointer { values in
          eachPixel { pixel, place, _ in out[place * count + plane] = values[pixel] }
        }
      }
      filled = seenPixels * count
    }
  }

  /// A map in all its channels.
  public func pack(_ map: [Float]) -> [Float] { pack(Array(repeating: map, count: channels)) }

  /// The mean over the channels of a map that a network has answered.
  ///
  /// - Parameter values: `[rows / patch, columns / patch, patch² channels]`.
  /// - Returns: `[rows, columns]`.
  public func unpack(_ values: UnsafeBufferPointer<Float>) -> [Float] {
    precondition(values.count == seenPixels * channels, "a map of another layout")
    return [Float](unsafeUninitializedCapacity: rows * columns) { out, filled in
      eachPixel { pixel, place, isWithin in
        guard isWithin else { return }
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
    let width = values.count / other.seenPixels
    var start = [Int](repeating: 0, count: rows * columns)
    other.eachPixel { pixel, place, isWithin in if isWithin { start[pixel] = place * width } }
    return [Float](unsafeUninitializedCapacity: seenPixels * width) { out, filled in
      eachPixel { pixel, place, _ in
        for plane in 0..<width { out[place * width + plane] = values[start[pixel] + plane] }
      }
      filled = seenPixels * width
    }
  }

  /// Calls with each pixel's number in a plane and in the network's order, and whether it is the pixel itself or its
  /// reflection.
  private func eachPixel(_ body: (_ pixel: Int, _ place: Int, _ isWithin: Bool) -> Void) {
    let across = placeColumns
    let (seenRows, seenColumns) = symmetry.transposes ? (columns, rows) : (rows, columns)
    for row in 0..<placeRows * patch {
      let (tall, high) = row.quotientAndRemainder(dividingBy: patch)
      for column in 0..<across * patch {
        let (wide, right) = column.quotientAndRemainder(dividingBy: patch)
        let isWithin = row < seenRows && column < seenColumns
        let pixel = symmetry.pixel(
          row: row < seenRows ? row : 2 * seenRows - 1 - row,
          column: column < seenColumns ? column : 2 * seenColumns - 1 - column, rows: rows, columns: columns)
        body(pixel, (tall * across + wide) * patch * patch + high * patch + right, isWithin)
      }
    }
  }
}
