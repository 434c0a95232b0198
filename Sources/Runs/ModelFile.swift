import Essentials
import NeuralNetworks
import Tensors

/// Arenas as safetensors with PyTorch's names and layout.
public enum ModelFile {
  /// Writes a buffer laid out like a model's arena, tensor by tensor.
  ///
  /// - Parameters:
  ///   - arena: names, shapes and places.
  ///   - values: the buffer: weights, their average, or a moment.
  ///   - path: the file.
  public static func write(_ arena: ParameterArena, _ values: Storage, to path: String) throws {
    try SafetensorsWriter.write(
      tensors(arena, values, prefix: ""), metadata: [(key: "format", value: "pt")], to: path)
  }

  /// Writes several buffers of one layout into one file, each under a prefix.
  public static func write(
    _ arena: ParameterArena, _ buffers: [(prefix: String, values: Storage)], to path: String
  ) throws {
    try SafetensorsWriter.write(
      buffers.flatMap { tensors(arena, $0.values, prefix: $0.prefix) },
      metadata: [(key: "format", value: "pt")], to: path)
  }

  private static func tensors(
    _ arena: ParameterArena, _ values: Storage, prefix: String
  ) -> [SafetensorsTensor] {
    arena.parameters.indices.map { index in
      let parameter = arena.parameters[index]
      return SafetensorsTensor(prefix + parameter.name, shape: DiskLayout.shape(parameter)) { buffer in
        if let base = buffer.baseAddress {
          DiskLayout.write(values.base + arena.ranges[index].lowerBound, parameter, to: base)
        }
      }
    }
  }

  /// Reads a file into a buffer laid out like a model's arena; every tensor must be there with its shape, and no other.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - arena: names, shapes and places.
  ///   - values: where the values go.
  ///   - prefix: what stands before each name.
  ///   - allowsOthers: whether tensors with other prefixes may be in the file.
  /// - Throws: `Fault` naming the file and the tensor.
  public static func read(
    _ path: String, _ arena: ParameterArena, into values: Storage, prefix: String = "",
    allowsOthers: Bool = false
  ) throws {
    let file = try SafetensorsFile(path)
    let names = Set(arena.parameters.map { prefix + $0.name })
    if !allowsOthers, let stranger = file.entries.first(where: { !names.contains($0.name) }) {
      throw Fault(
        "the weights belong to another network", at: "\(path): \(stranger.name)",
        expected: "\(names.count) tensors of this network", found: "a tensor that it does not have")
    }
    for (index, parameter) in arena.parameters.enumerated() {
      let disk = try file.floats(prefix + parameter.name, shape: DiskLayout.shape(parameter))
      DiskLayout.read(disk, parameter, to: values.base + arena.ranges[index].lowerBound)
    }
  }
}
