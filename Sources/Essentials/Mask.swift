/// Which places of a map hold a value. Where there is no mask, every place does.
///
/// `mask?[place] != false` is true where a place holds a value, `mask?[place] == false` where it does not.
public struct Mask: Equatable, Sendable {
  /// One flag a place, row after row; false where the map holds nothing.
  public let flags: [Bool]

  /// - Parameter flags: one a place, row after row; false where the map holds nothing.
  public init(_ flags: [Bool]) { self.flags = flags }

  /// Out of bytes as files have them.
  ///
  /// - Parameter bytes: one a place, row after row; 0 where the map holds nothing.
  public init(bytes: some Sequence<UInt8>) { flags = bytes.map { $0 != 0 } }

  /// As files have it: 1 where a place holds a value, else 0.
  public var bytes: [UInt8] { flags.map { $0 ? 1 : 0 } }
  /// Places of the map, with a value or without.
  public var count: Int { flags.count }
  /// Whether every place holds a value.
  public var isAll: Bool { !flags.contains(false) }
  /// Whether no place holds a value.
  public var isEmpty: Bool { !flags.contains(true) }

  /// The places where one of several maps of a size holds a value; nil where that is every place of one of them.
  ///
  /// - Parameter maps: the maps.
  public static func union(of maps: [StationMap]) -> Mask? {
    let masks = maps.compactMap(\.mask)
    guard masks.count == maps.count, let first = masks.first else { return nil }
    return Mask(first.flags.indices.map { place in masks.contains { $0[place] } })
  }

  /// Whether a place holds a value.
  public subscript(place: Int) -> Bool { flags[place] }
}
