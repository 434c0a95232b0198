import Configuration
import Essentials
import Foundation
import Records

/// A safetensors file, open for reading: its header is checked, its tensors are read one by one.
///
/// Format: github.com/huggingface/safetensors, "Format". Nothing is allocated on the header's word alone: what it
/// claims is held against the file's size first.
public final class SafetensorsFile: @unchecked Sendable {
  /// The file.
  public let path: String
  /// The tensors in the order in which they lie in the file.
  public let entries: [SafetensorsEntry]
  /// The `__metadata__`, in the file's order.
  public let metadata: [(key: String, value: String)]

  private let descriptor: Int32
  private let dataStart: Int
  private let byName: [String: SafetensorsEntry]
  private static let what = "cannot read the safetensors file"

  /// Opens a file and checks its header.
  ///
  /// - Parameter path: the file.
  /// - Throws: `Fault` when the file is missing or no plain file, or its header is not what the format demands.
  public init(_ path: String) throws {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw Files.systemFault(Self.what, at: path) }
    do {
      let (header, start) = try Self.readHeader(descriptor, path: path)
      entries = header.entries
      metadata = header.metadata.map { (key: $0.key, value: $0.value.textValue ?? "") }
      dataStart = start
      byName = Dictionary(uniqueKeysWithValues: header.entries.map { ($0.name, $0) })
    } catch {
      close(descriptor)
      throw error
    }
  }

  deinit { close(descriptor) }

  /// A value of the metadata, or nil.
  public func metadata(_ key: String) -> String? { metadata.first { $0.key == key }?.value }

  /// Whether the file has a tensor of that name.
  public func contains(_ name: String) -> Bool { byName[name] != nil }

  /// A tensor's type, shape and place.
  ///
  /// - Parameters:
  ///   - name: the tensor.
  ///   - shape: the shape that it must have, or nil.
  /// - Throws: `Fault` when the file has no such tensor (with the nearest name), or it has another shape.
  public func entry(_ name: String, shape: [Int]? = nil) throws -> SafetensorsEntry {
    guard let entry = byName[name] else {
      let nearest = Names.nearest(to: name, among: entries.map(\.name))
      throw Fault(
        Self.what, at: path, expected: "the tensor \(name)", found: "\(entries.count) others",
        hint: nearest.map { "the file has \($0)" })
    }
    if let shape, shape != entry.shape {
      throw Fault(
        Self.what, at: "\(path): \(name)", expected: "shape \(shape)", found: "shape \(entry.shape)",
        hint: "the file belongs to a model of another configuration")
    }
    return entry
  }

  /// A tensor's values as float32: stored ones of F32, F64, F16 and BF16 are converted.
  ///
  /// - Parameters:
  ///   - name: the tensor.
  ///   - shape: the shape that it must have, or nil.
  /// - Throws: `Fault` as `entry`, when the type is none of these, or when the file cannot be read.
  public func floats(_ name: String, shape: [Int]? = nil) throws -> [Float] {
    let entry = try entry(name, shape: shape)
    return try [Float](unsafeUninitializedCapacity: entry.count) { buffer, filled in
      try read(name, into: UnsafeMutableBufferPointer(rebasing: buffer[..<entry.count]))
      filled = entry.count
    }
  }

  /// Reads a tensor's values as float32 into the caller's buffer.
  ///
  /// - Parameters:
  ///   - name: the tensor.
  ///   - shape: the shape that it must have, or nil.
  ///   - buffer: as many elements as the tensor has.
  /// - Throws: `Fault` as `floats`, or when the buffer has another size.
  public func read(
    _ name: String, shape: [Int]? = nil, into buffer: UnsafeMutableBufferPointer<Float>
  ) throws {
    let entry = try entry(name, shape: shape)
    guard buffer.count == entry.count else {
      throw Fault(
        Self.what, at: "\(path): \(name)", expected: "\(buffer.count) elements",
        found: "\(entry.count), shape \(entry.shape)")
    }
    switch entry.type {
    case .float32: try fill(UnsafeMutableRawBufferPointer(buffer), from: entry.bytes.lowerBound)
    case .float64: try convert(entry, UInt64.self, buffer) { Float(Double(bitPattern: $0)) }
    case .float16: try convert(entry, UInt16.self, buffer) { Float(Float16(bitPattern: $0)) }
    case .bfloat16: try convert(entry, UInt16.self, buffer) { Float(bitPattern: UInt32($0) << 16) }
    default:
      throw Fault(
        Self.what, at: "\(path): \(name)", expected: "a floating-point tensor", found: entry.type.rawValue)
    }
  }

  /// A tensor's bytes as they are stored, whatever its type.
  ///
  /// - Throws: `Fault` as `entry`, or when the file cannot be read.
  public func bytes(_ name: String) throws -> [UInt8] {
    let entry = try entry(name)
    return try [UInt8](unsafeUninitializedCapacity: entry.bytes.count) { buffer, filled in
      let part = UnsafeMutableRawBufferPointer(
        rebasing: UnsafeMutableRawBufferPointer(buffer)[..<entry.bytes.count])
      try fill(part, from: entry.bytes.lowerBound)
      filled = entry.bytes.count
    }
  }

  /// Reads in pieces, so that no second copy of a large tensor is made.
  private func convert<Stored: FixedWidthInteger>(
    _ entry: SafetensorsEntry, _ type: Stored.Type, _ buffer: UnsafeMutableBufferPointer<Float>,
    _ value: (Stored) -> Float
  ) throws {
    var piece = [Stored](repeating: 0, count: min(entry.count, 1 << 16))
    var done = 0
    while done < entry.count {
      let count = min(piece.count, entry.count - done)
      let offset = entry.bytes.lowerBound + done * MemoryLayout<Stored>.size
      try piece.withUnsafeMutableBytes {
        try fill(
          UnsafeMutableRawBufferPointer(rebasing: $0[..<(count * MemoryLayout<Stored>.size)]), from: offset)
      }
      for index in 0..<count { buffer[done + index] = value(Stored(littleEndian: piece[index])) }
      done += count
    }
  }

  private func fill(_ buffer: UnsafeMutableRawBufferPointer, from offset: Int) throws {
    try Self.fill(buffer, descriptor, at: dataStart + offset, path: path)
  }

  private static func fill(
    _ buffer: UnsafeMutableRawBufferPointer, _ descriptor: Int32, at offset: Int, path: String
  ) throws {
    var done = 0
    while done < buffer.count {
      let got = pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
      if got < 0, errno == EINTR { continue }
      guard got >= 0 else { throw Files.systemFault(what, at: path) }
      guard got > 0 else {
        throw SafetensorsHeader.fault(
          path, expected: "\(offset + buffer.count) bytes",
          found: "the end of the file, which has become shorter")
      }
      done += got
    }
  }

  private static func readHeader(
    _ descriptor: Int32, path: String
  ) throws -> (header: SafetensorsHeader, dataStart: Int) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw Files.systemFault(what, at: path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw SafetensorsHeader.fault(path, expected: "a file", found: "a directory or a device")
    }
    let size = Int(status.st_size)
    guard size >= 8 else {
      throw SafetensorsHeader.fault(path, expected: "at least 8 bytes", found: "\(size)")
    }
    var word: UInt64 = 0
    try withUnsafeMutableBytes(of: &word) { try fill($0, descriptor, at: 0, path: path) }
    let claimed = UInt64(littleEndian: word)
    guard claimed <= UInt64(size - 8), claimed <= UInt64(SafetensorsHeader.maximumLength) else {
      throw SafetensorsHeader.fault(
        path,
        expected:
          "a header of at most \(min(size - 8, SafetensorsHeader.maximumLength)) bytes, as the file is",
        found: "a header that claims \(claimed) bytes")
    }
    let length = Int(claimed)
    let json = try [UInt8](unsafeUninitializedCapacity: length) { buffer, filled in
      let part = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<length])
      try fill(part, descriptor, at: 8, path: path)
      filled = length
    }
    return (try SafetensorsHeader(json: json, dataSize: size - 8 - length, path: path), 8 + length)
  }
}
