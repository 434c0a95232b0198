import Essentials
import Foundation
import Pictures
import Records
import Synchronization

/// Grey pictures of one size as maps, read as grey levels.
final class PictureSource: MapSource {
  let place: String
  let shape: [Int]
  let facts: ArrayFacts
  private let paths: [String]
  /// Whether pictures show numbers, and a pixel that nobody sees may stand for none; masks and layers are opaque.
  private let mayBeTransparent: Bool
  /// Whether it was known before which size they have; else it is the first one's.
  private let isSizeKnown: Bool
  /// Of pictures that were read, those with pixels that are not opaque.
  private let seen = Mutex<[Int: [Bool]]>([:])

  /// What grey levels become.
  enum Scale {
    /// Values [the maps' units]: black and white are these.
    case range(ImportOptions.GreyRange?)
    /// Numbers from 0 to 1: layers and masks.
    case unit
  }

  /// - Parameters:
  ///   - path: a folder of PNG files, or one of them.
  ///   - scale: what grey levels become.
  init(_ path: String, scale: Scale) throws {
    isSizeKnown = false
    paths = try NaturalOrder.files(at: path, [".png"])
    guard let first = paths.first else {
      throw Self.noPictures(path)
    }
    let picture = try GreyImage.readWithTransparency(first).image
    var facts = ArrayFacts(type: "grey of \(picture.bitDepth) bits", isPicture: true)
    let greatest = Float(picture.maximumSample)
    var note: ExportedPicture?
    switch scale {
    case .range(let range):
      note = try Self.note(of: first)
      guard let range = range ?? note?.range else {
        throw Fault(
          "pictures need the range of their values", at: path, expected: "the values of black and white in dB",
          hint: "`picture_range` -147,-47.84")
      }
      (facts.scale, facts.offset) = (Double((range.white - range.black) / greatest), Double(range.black))
      if let note {
        (facts.units, facts.fills) = (note.units, [Double(ExportedPicture.emptyLevel)])
        (facts.place.spacing, facts.place.origin) = (note.spacing, note.origin)
      }
      mayBeTransparent = true
    case .unit:
      facts.scale = Double(1 / greatest)
      mayBeTransparent = false
    }
    self.facts = facts
    place = path
    shape = [paths.count, picture.height, picture.width]
    try requireOneSize(first: (picture.width, picture.height))
    if let note { try requireOneNote(note, first) }
  }

  /// Opaque pictures of 8 bits and of a known size, whose values are decibels where they have a range; each is looked at when it
  /// is read.
  ///
  /// - Parameters:
  ///   - paths: the files, one for each map.
  ///   - folder: where they are, for messages.
  ///   - side: pixels on a side.
  ///   - scale: what grey levels become.
  ///   - longName: what they show; nil: nothing is said of it.
  ///   - place: where their places lie.
  init(
    _ paths: [String], in folder: String, side: Int, scale: Scale, longName: String?, at place: ArrayFacts.Place
  ) {
    var facts = ArrayFacts(type: "grey of 8 bits", isPicture: true, longName: longName)
    facts.scale = 1.0 / 255
    if case .range(let range?) = scale {
      (facts.scale, facts.offset) = (Double((range.white - range.black) / 255), Double(range.black))
      facts.units = "dB"
    }
    facts.place = place
    (self.paths, self.facts, self.place) = (paths, facts, folder)
    shape = [paths.count, side, side]
    mayBeTransparent = false
    isSizeKnown = true
  }

  /// Says what there is instead.
  private static func noPictures(_ path: String) -> Fault {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    let endings = Dictionary(
      grouping: names.filter { !$0.hasPrefix(".") },
      by: { name in name.lastIndex(of: ".").map { name[$0...].lowercased() } ?? "no ending" })
    let common = endings.max { ($0.value.count, $1.key) < ($1.value.count, $0.key) }
    let hint: String? =
      switch common?.key {
      case ".npy":
        "arrays of a map each become one array: python3 -c \"import glob, numpy; numpy.save('maps.npy', "
          + "numpy.stack([numpy.load(f) for f in sorted(glob.glob('\(path)/*.npy'), key=lambda f: (len(f), f))]))\""
      case ".jpg", ".jpeg": "JPEG does not keep numbers as they are: export the numbers instead"
      case "no ending": "give the folder that the pictures are in"
      default: nil
      }
    return Fault(
      "the folder has no pictures", at: path, expected: "grey PNG files (*.png)",
      found: common.map { "\($0.value.count) of \($0.key)" } ?? "nothing", hint: hint)
  }

  /// All sizes are told at once, and where the first other one is.
  private func requireOneSize(first: (width: Int, height: Int)) throws {
    var counts: [String: Int] = [:]
    var stranger: String?
    for path in paths {
      // Width and height stand at fixed places; what else is wrong shows when the picture is read.
      let file = try ByteFile(path)
      guard file.size >= 24 else { continue }
      let header = try file.bytes(16..<24)
      let (width, height) = (bigEndian(header[0..<4]), bigEndian(header[4..<8]))
      counts["\(width) x \(height)", default: 0] += 1
      if stranger == nil, (width, height) != first { stranger = path }
    }
    guard let stranger else { return }
    throw Fault(
      "the pictures have several sizes", at: stranger, expected: "\(first.width) x \(first.height) as in \(paths[0])",
      found: counts.sorted { $0.key < $1.key }.map { "\($0.value) of \($0.key)" }.joined(separator: ", "),
      hint: "each size is a data set of its own: move them into folders of their own")
  }

  /// What a picture that was exported says of itself.
  private static func note(of path: String) throws -> ExportedPicture? {
    let file = try ByteFile(path)
    return PictureNote.read(try file.bytes(0..<min(file.size, PictureNote.longest))).flatMap { ExportedPicture($0) }
  }

  private func requireOneNote(_ note: ExportedPicture, _ first: String) throws {
    for path in paths {
      let other = try Self.note(of: path)
      guard other == note else {
        throw Fault(
          "the pictures say different things of themselves", at: path,
          expected: "\(note.json.serialised) as in \(first)", found: other?.json.serialised ?? "nothing",
          hint: "export them together")
      }
    }
  }

  private func bigEndian(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }

  func read(rows: Range<Int>, into out: UnsafeMutableBufferPointer<Float>) throws {
    let size = shape[1] * shape[2]
    for (position, row) in rows.enumerated() {
      let (picture, transparent) =
        try mayBeTransparent ? GreyImage.readWithTransparency(paths[row]) : (GreyImage.read(paths[row]), nil)
      seen.withLock { $0[row] = transparent }
      guard picture.height == shape[1], picture.width == shape[2], "grey of \(picture.bitDepth) bits" == facts.type
      else {
        throw Fault(
          "the picture is of another kind", at: paths[row],
          expected: "\(shape[2]) x \(shape[1]), \(facts.type)" + (isSizeKnown ? "" : " as in \(paths[0])"),
          found: "\(picture.width) x \(picture.height), grey of \(picture.bitDepth) bits")
      }
      for (index, sample) in picture.samples.enumerated() { out[position * size + index] = Float(sample) }
    }
  }

  func transparent(rows: Range<Int>) throws -> [Bool]? {
    let found = seen.withLock { seen in rows.map { seen.removeValue(forKey: $0) } }
    guard found.contains(where: { $0 != nil }) else { return nil }
    return found.flatMap { $0 ?? [Bool](repeating: false, count: shape[1] * shape[2]) }
  }

  func name(ofSample index: Int) -> String {
    "\(index) (\(paths[index].split(separator: "/").last ?? ""))"
  }
}
