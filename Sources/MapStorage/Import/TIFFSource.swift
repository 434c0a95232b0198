import Essentials
import Foundation
import Records
import Synchronization

/// Rasters of TIFF files as maps: each band of each page is one, of one file or of a folder of them.
final class TIFFSource: MapSource {
  /// Bands that lie together are unpacked together: so many bytes of them are kept.
  private static let kept = 64 << 20
  private static let endings = [".tif", ".tiff"]

  let place: String
  let shape: [Int]
  let facts: ArrayFacts
  private let maps: [Map]
  private let state = Mutex(State())

  /// Where a map is.
  private struct Map {
    let path: String
    let page: TIFFPage
    let band: Int
  }

  /// What was opened and unpacked last.
  private struct State: ~Copyable {
    var file: Opened?
    var first = 0
    var values: [Float] = []
  }

  /// An open file: only ever used while the state is locked.
  private struct Opened: @unchecked Sendable { let file: TIFFFile }

  /// - Parameters:
  ///   - path: a TIFF file, or a folder of them.
  ///   - greyRange: the values of black and white, where numbers are grey levels; nil: they are what they are.
  /// - Throws: `Fault` for what is no raster of numbers, or rasters of several sizes or kinds.
  init(_ path: String, greyRange: ImportOptions.GreyRange? = nil) throws {
    place = path
    let paths = try NaturalOrder.files(at: path, Self.endings)
    guard let first = paths.first else { throw Fault("the folder has no rasters", at: path, expected: "*.tif") }
    var maps: [Map] = []
    for path in paths {
      for (number, page) in try TIFFFile(path).pages().enumerated() {
        if let known = maps.first?.page, !known.agrees(with: page) {
          throw Fault(
            "the rasters are of several kinds", at: "\(path), page \(number)",
            expected: Self.text(known) + " as in \(first)", found: Self.text(page),
            hint: "each kind is a data set of its own: move them into folders of their own")
        }
        maps += (0..<page.bands).map { Map(path: path, page: page, band: $0) }
      }
    }
    self.maps = maps
    let page = maps[0].page
    shape = [maps.count, Int(page.header.height), Int(page.header.width)]
    facts = try Self.facts(page, greyRange, at: path)
  }

  /// Whether a folder holds rasters, and not pictures.
  ///
  /// - Throws: `Fault` where it holds both.
  static func isFolder(_ path: String) throws -> Bool {
    let rasters = try NaturalOrder.files(at: path, endings), pictures = try NaturalOrder.files(at: path, [".png"])
    guard rasters.isEmpty || pictures.isEmpty else {
      throw Fault(
        "the folder holds two kinds of maps", at: path, expected: "PNG or TIFF files",
        found: "\(pictures.count) of the one, \(rasters.count) of the other",
        hint: "move them into folders of their own")
    }
    return !rasters.isEmpty
  }

  private static func text(_ page: TIFFPage) -> String {
    let origin = page.facts.place.origin.map { " at \($0.x), \($0.y)" } ?? ""
    return "\(page.header.width) x \(page.header.height) of \(page.facts.type)\(origin)"
  }

  /// Grey levels become what they stand for, where somebody says what that is.
  private static func facts(
    _ page: TIFFPage, _ range: ImportOptions.GreyRange?, at path: String
  ) throws -> ArrayFacts {
    var facts = page.facts
    guard let range else { return facts }
    let greatest: Float
    switch page.element {
    case .unsigned(1): greatest = 255
    case .unsigned(2): greatest = 65535
    default:
      throw Fault(
        "the raster has numbers, no grey levels", at: path, expected: "uint8 or uint16 for `picture_range`",
        found: page.element.name)
    }
    facts.isPicture = true
    (facts.scale, facts.offset) = (Double((range.white - range.black) / greatest), Double(range.black))
    return facts
  }

  func read(rows: Range<Int>, into out: UnsafeMutableBufferPointer<Float>) throws {
    let size = shape[1] * shape[2]
    try state.withLock { state in
      for (position, row) in rows.enumerated() {
        if row < state.first || (row - state.first + 1) * size > state.values.count { try load(row, &state) }
        let start = (row - state.first) * size
        for index in 0..<size { out[position * size + index] = state.values[start + index] }
      }
    }
  }

  /// Unpacks a map, and those that lie together with it.
  private func load(_ row: Int, _ state: inout State) throws {
    let map = maps[row]
    let size = shape[1] * shape[2]
    let together = map.page.header.planar == 1 ? max(1, Self.kept / (4 * size)) : 1
    let bands = map.band..<min(map.page.bands, map.band + together)
    let file: TIFFFile
    if let opened = state.file?.file, opened.path == map.path {
      file = opened
    } else {
      file = try TIFFFile(map.path)
      state.file = Opened(file: file)
    }
    state.values = []
    state.values = try [Float](unsafeUninitializedCapacity: bands.count * size) { buffer, filled in
      try file.read(map.page, bands: bands, into: UnsafeMutableBufferPointer(rebasing: buffer[..<(bands.count * size)]))
      filled = bands.count * size
    }
    state.first = row
  }

  func name(ofSample index: Int) -> String {
    let map = maps[index]
    let file = maps.first?.path == maps.last?.path ? "" : "\(map.path.split(separator: "/").last ?? "") "
    let name = map.page.names[map.band].map { ": \($0)" } ?? ""
    return map.page.bands > 1 || !name.isEmpty
      ? "\(index) (\(file)band \(map.band + 1)\(name))" : file.isEmpty ? "\(index)" : "\(index) (\(file.dropLast()))"
  }
}
