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

  /// Reads public weights into a model's arena, or into a part of it.
  ///
  /// - Parameters:
  ///   - path: the file, with the names that the network has elsewhere.
  ///   - player: whose arena, and what its tensors may be called.
  ///   - part: the part of the network that the file is of; nil for all of it.
  /// - Throws: `Fault` naming the file and the tensor.
  public static func read(_ path: String, _ player: Player, part: WeightPart? = nil) throws {
    let file = try SafetensorsFile(path), arena = player.arena, prefix = part.map { "\($0.name)." } ?? ""
    var known: Set<String> = []
    for (index, parameter) in arena.parameters.enumerated() where parameter.name.hasPrefix(prefix) {
      let own = String(parameter.name.dropFirst(prefix.count))
      let name = [own, player.oldName(own)].first(where: file.contains) ?? own
      known.insert(name)
      let disk = try file.floats(name, shape: DiskLayout.shape(parameter))
      DiskLayout.read(disk, parameter, to: arena.weights.base + arena.ranges[index].lowerBound)
    }
    let stranger = file.entries.first { entry in
      !known.contains(entry.name) && part?.ignored.contains { entry.name.hasPrefix($0) } != true
    }
    if let stranger {
      throw Fault(
        "the weights belong to another network", at: "\(path): \(stranger.name)",
        expected: "\(known.count) tensors of this network", found: "a tensor that it does not have")
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
