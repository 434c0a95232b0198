/// Shapes and letters on a picture.
struct Canvas {
  var image: ColourImage

  enum Anchor {
    case left
    case centre
    case right
  }

  mutating func fill(x: Int, y: Int, width: Int, height: Int, _ colour: Colour) {
    let rows = max(0, y)..<max(max(0, y), min(image.height, y + height))
    let columns = max(0, x)..<max(max(0, x), min(image.width, x + width))
    for row in rows {
      for column in columns { image[column, row] = colour }
    }
  }

  /// A frame of one pixel around, not over, a rectangle.
  mutating func frame(x: Int, y: Int, width: Int, height: Int, _ colour: Colour) {
    fill(x: x - 1, y: y - 1, width: width + 2, height: 1, colour)
    fill(x: x - 1, y: y + height, width: width + 2, height: 1, colour)
    fill(x: x - 1, y: y - 1, width: 1, height: height + 2, colour)
    fill(x: x + width, y: y - 1, width: 1, height: height + 2, colour)
  }

  /// Writes a line of text; `y` is the top of its capitals.
  mutating func text(_ text: String, x: Int, y: Int, scale: Int, anchor: Anchor = .left, _ colour: Colour) {
    let width = BitmapFont.width(text) * scale
    var left: Int
    switch anchor {
    case .left: left = x
    case .centre: left = x - width / 2
    case .right: left = x - width
    }
    for character in text {
      for row in 0..<BitmapFont.glyphHeight {
        for column in 0..<BitmapFont.glyphWidth where BitmapFont.covers(character, column: column, row: row) {
          fill(x: left + column * scale, y: y + row * scale, width: scale, height: scale, colour)
        }
      }
      left += BitmapFont.advance * scale
    }
  }
}
