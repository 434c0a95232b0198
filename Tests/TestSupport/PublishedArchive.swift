import Foundation

/// An archive of RadioMapSeer laid out as it was published, of the six real maps in `Fixtures/radiomapseer`: city 0's, also
/// under other cities' numbers.
public struct PublishedArchive: Sendable {
  /// The transmitters of the real maps with their [x, y] in the archive's tables: the brightest pixel lies in column x of row
  /// 255 - y.
  public static let antennas: [Int: SIMD2<Int>] = [
    0: [108, 68], 1: [134, 98], 10: [100, 79], 11: [77, 137], 12: [56, 77], 13: [148, 104],
  ]
  /// Their numbers in order.
  public static let transmitters = antennas.keys.sorted()

  /// The folder that has gain/, antenna/ and png/.
  public let root: String

  /// Lays it out.
  ///
  /// - Parameters:
  ///   - root: the folder to be made.
  ///   - cities: the numbers under which the maps stand.
  ///   - method: the method under which they stand.
  ///   - layers: layers beside the buildings, which are the same pictures.
  public init(at root: String, cities: [Int] = [0], method: String = "DPM", layers: [String] = []) throws {
    self.root = root
    for city in cities {
      for transmitter in Self.transmitters {
        try copy("0_\(transmitter).png", "gain/\(method)/\(city)_\(transmitter).png")
      }
      for layer in ["buildings_complete"] + layers { try copy("buildings_0.png", "png/\(layer)/\(city).png") }
      try write(
        Self.table((0..<80).map { transmitter in Self.antennas[transmitter] ?? [128, 128] }), "antenna/\(city).json")
    }
  }

  /// A table of antennas.
  public static func table(_ antennas: [SIMD2<Int>]) -> String {
    "[" + antennas.map { "[\($0.x), \($0.y)]" }.joined(separator: ", ") + "]"
  }

  /// The path of a file in it.
  public func file(_ name: String) -> String { "\(root)/\(name)" }

  /// Puts a text into it.
  public func write(_ text: String, _ name: String) throws {
    try makeFolder(of: name)
    try Data(text.utf8).write(to: URL(fileURLWithPath: file(name)))
  }

  /// Puts a file of the real maps into it.
  public func copy(_ real: String, _ name: String) throws {
    try makeFolder(of: name)
    let from = fixture("radiomapseer/\(real)")
    try? FileManager.default.removeItem(atPath: file(name))
    try FileManager.default.copyItem(atPath: from, toPath: file(name))
  }

  /// Takes files out of it.
  public func remove(_ names: String...) throws {
    for name in names { try FileManager.default.removeItem(atPath: file(name)) }
  }

  /// Cuts a file short.
  public func cut(_ name: String) throws {
    let whole = try Data(contentsOf: URL(fileURLWithPath: file(name)))
    try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: file(name)))
  }

  private func makeFolder(of name: String) throws {
    let folder = URL(fileURLWithPath: file(name)).deletingLastPathComponent()
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }
}
