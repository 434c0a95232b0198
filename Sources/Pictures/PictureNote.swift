import Essentials
import Records

/// A text that a PNG carries beside its pixels, for those who read it again.
public enum PictureNote {
  /// The text's keyword.
  static let key = "ChannelTwin"
  /// It stands before the pixels, in the file's first bytes.
  public static let longest = 64 << 10

  /// The text of a PNG that was written with one.
  ///
  /// - Parameter start: the file's first 64 KiB, or all of it.
  /// - Returns: nil where there is none.
  public static func read(_ start: [UInt8]) -> String? {
    var position = 8
    let start = start.prefix(longest)
    while position + 8 <= start.count {
      let length = start[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
      let kind = start[position + 4..<position + 8]
      guard length <= start.count - position - 8, !kind.elementsEqual("IDAT".utf8) else { return nil }
      let content = start[position + 8..<position + 8 + length]
      if kind.elementsEqual("tEXt".utf8), content.starts(with: Array(key.utf8) + [0]) {
        return String(content.dropFirst(key.utf8.count + 1).map { Character(UnicodeScalar($0)) })
      }
      position += 12 + length
    }
    return nil
  }
}
