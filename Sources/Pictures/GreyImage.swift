import CImages
import Essentials
import Records

/// A grey picture: the form in which maps come as PNG.
public struct GreyImage: Equatable, Sendable {
  /// Pixels in x.
  public let width: Int
  /// Pixels in y.
  public let height: Int
  /// 8 or 16: samples are in 0...255 or 0...65535.
  public let bitDepth: Int
  /// `height * width` samples, row after row from the top.
  public var samples: [UInt16]

  /// Sides beyond this are refused: no map is so large, and sizes stay far from overflow.
  public static let maximumSide = 32768
  static let maximumFileSize = 1 << 30
  // Deflate cannot expand more than 1032 times (RFC 1951: 258 bytes from two bits).
  private static let maximumExpansion = 1032

  /// - Parameters:
  ///   - width: pixels in x.
  ///   - height: pixels in y.
  ///   - bitDepth: 8 or 16.
  ///   - samples: `height * width` samples, row after row from the top.
  public init(width: Int, height: Int, bitDepth: Int, samples: [UInt16]) {
    precondition(bitDepth == 8 || bitDepth == 16, "8 or 16 bits, got \(bitDepth)")
    precondition(samples.count == width * height, "\(width)x\(height) image given \(samples.count) samples")
    self.width = width
    self.height = height
    self.bitDepth = bitDepth
    self.samples = samples
  }

  /// The largest sample value that the bit depth allows.
  public var maximumSample: UInt16 { bitDepth == 16 ? .max : 255 }

  /// Reads a PNG that shows nothing but greys and is opaque, however it is stored: as grey, in colours, by a palette, with
  /// alpha; samples of 1, 2 and 4 bits are spread over 0...255.
  ///
  /// - Parameter path: the file.
  /// - Throws: `Fault` when the file is missing, damaged, no PNG, has a pixel of colour or one that is not opaque, or sides
  ///   beyond `maximumSide`.
  public static func read(_ path: String) throws -> GreyImage {
    let (image, transparent) = try readWithTransparency(path)
    if let pixel = transparent?.firstIndex(of: true) {
      throw Fault(
        "the picture has pixels that are not opaque", at: path, expected: "opaque ones",
        found: "one at row \(pixel / image.width), column \(pixel % image.width)")
    }
    return image
  }

  /// The same, and which pixels are not opaque; nil where all are.
  ///
  /// - Throws: `Fault` as `read`, but for pixels that are not opaque.
  public static func readWithTransparency(_ path: String) throws -> (image: GreyImage, transparent: [Bool]?) {
    let what = "cannot read the image"
    let bytes = try Files.read(path, limit: maximumFileSize, what: what)
    var header = ci_png_header()
    try reporting(what, at: path) { ci_png_read_header(bytes, bytes.count, &header, $0) }
    try check(header, fileSize: bytes.count, path: path, what: what)
    let (width, height) = (Int(header.width), Int(header.height))
    let isPlain = header.colour_type == 0 && header.has_transparency == 0
    let channels = isPlain ? 1 : 4
    var samples = [UInt16](repeating: 0, count: width * height * channels)
    try reporting(what, at: path) { ci_png_read(bytes, bytes.count, &header, Int32(channels), &samples, $0) }
    // A palette's depth is that of its indices: its colours have 8 bits.
    let depth = header.colour_type == 3 ? 8 : max(8, Int(header.bit_depth))
    guard !isPlain else {
      return (GreyImage(width: width, height: height, bitDepth: depth, samples: samples), nil)
    }
    return try grey(samples, width: width, height: height, depth: depth, path: path)
  }

  /// The grey of pixels in red, green, blue and alpha.
  private static func grey(
    _ samples: [UInt16], width: Int, height: Int, depth: Int, path: String
  ) throws -> (GreyImage, [Bool]?) {
    let opaque = depth == 16 ? UInt16.max : 255
    var transparent = [Bool](repeating: false, count: width * height), hasTransparent = false
    let greys = try (0..<width * height).map { pixel -> UInt16 in
      let (red, green, blue) = (samples[4 * pixel], samples[4 * pixel + 1], samples[4 * pixel + 2])
      if samples[4 * pixel + 3] != opaque { (transparent[pixel], hasTransparent) = (true, true) }
      // What a pixel that nobody sees has for a colour does not matter.
      guard red == green && green == blue || samples[4 * pixel + 3] == 0 else {
        throw Fault(
          "the picture has colours", at: path, expected: "greys alone: red, green and blue equal in every pixel",
          found: "red \(red), green \(green), blue \(blue) at row \(pixel / width), column \(pixel % width)",
          hint: "no conversion is right: a colour map is no function of grey, and where it is bright or dark says "
            + "nothing of the value; export the numbers that it was drawn from")
      }
      return red
    }
    return (
      GreyImage(width: width, height: height, bitDepth: depth, samples: greys), hasTransparent ? transparent : nil
    )
  }

  /// Writes a grey PNG of the image's bit depth.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - note: a text that stands in the file, in Latin-1, for `PictureNote`.
  /// - Throws: `Fault` when the place cannot be written.
  public func write(to path: String, note: String? = nil) throws {
    let file =
      bitDepth == 16
      ? try encodePNG(samples, width: width, height: height, channels: 1, bitDepth: 16, note: note, path: path)
      : try encodePNG(
        samples.map { UInt8(min($0, 255)) }, width: width, height: height, channels: 1, bitDepth: 8, note: note,
        path: path)
    try Files.write(file, to: path, what: "cannot write the image")
  }

  private static func check(_ header: ci_png_header, fileSize: Int, path: String, what: String) throws {
    let (width, height) = (Int(header.width), Int(header.height))
    guard width <= maximumSide, height <= maximumSide else {
      throw Fault(
        what, at: path, expected: "sides of at most \(maximumSide) pixels", found: "\(width) x \(height)")
    }
    let channels = [0: 1, 2: 3, 3: 1, 4: 2, 6: 4][Int(header.colour_type)] ?? 4
    let rowBytes = (width * channels * Int(header.bit_depth) + 7) / 8 + 1
    guard rowBytes * height <= (fileSize + 64) * maximumExpansion else {
      throw Fault(
        what, at: path, expected: "as many pixels as the header says, \(width) x \(height)",
        found: "a file of \(Units.bytes(fileSize)), which cannot hold them")
    }
  }
}

/// A picture in red, green and blue, 8 bits each.
public struct ColourImage: Equatable, Sendable {
  /// Pixels in x.
  public let width: Int
  /// Pixels in y.
  public let height: Int
  /// `height * width * 3` bytes, row after row from the top.
  public var bytes: [UInt8]

  /// A picture of one colour.
  ///
  /// - Parameters:
  ///   - width: pixels in x.
  ///   - height: pixels in y.
  ///   - fill: the colour.
  public init(width: Int, height: Int, fill: Colour) {
    self.width = width
    self.height = height
    var bytes = [UInt8]()
    bytes.reserveCapacity(width * height * 3)
    for _ in 0..<width * height {
      bytes.append(fill.red)
      bytes.append(fill.green)
      bytes.append(fill.blue)
    }
    self.bytes = bytes
  }

  /// The colour of a pixel; writing outside the picture does nothing.
  public subscript(x: Int, y: Int) -> Colour {
    get {
      let start = (y * width + x) * 3
      return Colour(red: bytes[start], green: bytes[start + 1], blue: bytes[start + 2])
    }
    set {
      guard x >= 0, x < width, y >= 0, y < height else { return }
      let start = (y * width + x) * 3
      bytes[start] = newValue.red
      bytes[start + 1] = newValue.green
      bytes[start + 2] = newValue.blue
    }
  }

  /// Writes an RGB PNG.
  ///
  /// - Throws: `Fault` when the place cannot be written.
  public func write(to path: String) throws {
    let file = try encodePNG(bytes, width: width, height: height, channels: 3, bitDepth: 8, note: nil, path: path)
    try Files.write(file, to: path, what: "cannot write the image")
  }
}

/// Calls into the C shim with room for its message, and throws what it says.
private func reporting(
  _ what: String, at path: String, _ call: (UnsafeMutablePointer<CChar>) -> Int32
) throws {
  try withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(CI_ERROR_SIZE)) { message in
    message.initialize(repeating: 0)
    guard call(message.baseAddress!) == 0 else {
      throw Fault(
        what, at: path, expected: "a whole PNG file", found: String(cString: message.baseAddress!))
    }
  }
}

private func encodePNG<Sample: FixedWidthInteger & BitwiseCopyable>(
  _ samples: [Sample], width: Int, height: Int, channels: Int32, bitDepth: Int32, note: String?,
  path: String
) throws -> [UInt8] {
  var file: UnsafeMutablePointer<UInt8>?
  var count = 0
  try reporting("cannot encode the image", at: path) { message in
    samples.withUnsafeBytes { pixels in
      ci_png_write(
        pixels.baseAddress, UInt32(width), UInt32(height), channels, bitDepth, PictureNote.key, note, &file, &count,
        message)
    }
  }
  defer { ci_free(file) }
  return Array(UnsafeBufferPointer(start: file, count: count))
}
