/// A colour in red, green and blue, 8 bits each.
public struct Colour: Equatable, Sendable {
  /// Red, 0...255.
  public var red: UInt8
  /// Green, 0...255.
  public var green: UInt8
  /// Blue, 0...255.
  public var blue: UInt8

  /// - Parameters: the three parts, 0...255.
  public init(red: UInt8, green: UInt8, blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  /// A colour as 0xRRGGBB.
  public init(_ code: UInt32) {
    self.init(red: UInt8(code >> 16 & 255), green: UInt8(code >> 8 & 255), blue: UInt8(code & 255))
  }

  /// "#rrggbb", as SVG wants it.
  public var hexadecimal: String {
    "#" + [red, green, blue].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

/// Colours for numbers, by equally spaced anchors.
public struct ColourMap: Sendable {
  let anchors: [Colour]

  /// Viridis (van der Walt and Smith, 2015, CC0): perceptually uniform, legible without colour vision and in grey
  /// print. Every fifth of its 256 entries; between them linear, at most one level off the full table.
  public static let viridis = ColourMap(anchors: viridisCodes.map { Colour($0) })

  /// Blue, white, red, for errors around zero (ColorBrewer's RdBu, reversed).
  public static let diverging = ColourMap(
    anchors: [
      0x053061, 0x2166AC, 0x4393C3, 0x92C5DE, 0xD1E5F0, 0xF7F7F7, 0xFDDBC7, 0xF4A582, 0xD6604D,
      0xB2182B, 0x67001F,
    ].map { Colour($0) })

  /// The colour of a fraction; below 0 the first, above 1 the last.
  ///
  /// - Parameter fraction: finite.
  public func colour(at fraction: Double) -> Colour {
    let position = min(max(fraction, 0), 1) * Double(anchors.count - 1)
    let index = min(Int(position), anchors.count - 2)
    let (low, high, part) = (anchors[index], anchors[index + 1], position - Double(index))
    func blend(_ from: UInt8, _ to: UInt8) -> UInt8 {
      UInt8((Double(from) + (Double(to) - Double(from)) * part).rounded())
    }
    return Colour(
      red: blend(low.red, high.red), green: blend(low.green, high.green), blue: blend(low.blue, high.blue))
  }
}

private let viridisCodes: [UInt32] = [
  0x440154, 0x46085C, 0x471063, 0x481769, 0x481D6F, 0x482475, 0x472A7A, 0x46307E, 0x453781, 0x433D84,
  0x414287, 0x3F4889, 0x3D4E8A, 0x3A538B, 0x38598C, 0x355E8D, 0x33638D, 0x31688E, 0x2E6D8E, 0x2C718E,
  0x2A768E, 0x297B8E, 0x27808E, 0x25848E, 0x23898E, 0x218E8D, 0x20928C, 0x1F978B, 0x1E9C89, 0x1FA188,
  0x21A585, 0x24AA83, 0x28AE80, 0x2EB37C, 0x35B779, 0x3DBC74, 0x46C06F, 0x50C46A, 0x5AC864, 0x65CB5E,
  0x70CF57, 0x7CD250, 0x89D548, 0x95D840, 0xA2DA37, 0xB0DD2F, 0xBDDF26, 0xCAE11F, 0xD8E219, 0xE5E419,
  0xF1E51D, 0xFDE725,
]
