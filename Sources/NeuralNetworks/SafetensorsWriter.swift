import Essentials
import Records

/// A tensor on its way into a safetensors file: its content is made when its turn comes.
public struct SafetensorsTensor {
  /// The name, such as "downs.0.weight".
  public let name: String
  /// The element type.
  public let type: SafetensorsType
  /// The shape in row-major order; empty for a scalar.
  public let shape: [Int]
  let fill: (UnsafeMutableRawBufferPointer) throws -> Void

  /// A float32 tensor.
  ///
  /// - Parameters:
  ///   - name: its name.
  ///   - shape: its shape in row-major order.
  ///   - fill: writes every element into the buffer, which holds as many as the shape says.
  public init(
    _ name: String, shape: [Int], fill: @escaping (UnsafeMutableBufferPointer<Float>) throws -> Void
  ) {
    self.init(name, type: .float32, shape: shape) { try fill($0.bindMemory(to: Float.self)) }
  }

  /// A tensor of any type.
  ///
  /// - Parameters:
  ///   - name: its name.
  ///   - type: its element type.
  ///   - shape: its shape in row-major order.
  ///   - bytes: writes every byte, little-endian, into the buffer, which holds as many as type and shape say.
  public init(
    _ name: String, type: SafetensorsType, shape: [Int],
    bytes: @escaping (UnsafeMutableRawBufferPointer) throws -> Void
  ) {
    self.name = name
    self.type = type
    self.shape = shape
    fill = bytes
  }

  /// A float32 tensor out of an array.
  public init(_ name: String, shape: [Int], values: [Float]) {
    self.init(name, shape: shape) { buffer in
      precondition(buffer.count == values.count, "\(name): shape \(shape) given \(values.count) values")
      _ = buffer.update(fromContentsOf: values)
    }
  }
}

/// Writes safetensors files as the reference implementation does: tensors by type (widest first), then by name;
/// the header padded with blanks so that data begin at a multiple of 8. One tensor at a time is in memory.
public enum SafetensorsWriter {
  /// Writes a file, which appears under its name when it is whole.
  ///
  /// - Parameters:
  ///   - tensors: the tensors, in any order.
  ///   - metadata: texts for `__metadata__`, in the order in which they are written; keys differ.
  ///   - path: the file.
  /// - Throws: `Fault` when two tensors share a name or the place cannot be written, or what a tensor's closure
  ///   throws; then nothing is left behind.
  public static func write(
    _ tensors: [SafetensorsTensor], metadata: [(key: String, value: String)] = [], to path: String
  ) throws {
    let what = "cannot write the safetensors file"
    let ordered = tensors.sorted { first, second in
      first.type == second.type
        ? first.name.utf8.lexicographicallyPrecedes(second.name.utf8)
        : first.type.layoutOrder > second.type.layoutOrder
    }
    let names = ordered.map(\.name) + metadata.map { "__metadata__ \($0.key)" }
    if let twice = Dictionary(grouping: names, by: { $0 }).first(where: { $0.value.count > 1 })?.key {
      throw Fault(what, at: path, expected: "each name once", found: "\(twice) again")
    }
    guard !names.contains("__metadata__") else {
      throw Fault(what, at: path, expected: "a tensor's name", found: "__metadata__, which the format keeps")
    }
    let sizes = try ordered.map {
      try SafetensorsHeader.byteCount($0.shape, $0.type, place: "\(path): \($0.name)")
    }
    let header = header(ordered, sizes: sizes, metadata: metadata)
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: sizes.max() ?? 0, alignment: 64)
    defer { scratch.deallocate() }
    try Files.write(to: path, what: what) { sink in
      try header.withUnsafeBytes { try sink.write($0) }
      for (tensor, size) in zip(ordered, sizes) {
        let part = UnsafeMutableRawBufferPointer(rebasing: scratch[..<size])
        try tensor.fill(part)
        try sink.write(UnsafeRawBufferPointer(part))
      }
    }
  }

  private static func header(
    _ tensors: [SafetensorsTensor], sizes: [Int], metadata: [(key: String, value: String)]
  ) -> [UInt8] {
    var members = [JSONMember]()
    if !metadata.isEmpty {
      let texts = metadata.map { JSONMember(key: $0.key, value: .text($0.value)) }
      members.append(JSONMember(key: "__metadata__", value: .object(texts)))
    }
    var offset = 0
    for (tensor, size) in zip(tensors, sizes) {
      let description = JSONValue.members([
        "dtype": .text(tensor.type.rawValue), "shape": .array(tensor.shape.map { .integer($0) }),
        "data_offsets": .array([.integer(offset), .integer(offset + size)]),
      ])
      members.append(JSONMember(key: tensor.name, value: description))
      offset += size
    }
    var json = Array(JSONValue.object(members).serialised.utf8)
    while json.count % 8 != 0 { json.append(UInt8(ascii: " ")) }
    return withUnsafeBytes(of: UInt64(json.count).littleEndian) { Array($0) } + json
  }
}
