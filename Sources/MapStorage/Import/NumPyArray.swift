import Essentials
import Foundation

/// A NumPy array in a file, read row by row of its first axis: bounded memory whatever its size and order.
final class NumPyArray {
  /// The most bytes to read at once for an array in Fortran order.
  private static let slab = 4 << 20

  /// The file and array, for messages.
  let place: String
  private let file: ByteFile
  private let header: NumPyHeader

  /// Its extents, slowest first.
  var shape: [Int] { header.shape }

  /// What its elements are; the format has no attributes.
  var facts: ArrayFacts {
    var facts = ArrayFacts(type: header.element.name)
    if case .complex = header.element { facts.isComplex = true }
    return facts
  }

  /// Opens an array.
  ///
  /// - Parameters:
  ///   - file: the file that holds it.
  ///   - range: where in the file it lies; all of it by default.
  ///   - place: the file and array, for messages.
  init(_ file: ByteFile, range: Range<Int>? = nil, at place: String) throws {
    let range = range ?? 0..<file.size
    self.file = file
    self.place = place
    header = try NumPyHeader(file, start: range.lowerBound, end: range.upperBound, at: place)
  }

  /// An array in Fortran order as one in C order with its axes in reverse; nil where it is in C order already.
  init?(reversing array: NumPyArray) {
    guard array.header.fortranOrder else { return nil }
    var header = array.header
    header.fortranOrder = false
    header.shape.reverse()
    (file, place, self.header) = (array.file, array.place, header)
  }

  /// Reads rows of the first axis, converted to float32, rows one after the other.
  func read(rows: Range<Int>, into out: UnsafeMutableBufferPointer<Float>) throws {
    try read(rows) { out[$0] = Float($1) }
  }

  /// Reads rows of the first axis, converted to float64, rows one after the other.
  func doubles(rows: Range<Int>) throws -> [Double] {
    var values = [Double](repeating: 0, count: rows.count * shape.dropFirst().reduce(1, *))
    try read(rows) { values[$0] = $1 }
    return values
  }

  private func read(_ rows: Range<Int>, _ take: (Int, Double) -> Void) throws {
    guard rows.lowerBound >= 0, rows.upperBound <= shape.first ?? 0 else {
      throw Fault(
        "there is no such sample", at: place, expected: "0 to \((shape.first ?? 0) - 1)",
        found: "\(rows.lowerBound) to \(rows.upperBound - 1)")
    }
    if header.fortranOrder {
      try readColumns(rows, take)
    } else {
      let rowCount = shape.dropFirst().reduce(1, *)
      try readRun(first: rows.lowerBound * rowCount, count: rows.count * rowCount, take)
    }
  }

  /// In Fortran order the first axis runs fastest: the rows asked for lie in runs, one for each element of a row.
  private func readColumns(_ rows: Range<Int>, _ take: (Int, Double) -> Void) throws {
    let extents = Array(shape.dropFirst())
    let rowCount = extents.reduce(1, *)
    let total = shape[0]
    // Whole columns at once where they are short: one call of the system for many runs.
    let together = max(1, Self.slab / max(1, total * header.element.size))
    var column = 0
    while column < rowCount {
      let count = min(together, rowCount - column)
      let first = count > 1 ? column * total : column * total + rows.lowerBound
      try readRun(first: first, count: count > 1 ? count * total : rows.count) { index, value in
        let (offset, row) =
          count > 1 ? index.quotientAndRemainder(dividingBy: total) : (0, index + rows.lowerBound)
        guard rows.contains(row) else { return }
        let position = Self.position(ofColumn: column + offset, extents: extents)
        take((row - rows.lowerBound) * rowCount + position, value)
      }
      column += count
    }
  }

  /// Where the n-th element of a row in Fortran order lies in C order.
  private static func position(ofColumn column: Int, extents: [Int]) -> Int {
    var (rest, position, step) = (column, 0, extents.reduce(1, *))
    for extent in extents {
      step /= extent
      position += rest % extent * step
      rest /= extent
    }
    return position
  }

  /// Reads consecutive elements of the file in pieces.
  private func readRun(first: Int, count: Int, _ take: (Int, Double) -> Void) throws {
    let size = header.element.size
    let piece = Self.slab / size
    var done = 0
    while done < count {
      let length = min(piece, count - done)
      let offset = header.dataOffset + (first + done) * size
      let bytes = try file.bytes(offset..<offset + length * size)
      bytes.withUnsafeBytes { convert($0, length) { take(done + $0, $1) } }
      done += length
    }
  }

  private func convert(_ bytes: UnsafeRawBufferPointer, _ count: Int, _ take: (Int, Double) -> Void) {
    func each<Stored: FixedWidthInteger>(_: Stored.Type, _ value: (Stored) -> Double) {
      for index in 0..<count {
        let raw = bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<Stored>.size, as: Stored.self)
        take(index, value(header.bigEndian ? Stored(bigEndian: raw) : Stored(littleEndian: raw)))
      }
    }
    /// Absolute values of complex numbers, in double precision.
    func eachPair<Stored: FixedWidthInteger>(_: Stored.Type, _ value: (Stored) -> Double) {
      for index in 0..<count {
        let parts = (0..<2).map { part in
          let offset = (2 * index + part) * MemoryLayout<Stored>.size
          let raw = bytes.loadUnaligned(fromByteOffset: offset, as: Stored.self)
          return value(header.bigEndian ? Stored(bigEndian: raw) : Stored(littleEndian: raw))
        }
        take(index, hypot(parts[0], parts[1]))
      }
    }
    switch header.element {
    case .boolean: each(UInt8.self) { Double($0) }
    case .complex(4): eachPair(UInt32.self) { Double(Float(bitPattern: $0)) }
    case .complex: eachPair(UInt64.self) { Double(bitPattern: $0) }
    case .float16: each(UInt16.self) { Double(Float16(bitPattern: $0)) }
    case .float32: each(UInt32.self) { Double(Float(bitPattern: $0)) }
    case .float64: each(UInt64.self) { Double(bitPattern: $0) }
    case .signed(1): each(Int8.self) { Double($0) }
    case .signed(2): each(Int16.self) { Double($0) }
    case .signed(4): each(Int32.self) { Double($0) }
    case .signed: each(Int64.self) { Double($0) }
    case .unsigned(1): each(UInt8.self) { Double($0) }
    case .unsigned(2): each(UInt16.self) { Double($0) }
    case .unsigned(4): each(UInt32.self) { Double($0) }
    case .unsigned: each(UInt64.self) { Double($0) }
    }
  }
}
