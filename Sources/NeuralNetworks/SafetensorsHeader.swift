import Essentials
import Records

/// The element types of safetensors, in the order in which its reference implementation lays tensors out (last
/// first).
public enum SafetensorsType: String, CaseIterable, Sendable {
  /// One byte, 0 or 1.
  case bool = "BOOL"
  /// Unsigned, 8 bits.
  case uint8 = "U8"
  /// Signed, 8 bits.
  case int8 = "I8"
  /// Signed, 16 bits.
  case int16 = "I16"
  /// Unsigned, 16 bits.
  case uint16 = "U16"
  /// IEEE 754 half.
  case float16 = "F16"
  /// The upper half of an IEEE 754 single.
  case bfloat16 = "BF16"
  /// Signed, 32 bits.
  case int32 = "I32"
  /// Unsigned, 32 bits.
  case uint32 = "U32"
  /// IEEE 754 single.
  case float32 = "F32"
  /// IEEE 754 double.
  case float64 = "F64"
  /// Signed, 64 bits.
  case int64 = "I64"
  /// Unsigned, 64 bits.
  case uint64 = "U64"

  /// Bytes of an element.
  public var byteCount: Int {
    switch self {
    case .bool, .uint8, .int8: 1
    case .int16, .uint16, .float16, .bfloat16: 2
    case .int32, .uint32, .float32: 4
    case .float64, .int64, .uint64: 8
    }
  }

  /// Larger comes first in a file.
  var layoutOrder: Int { Self.allCases.firstIndex(of: self)! }
}

/// One tensor of a safetensors file, as its header tells.
public struct SafetensorsEntry: Equatable, Sendable {
  /// The name, such as "downs.0.weight".
  public let name: String
  /// The element type.
  public let type: SafetensorsType
  /// The shape in row-major order; empty for a scalar.
  public let shape: [Int]
  /// Where its bytes lie behind the header.
  public let bytes: Range<Int>

  /// The number of elements.
  public var count: Int { bytes.count / type.byteCount }
}

/// The header of a safetensors file: an 8-byte little-endian length, then JSON.
///
/// Checks what the format's specification demands: every tensor's bytes match its shape and type, tensors follow one
/// another from 0 to the end of the file without holes or overlaps, metadata are texts.
struct SafetensorsHeader {
  /// As the reference implementation: no header beyond 100 MB.
  static let maximumLength = 100_000_000

  /// In the order in which their bytes lie.
  let entries: [SafetensorsEntry]
  let metadata: [JSONMember]

  /// - Parameters:
  ///   - json: the header's bytes.
  ///   - dataSize: bytes behind the header.
  ///   - path: the file, for messages.
  init(json: [UInt8], dataSize: Int, path: String) throws {
    guard json.first == UInt8(ascii: "{") else {
      throw Self.fault(path, expected: "a header that begins with '{'", found: "another byte")
    }
    let root = try JSONValue.parse(json, at: path)
    guard let members = root.objectValue else {
      throw Self.fault(path, expected: "an object", found: "other JSON")
    }
    metadata = try Self.metadata(root["__metadata__"], path: path)
    let tensors = try members.filter { $0.key != "__metadata__" }.map { try Self.entry($0, path: path) }
    entries = tensors.sorted {
      ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound)
    }
    try checkLayout(dataSize: dataSize, path: path)
  }

  static func fault(_ place: String, expected: String, found: String) -> Fault {
    Fault("cannot read the safetensors file", at: place, expected: expected, found: found)
  }

  private func checkLayout(dataSize: Int, path: String) throws {
    var end = 0
    for entry in entries {
      guard entry.bytes.lowerBound == end else {
        let kind = entry.bytes.lowerBound > end ? "a hole" : "an overlap"
        throw Self.fault(
          "\(path): \(entry.name)", expected: "data from byte \(end) on, behind the tensor before it",
          found: "\(kind): data from byte \(entry.bytes.lowerBound) on")
      }
      end = entry.bytes.upperBound
    }
    guard end == dataSize else {
      throw Self.fault(
        path, expected: "\(end) bytes of data, as the header says", found: "\(dataSize) bytes")
    }
  }

  private static func metadata(_ value: JSONValue?, path: String) throws -> [JSONMember] {
    guard let value else { return [] }
    guard let members = value.objectValue, members.allSatisfy({ $0.value.textValue != nil }) else {
      throw fault(
        "\(path): __metadata__", expected: "an object whose values are texts", found: "other values")
    }
    return members
  }

  private static func entry(_ member: JSONMember, path: String) throws -> SafetensorsEntry {
    let place = "\(path): \(member.key.prefix(120))"
    let known = ["dtype", "shape", "data_offsets"]
    guard let keys = member.value.objectValue?.map(\.key), keys.sorted() == known.sorted() else {
      throw fault(
        place, expected: "an object with dtype, shape and data_offsets",
        found: String(member.value.serialised.prefix(80)))
    }
    guard let type = member.value["dtype"]?.textValue.flatMap(SafetensorsType.init) else {
      throw fault(
        place,
        expected: "one of the types " + SafetensorsType.allCases.map(\.rawValue).joined(separator: ", "),
        found: String(member.value["dtype"]?.serialised.prefix(40) ?? "none"))
    }
    let shape = try wholeNumbers(member.value["shape"], place: "\(place) shape")
    let offsets = try wholeNumbers(member.value["data_offsets"], place: "\(place) data_offsets")
    guard offsets.count == 2, offsets[0] <= offsets[1] else {
      throw fault("\(place) data_offsets", expected: "begin and end in order", found: "\(offsets.prefix(8))")
    }
    let size = try byteCount(shape, type, place: place)
    guard offsets[1] - offsets[0] == size else {
      throw fault(
        place, expected: "\(size) bytes for \(type.rawValue) \(shape.prefix(16))",
        found: "\(offsets[1] - offsets[0]) bytes")
    }
    return SafetensorsEntry(name: member.key, type: type, shape: shape, bytes: offsets[0]..<offsets[1])
  }

  private static func wholeNumbers(_ value: JSONValue?, place: String) throws -> [Int] {
    let numbers = value?.arrayValue?.map(\.integerValue)
    guard let numbers, numbers.allSatisfy({ $0.map { $0 >= 0 } ?? false }) else {
      throw fault(
        place, expected: "a list of whole numbers from 0 on",
        found: String(value?.serialised.prefix(80) ?? "nothing"))
    }
    return numbers.compactMap { $0 }
  }

  static func byteCount(_ shape: [Int], _ type: SafetensorsType, place: String) throws -> Int {
    var size = type.byteCount
    for extent in shape {
      let (product, isTooLarge) = size.multipliedReportingOverflow(by: extent)
      guard !isTooLarge else {
        throw fault(place, expected: "a shape that memory could hold", found: "\(shape.prefix(16))")
      }
      size = product
    }
    return size
  }
}
