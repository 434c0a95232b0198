import CRasters
import Essentials
import Foundation

/// What a sample of a TIFF raster is.
enum TIFFElement: Equatable {
  case unsigned(bytes: Int)
  case signed(bytes: Int)
  case float(bytes: Int)
  /// Two floats of so many bytes each, read as their absolute value.
  case complex(bytes: Int)

  init(_ header: cr_page, at path: String) throws {
    switch (header.format, Int(header.bits)) {
    case (1, 8), (1, 16), (1, 32), (1, 64): self = .unsigned(bytes: Int(header.bits) / 8)
    case (2, 8), (2, 16), (2, 32), (2, 64): self = .signed(bytes: Int(header.bits) / 8)
    case (3, 16), (3, 32), (3, 64): self = .float(bytes: Int(header.bits) / 8)
    case (6, 64), (6, 128): self = .complex(bytes: Int(header.bits) / 16)
    default:
      throw Fault(
        "the raster holds no plain numbers", at: path,
        expected: "integers of 1 to 8 bytes, float16, float32, float64 or complex numbers of these",
        found: "samples of \(header.bits) bits, TIFF sample format \(header.format)",
        hint: header.bits < 8 ? "gdal_translate -ot Byte \(path) maps.tif" : nil)
    }
  }

  /// Bytes of a sample.
  var size: Int {
    switch self {
    case .unsigned(let bytes), .signed(let bytes), .float(let bytes): bytes
    case .complex(let bytes): 2 * bytes
    }
  }

  var isComplex: Bool { if case .complex = self { true } else { false } }

  /// For people.
  var name: String {
    switch self {
    case .unsigned(let bytes): "uint\(8 * bytes)"
    case .signed(let bytes): "int\(8 * bytes)"
    case .float(let bytes): "float\(8 * bytes)"
    case .complex(let bytes): "complex\(16 * bytes)"
    }
  }

  /// Takes samples out of a block, in this machine's order.
  ///
  /// - Parameters:
  ///   - block: the unpacked block.
  ///   - first: the number of the first sample.
  ///   - step: samples from one to the next.
  ///   - out: receives as many as there is room for.
  func convert(_ block: [UInt8], first: Int, step: Int, into out: UnsafeMutableBufferPointer<Float>) {
    block.withUnsafeBytes { bytes in
      func each<Stored: BitwiseCopyable>(_: Stored.Type, _ value: (Stored) -> Float) {
        for index in out.indices {
          let offset = (first + index * step) * MemoryLayout<Stored>.stride
          out[index] = value(bytes.loadUnaligned(fromByteOffset: offset, as: Stored.self))
        }
      }
      switch self {
      case .unsigned(1): each(UInt8.self) { Float($0) }
      case .unsigned(2): each(UInt16.self) { Float($0) }
      case .unsigned(4): each(UInt32.self) { Float($0) }
      case .unsigned: each(UInt64.self) { Float($0) }
      case .signed(1): each(Int8.self) { Float($0) }
      case .signed(2): each(Int16.self) { Float($0) }
      case .signed(4): each(Int32.self) { Float($0) }
      case .signed: each(Int64.self) { Float($0) }
      case .float(2): each(UInt16.self) { Float(Float16(bitPattern: $0)) }
      case .float(4): each(Float.self) { $0 }
      case .float: each(Double.self) { Float($0) }
      case .complex(4): each(SIMD2<Float>.self) { Float(hypot(Double($0.x), Double($0.y))) }
      case .complex: each(SIMD2<Double>.self) { Float(hypot($0.x, $0.y)) }
      }
    }
  }
}

/// What GDAL's text of a raster (tag 42112, XML) says of its bands.
struct TIFFMetadata {
  private(set) var descriptions: [Int: String] = [:]
  private var units: [Int: String] = [:]
  private var scales: [Int: Double] = [:]
  private var offsets: [Int: Double] = [:]

  /// - Parameter text: `<GDALMetadata><Item name="SCALE" sample="0" role="scale">0.01</Item>...`
  init(_ text: String) {
    let items = /<Item ([^>]*)>([^<]*)<\/Item>/
    for item in text.matches(of: items) {
      guard let role = Self.attribute("role", of: item.1), let sample = Self.attribute("sample", of: item.1),
        let band = Int(sample)
      else { continue }
      // GDAL escapes a value, and then the text with the value in it.
      let value = Self.unescaped(Self.unescaped(item.2)[...]).trimmingCharacters(in: .whitespacesAndNewlines)
      switch role {
      case "description": descriptions[band] = value
      case "unittype": units[band] = value.isEmpty ? nil : value
      case "scale": scales[band] = Double(value)
      case "offset": offsets[band] = Double(value)
      default: break
      }
    }
  }

  private static func attribute(_ name: String, of text: Substring) -> String? {
    guard let start = text.range(of: name + "=\"")?.upperBound, let end = text[start...].firstIndex(of: "\"") else {
      return nil
    }
    return String(text[start..<end])
  }

  private static func unescaped(_ text: Substring) -> String {
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")].reduce(String(text)) {
      $0.replacingOccurrences(of: $1.0, with: $1.1)
    }
  }

  /// What all bands are multiplied by, and what is added then; nil where nothing is.
  func scale(bands: Int, at path: String) throws -> (Double?, Double?) {
    (try common(scales, bands, "scales", at: path), try common(offsets, bands, "offsets", at: path))
  }

  /// The units of all bands.
  func units(bands: Int, at path: String) throws -> String? { try common(units, bands, "units", at: path) }

  private func common<Value: Equatable>(
    _ values: [Int: Value], _ bands: Int, _ what: String, at path: String
  ) throws -> Value? {
    guard let value = values[0] ?? values.first?.value else { return nil }
    if let other = (0..<bands).first(where: { values[$0] != value }) {
      throw Fault(
        "the bands have several \(what)", at: path, expected: "\(value) for all of them",
        found: "\(values[other].map { "\($0)" } ?? "none") for band \(other + 1)",
        hint: "take out those of one kind: gdal_translate -b \(other + 1) \(path) maps.tif")
    }
    return value
  }
}
