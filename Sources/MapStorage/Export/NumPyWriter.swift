/// Arrays as NumPy reads them (NEP 1, version 1.0), written piece by piece.
struct NumPyWriter {
  /// What an element is, as NumPy calls it.
  enum Element: String {
    case float32 = "<f4"
    case float64 = "<f8"
    case int32 = "<i4"
    case boolean = "|b1"
  }

  /// The bytes before the elements, a multiple of 64.
  static func header(_ element: Element, shape: [Int]) -> [UInt8] {
    let extents = shape.map { "\($0)" }.joined(separator: ", ") + (shape.count == 1 ? "," : "")
    var text = "{'descr': '\(element.rawValue)', 'fortran_order': False, 'shape': (\(extents)), }"
    let fixed = 10
    text += String(repeating: " ", count: 63 - (fixed + text.utf8.count) % 64) + "\n"
    let length = text.utf8.count
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 255), UInt8(length >> 8)] + Array(text.utf8)
  }

  /// Floats in the file's order of bytes.
  static func bytes(_ values: [Float]) -> [UInt8] { littleEndian(values.map(\.bitPattern)) }
  static func bytes(_ values: [Double]) -> [UInt8] { littleEndian(values.map(\.bitPattern)) }
  static func bytes(_ values: [Int32]) -> [UInt8] { littleEndian(values) }

  private static func littleEndian(_ values: [some FixedWidthInteger]) -> [UInt8] {
    values.map(\.littleEndian).withUnsafeBytes { Array($0) }
  }
}
