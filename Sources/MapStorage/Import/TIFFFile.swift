import CRasters
import Essentials
import Foundation

/// A TIFF file, open for reading: what its pages declare has been held against the file.
///
/// Used by one thread at a time.
final class TIFFFile {
  /// Room that a file may ask for without having the bytes for it.
  private static let freeRoom = 64 << 20
  /// The most pages of a file.
  private static let mostPages = 65_536
  /// How far a packing can shrink numbers; those that pack pictures, or lose what the eye does not see, are not here.
  private static let ratios: [UInt16: (name: String, ratio: Int)] = [
    1: ("none", 1), 5: ("LZW", 2731), 8: ("deflate", 1032), 32946: ("deflate", 1032), 32773: ("PackBits", 64),
    34925: ("LZMA", 8192), 50000: ("Zstandard", 65_536), 34887: ("LERC", 65_536),
  ]

  let path: String
  private let size: Int
  private let raster: OpaquePointer

  /// Opens a file.
  ///
  /// - Throws: `Fault` where it is no whole TIFF file.
  init(_ path: String) throws {
    self.path = path
    size = try FileProbe.fileSize(path)
    let most = UInt64(size + Self.freeRoom)
    var opened: OpaquePointer?
    try Self.reporting(at: path) { error in
      opened = cr_open(path, most, error)
      return opened == nil ? 1 : 0
    }
    guard let opened else { preconditionFailure("a failure without a message") }
    raster = opened
  }

  deinit {
    var error = [CChar](repeating: 0, count: Int(CR_ERROR_SIZE))
    _ = cr_close(raster, &error)
  }

  /// Calls into the C shim with room for its message, and throws what it says.
  static func reporting(
    _ what: String = "the TIFF file cannot be read", at place: String,
    expected: String? = "a whole file", _ call: (UnsafeMutablePointer<CChar>) -> Int32
  ) throws {
    try withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(CR_ERROR_SIZE)) { message in
      message.initialize(repeating: 0)
      guard call(message.baseAddress!) == 0 else {
        throw Fault(what, at: place, expected: expected, found: String(cString: message.baseAddress!))
      }
    }
  }

  /// The pages that hold rasters of numbers, smaller copies of others left out.
  ///
  /// - Throws: `Fault` where there is none, or one that no maps can be made of.
  func pages() throws -> [TIFFPage] {
    var pages: [TIFFPage] = []
    var seen = 0
    while true {
      var header = cr_page()
      try Self.reporting(at: path) { cr_read_page(raster, &header, $0) }
      if header.kind & 4 != 0 {
        throw Fault(
          "the TIFF file has a page that masks another", at: path, expected: "a mask in a file of its own",
          found: "one as page \(seen)",
          hint:
            "gdal_translate -b 1 -mask none \(path) maps.tif; gdal_translate -b mask \(path) mask.tif; `valid` mask.tif"
        )
      }
      if header.kind & 1 == 0 {
        try require(header)
        pages.append(try TIFFPage(header, self))
      }
      seen += 1
      var isLast = false
      try Self.reporting(at: path) { error in
        let status = cr_next_page(raster, error)
        isLast = status == 1
        return status == 2 ? 1 : 0
      }
      if isLast { break }
      guard seen < Self.mostPages else {
        throw Fault("the TIFF file has too many pages", at: path, expected: "at most \(Self.mostPages)")
      }
    }
    guard !pages.isEmpty else { throw Fault("the TIFF file has no raster", at: path) }
    return pages
  }

  private func refused(_ what: String, expected: String, found: String, hint: String?) -> Fault {
    Fault(what, at: path, expected: expected, found: found, hint: hint)
  }

  /// Refuses what holds no numbers, and sizes that the file cannot hold.
  private func require(_ header: cr_page) throws {
    let convert = "gdal_translate -co COMPRESS=DEFLATE \(path) maps.tif"
    guard let packing = Self.ratios[header.compression], cr_can_unpack(header.compression) != 0 else {
      throw refused(
        "the raster's packing is none for numbers",
        expected: Set(Self.ratios.values.map(\.name)).sorted().joined(separator: ", "),
        found: "TIFF compression \(header.compression)",
        hint: "if it lost nothing (not JPEG, not WebP): \(convert)")
    }
    if header.photometric == 3 || header.photometric == 2 && header.format == 1 {
      throw refused(
        "the raster is a picture in colours", expected: "bands of numbers",
        found: header.photometric == 3 ? "a palette" : "red, green and blue",
        hint:
          "no conversion of colours is right: export the numbers that they were drawn from; bands that are called red, "
          + "green and blue by mistake: gdal_translate -co PHOTOMETRIC=MINISBLACK \(path) maps.tif")
    }
    guard header.photometric != 0 || header.format == 3 else {
      throw refused(
        "the raster shows its numbers in reverse", expected: "black is 0", found: "white is 0",
        hint:
          "which of them are meant cannot be known: gdal_translate -co PHOTOMETRIC=MINISBLACK \(path) maps.tif keeps the "
          + "stored ones")
    }
    guard header.alpha == 0 else {
      throw refused(
        "the raster has a band of opacity", expected: "bands of numbers",
        found: "alpha beside \(header.samples - header.alpha)",
        hint:
          "gdal_translate -b 1 \(path) maps.tif; gdal_translate -b \(header.samples) \(path) mask.tif; `valid` mask.tif"
      )
    }
    guard header.orientation == 1 else {
      throw refused(
        "the raster's rows and columns are turned", expected: "orientation 1: the first row at the top",
        found: "orientation \(header.orientation)", hint: "gdal_translate \(path) maps.tif, and look how it lies")
    }
    try requireSize(header, ratio: packing.ratio)
  }

  private func requireSize(_ header: cr_page, ratio: Int) throws {
    let numbers = Int(header.width).multipliedReportingOverflow(by: Int(header.height))
    let bytes = numbers.partialValue.multipliedReportingOverflow(by: max(4, Int(header.bits) / 8))
    let all = bytes.partialValue.multipliedReportingOverflow(by: Int(header.samples))
    let most = size.multipliedReportingOverflow(by: ratio)
    let room = most.overflow ? Int.max : most.partialValue.addingReportingOverflow(Self.freeRoom).partialValue
    guard !numbers.overflow, !bytes.overflow, !all.overflow, header.samples > 0, all.partialValue <= room,
      header.block_bytes <= UInt64(bytes.partialValue) * UInt64(header.samples) + UInt64(Self.freeRoom)
    else {
      throw refused(
        "the TIFF file declares more than it holds", expected: "at most \(ratio) times \(size) bytes",
        found: "\(header.samples) bands of \(header.width) x \(header.height)",
        hint: "the file is damaged, or parts of it were never written")
    }
  }

  // MARK: - What stands beside the pixels

  /// A text of a page; empty where there is none.
  func text(_ tag: UInt32) -> String {
    cr_text(raster, tag).map { String(cString: $0) } ?? ""
  }

  func doubles(_ tag: UInt32) -> [Double] {
    var values = [Double](repeating: 0, count: 4096)
    let count = cr_doubles(raster, tag, &values, values.count)
    return Array(values.prefix(min(count, values.count)))
  }

  func shorts(_ tag: UInt32) -> [UInt16] {
    var values = [UInt16](repeating: 0, count: 65_536)
    let count = cr_shorts(raster, tag, &values, values.count)
    return Array(values.prefix(min(count, values.count)))
  }

  // MARK: - Pixels

  /// Reads bands of a page, one after the other, each row after row.
  func read(_ page: TIFFPage, bands: Range<Int>, into out: UnsafeMutableBufferPointer<Float>) throws {
    let header = page.header
    try Self.reporting(at: path) { cr_go_to(raster, header.offset, $0) }
    let (width, height) = (Int(header.width), Int(header.height))
    let (blockWidth, blockHeight) = (Int(header.block_width), Int(header.block_height))
    let across = (width + blockWidth - 1) / blockWidth, down = (height + blockHeight - 1) / blockHeight
    let isTogether = header.planar == 1
    let channels = isTogether ? Int(header.samples) : 1
    let planes = isTogether ? [0..<channels] : bands.map { $0..<$0 + 1 }
    guard Int(header.blocks) >= across * down * (isTogether ? 1 : Int(header.samples)),
      Int(header.block_bytes) == blockWidth * blockHeight * channels * page.element.size
    else { throw Fault("the TIFF file is damaged", at: path, found: "blocks that do not make up the raster") }
    var block = [UInt8](repeating: 0, count: Int(header.block_bytes))
    for plane in planes {
      for number in 0..<across * down {
        let column = number % across * blockWidth, row = number / across * blockHeight
        let columns = min(blockWidth, width - column), rows = min(blockHeight, height - row)
        let index = (isTogether ? 0 : plane.lowerBound * across * down) + number
        let isThere = try unpack(UInt32(index), page, rows: rows, into: &block)
        for band in bands where plane.contains(band) {
          let start = (band - bands.lowerBound) * width * height
          for line in 0..<rows {
            let first = start + (row + line) * width + column
            let target = UnsafeMutableBufferPointer(rebasing: out[first..<first + columns])
            guard isThere else {
              target.update(repeating: page.absent)
              continue
            }
            page.element.convert(
              block, first: line * blockWidth * channels + (band - plane.lowerBound), step: channels, into: target)
          }
        }
      }
    }
  }

  /// Unpacks a block; false where it was left out, which stands for no data where the file says what that is.
  private func unpack(_ index: UInt32, _ page: TIFFPage, rows: Int, into block: inout [UInt8]) throws -> Bool {
    if cr_packed_bytes(raster, index) == 0 {
      guard !page.facts.fills.isEmpty else {
        throw Fault("a part of the raster was never written", at: path, found: "an empty block \(index)")
      }
      return false
    }
    let isTiled = page.header.is_tiled
    let needed = isTiled != 0 ? block.count : block.count / Int(page.header.block_height) * rows
    var got: Int64 = 0
    try block.withUnsafeMutableBytes { room in
      try Self.reporting(at: path) { error in
        got = cr_read_block(raster, index, isTiled, room.baseAddress, room.count, error)
        return got < 0 ? 1 : 0
      }
    }
    guard got >= needed else {
      throw Fault(
        "the TIFF file is damaged", at: path, expected: "\(needed) bytes in block \(index)", found: "\(got)")
    }
    return true
  }
}

/// A page of a TIFF file that holds numbers.
struct TIFFPage {
  let header: cr_page
  let element: TIFFElement
  let facts: ArrayFacts
  /// What bands are called, where the file says so.
  let names: [Int: String]
  /// What stands in blocks that were left out.
  var absent: Float { Float(facts.fills.first ?? .nan) }
  var bands: Int { Int(header.samples) }

  /// Of the page that a file is at.
  init(_ header: cr_page, _ file: TIFFFile) throws {
    self.header = header
    let element = try TIFFElement(header, at: file.path)
    self.element = element
    let metadata = TIFFMetadata(file.text(42112))
    names = metadata.descriptions
    var facts = ArrayFacts(type: element.name, isComplex: element.isComplex)
    (facts.scale, facts.offset) = try metadata.scale(bands: Int(header.samples), at: file.path)
    facts.units = try metadata.units(bands: Int(header.samples), at: file.path)
    let nodata = file.text(42113).trimmingCharacters(in: .whitespaces)
    if let value = Double(nodata) { facts.fills = [value] }
    facts.place = ArrayFacts.Place(file, width: Int(header.width), height: Int(header.height))
    self.facts = facts
  }

  /// Whether maps of another page can stand beside those of this one.
  func agrees(with other: TIFFPage) -> Bool {
    // NaN, a usual fill, differs from itself.
    func comparable(_ page: TIFFPage) -> (ArrayFacts, [UInt64]) {
      var facts = page.facts
      facts.fills = []
      return (facts, page.facts.fills.map(\.bitPattern))
    }
    return header.width == other.header.width && header.height == other.header.height
      && comparable(self) == comparable(other)
  }
}
