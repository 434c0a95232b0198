/// Letters of 5 by 7 points, with two rows below the line: what pictures are labelled with, drawn for this project.
///
/// ASCII alone; typographic signs that titles like to use are drawn as their nearest ASCII ones.
enum BitmapFont {
  static let glyphWidth = 5
  static let glyphHeight = 9
  /// Rows above the line that letters stand on.
  static let ascent = 7
  /// From one letter to the next: a blank column between them.
  static let advance = 6

  /// The width of a text in points.
  static func width(_ text: String) -> Int { max(0, text.count * advance - 1) }

  /// Whether a letter covers a point; row 0 is its top.
  static func covers(_ character: Character, column: Int, row: Int) -> Bool {
    glyph(character) >> UInt64((glyphHeight - 1 - row) * glyphWidth + (glyphWidth - 1 - column)) & 1 == 1
  }

  private static func glyph(_ character: Character) -> UInt64 {
    let plain: [Character: Character] = [
      "\u{2212}": "-", "\u{2013}": "-", "\u{2014}": "-", "\u{00D7}": "x", "\u{00B7}": ".", "\u{2019}": "'",
    ]
    let shown = plain[character] ?? character
    guard let code = shown.asciiValue, (32..<127).contains(code) else {
      return glyphs[Int(UInt8(ascii: "?")) - 32]
    }
    return glyphs[Int(code) - 32]
  }
}

/// From blank to tilde: 9 rows of 5 bits each, the top row and the left column highest.
private let glyphs: [UInt64] = [
  0x000000000000, 0x042108401000, 0x0A5280000000, 0x0A57D5F52800, 0x047D1C5F1000,
  0x19C88889CC00, 0x0C9511593400, 0x042100000000, 0x022210820800, 0x082084222000,
  0x00255D520000, 0x00213E420000, 0x000000021100, 0x00003E000000, 0x000000063000,
  0x010888884000, 0x0E8CEB98B800, 0x046108423800, 0x0E8844447C00, 0x1F110418B800,
  0x0232A5F10800, 0x1F878218B800, 0x06443D18B800, 0x1F0888842000, 0x0E8C5D18B800,
  0x0E8C5E113000, 0x006300C60000, 0x006300C61100, 0x022220820800, 0x0007C1F00000,
  0x082082222000, 0x0E8844401000, 0x0E8DEB783800, 0x0E8C7F18C400, 0x1E8C7D18F800,
  0x0E8C2108B800, 0x1E8C6318F800, 0x1F843D087C00, 0x1F843D084000, 0x0E8C2F18BC00,
  0x118C7F18C400, 0x0E2108423800, 0x071084293000, 0x119531494400, 0x108421087C00,
  0x11DD6B18C400, 0x11CE6B39C400, 0x0E8C6318B800, 0x1E8C7D084000, 0x0E8C63593400,
  0x1E8C7D494400, 0x0F841C10F800, 0x1F2108421000, 0x118C6318B800, 0x118C63151000,
  0x118C6B5DC400, 0x118A88A8C400, 0x118A88421000, 0x1F0888887C00, 0x0E4210843800,
  0x108208208400, 0x0E1084213800, 0x045440000000, 0x0000000003E0, 0x082000000000,
  0x000382F8BC00, 0x1087A318F800, 0x0003A108B800, 0x010BE318BC00, 0x0003A3F83800,
  0x064A38842000, 0x0003E318BC2E, 0x1085B318C400, 0x040308423800, 0x020184210A4C,
  0x1084A98A4800, 0x0C2108423800, 0x0006AB5AD400, 0x0005B318C400, 0x0003A318B800,
  0x0007A318FA10, 0x0003E318BC21, 0x0005B3084000, 0x0003E0E0F800, 0x084710849800,
  0x00046319B400, 0x000463151000, 0x0004635AA800, 0x000454454400, 0x00046318BC2E,
  0x0007C4447C00, 0x022110420800, 0x042108421000, 0x082104422000, 0x00022A200000,
]
