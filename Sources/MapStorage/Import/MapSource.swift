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
  /// What to call a sample in a message.
  func name(ofSample index: Int) -> String
}

extension MapSource {
  func name(ofSample index: Int) -> String { "\(index)" }
}

extension StoredArray: MapSource {
  func read(rows: Range<Int>, into out: UnsafeMutableBufferPointer<Float>) throws {
    try read(rows: Array(rows), into: out)
  }
}

extension NumPyArray: MapSource {}

/// Grey pictures of one size as maps: 0 is the range's minimum, the greatest grey its maximum.
final class PictureSource: MapSource {
  let place: String
  let shape: [Int]
  private let paths: [String]
  private let range: ValueRange

  /// - Parameters:
  ///   - path: a folder of PNG files, or one of them.
  ///   - range: the values [dB] of black and white.
  init(_ path: String, range: ValueRange?) throws {
    guard let range else {
      throw Fault(
        "pictures need the range of their values", at: path, expected: "the values of black and white in dB",
        hint: "`picture_range` -147,-47.84")
    }
    paths = try Self.pictures(path)
    guard let first = paths.first else {
      throw Fault("the folder has no pictures", at: path, expected: "8- or 16-bit grey PNG files (*.png)")
    }
    let picture = try GreyImage.read(first)
    self.range = range
    place = path
    shape = [paths.count, picture.height, picture.width]
  }

  private static func pictures(_ path: String) throws -> [String] {
    var isFolder = ObjCBool(false)
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
      return [path]
    }
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
      throw Files.systemFault("cannot list the folder", at: path)
    }
    return names.filter { $0.lowercased().hasSuffix(".png") && !$0.hasPrefix(".") }
      .sorted(by: NaturalOrder.precedes).map { path + "/" + $0 }
  }

  func read(rows: Range<Int>, into out: UnsafeMutableBufferPointer<Float>) throws {
    let size = shape[1] * shape[2]
    for (position, row) in rows.enumerated() {
      let picture = try GreyImage.read(paths[row])
      guard picture.height == shape[1], picture.width == shape[2] else {
        throw Fault(
          "the picture has another size", at: paths[row],
          expected: "\(shape[2]) x \(shape[1]) as in \(paths[0])",
          found: "\(picture.width) x \(picture.height)")
      }
      let scale = (range.maximum - range.minimum) / Float(picture.maximumSample)
      for (index, sample) in picture.samples.enumerated() {
        out[position * size + index] = range.minimum + scale * Float(sample)
      }
    }
  }

  func name(ofSample index: Int) -> String {
    "\(index) (\(paths[index].split(separator: "/").last ?? ""))"
  }
}

/// Names in the order that people expect: map2 before map10.
enum NaturalOrder {
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
