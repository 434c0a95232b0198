import Essentials
import Foundation
import Pictures
import Records

/// An array of numbers in some kind of file, whose rows (of the first axis) can be read a few at a time.
protocol MapSource {
  /// The file and data set, for messages.
  var place: String { get }
  /// Extents, slowest first.
  var shape: [Int] { get }
  /// Reads rows of the first axis.
  func read(rows: Range<Int>, into out: UnsafeMutableBufferPointer<Float>) throws
  /// Reads rows of the first axis in double precision: degrees, and metres from far away, need it.
  func doubles(rows: Range<Int>) throws -> [Double]
  /// The same array with its axes in reverse, where it lies so in the file; nil where it does not.
  var reversed: (any MapSource)? { get }
  /// What to call a sample in a message.
  func name(ofSample index: Int) -> String
  /// What the file says about the numbers.
  var facts: ArrayFacts { get }
  /// Which pixels of rows of the first axis are transparent; nil: none, or it is no picture.
  func transparent(rows: Range<Int>) throws -> [Bool]?
}

extension MapSource {
  func doubles(rows: Range<Int>) throws -> [Double] {
    var values = [Float](repeating: 0, count: rows.count * shape.dropFirst().reduce(1, *))
    try values.withUnsafeMutableBufferPointer { try read(rows: rows, into: $0) }
    return values.map(Double.init)
  }
  var reversed: (any MapSource)? { nil }
  func name(ofSample index: Int) -> String { "\(index)" }
  var facts: ArrayFacts { ArrayFacts() }
  func transparent(rows: Range<Int>) throws -> [Bool]? { nil }
}

extension StoredArray: MapSource {
  func read(rows: Range<Int>, into out: UnsafeMutableBufferPointer<Float>) throws {
    try read(rows: Array(rows), into: out)
  }

  func doubles(rows: Range<Int>) throws -> [Double] {
    guard isPlain else { return try floats(rows: Array(rows)).map(Double.init) }
    return try doubles(rows: Array(rows))
  }
}

extension NumPyArray: MapSource {
  var reversed: (any MapSource)? { NumPyArray(reversing: self) }
}

/// Names in the order that people expect: map2 before map10.
enum NaturalOrder {
  /// Files of a folder with one of some endings, in order; the path itself where it is no folder.
  ///
  /// - Parameters:
  ///   - path: the folder.
  ///   - endings: in small letters: ".png".
  static func files(at path: String, _ endings: [String]) throws -> [String] {
    var isFolder = ObjCBool(false)
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
      return [path]
    }
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
      throw Files.systemFault("cannot list the folder", at: path)
    }
    return names.filter { name in !name.hasPrefix(".") && endings.contains { name.lowercased().hasSuffix($0) } }
      .sorted(by: precedes).map { path + "/" + $0 }
  }

  static func precedes(_ left: String, _ right: String) -> Bool {
    let (first, second) = (parts(left), parts(right))
    for (one, other) in zip(first, second) where one != other {
      if case .number(let one) = one, case .number(let other) = other {
        return one.count != other.count ? one.count < other.count : one < other
      }
      return one.text < other.text
    }
    return first.count != second.count ? first.count < second.count : left < right
  }

  private enum Part: Equatable {
    /// Digits without leading zeros: longer is greater.
    case number(String)
    case word(String)

    var text: String {
      switch self {
      case .number(let text), .word(let text): text
      }
    }
  }

  private static func parts(_ name: String) -> [Part] {
    var parts: [Part] = []
    var rest = name[...]
    while let first = rest.first {
      let isDigit = first.isASCII && first.isNumber
      let run = rest.prefix { ($0.isASCII && $0.isNumber) == isDigit }
      rest = rest.dropFirst(run.count)
      parts.append(isDigit ? .number(String(run.drop { $0 == "0" })) : .word(String(run)))
    }
    return parts
  }
}
