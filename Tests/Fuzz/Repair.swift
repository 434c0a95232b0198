import CZlib

/// Check sums of containers, made right after a change.
enum Repair {
  private static func sum(_ bytes: UnsafeMutableBufferPointer<UInt8>, _ range: Range<Int>) -> UInt32 {
    UInt32(truncatingIfNeeded: crc32(0, bytes.baseAddress! + range.lowerBound, UInt32(range.count)))
  }

  private static func number(_ bytes: UnsafeMutableBufferPointer<UInt8>, at place: Int, bytes count: Int) -> Int {
    (0..<count).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
  }

  /// PNG: each chunk is length, type, data, CRC over type and data, numbers with the high byte first (W3C PNG, 5.3).
  static func picture(_ bytes: UnsafeMutableBufferPointer<UInt8>) {
    var place = 8
    while place + 12 <= bytes.count {
      let length = (0..<4).reduce(0) { $0 << 8 | Int(bytes[place + $1]) }
      guard place + 12 + length <= bytes.count else { return }
      let crc = sum(bytes, place + 4..<place + 8 + length)
      for byte in 0..<4 { bytes[place + 8 + length + byte] = UInt8(truncatingIfNeeded: crc >> UInt32(24 - 8 * byte)) }
      place += 12 + length
    }
  }

  /// ZIP: entries that are stored get the CRC of their bytes in both headers (PKWARE APPNOTE, 4.3.7 and 4.3.12).
  static func archive(_ bytes: UnsafeMutableBufferPointer<UInt8>) {
    guard bytes.count >= 46 else { return }
    for central in 0...(bytes.count - 46) where number(bytes, at: central, bytes: 4) == 0x0201_4b50 {
      let method = number(bytes, at: central + 10, bytes: 2), size = number(bytes, at: central + 20, bytes: 4)
      let local = number(bytes, at: central + 42, bytes: 4)
      guard method == 0, local + 30 <= bytes.count else { continue }
      let data = local + 30 + number(bytes, at: local + 26, bytes: 2) + number(bytes, at: local + 28, bytes: 2)
      guard data + size <= bytes.count else { continue }
      let crc = sum(bytes, data..<data + size)
      for shift in 0..<4 {
        bytes[local + 14 + shift] = UInt8(truncatingIfNeeded: crc >> UInt32(8 * shift))
        bytes[central + 16 + shift] = bytes[local + 14 + shift]
      }
    }
  }
}
