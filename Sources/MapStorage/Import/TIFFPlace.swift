/// Where the places of a GeoTIFF lie (OGC 19-008r4): its affine transformation, and the keys that say what its coordinates are.
extension ArrayFacts.Place {
  private enum Tag {
    static let scale: UInt32 = 33550
    static let tie: UInt32 = 33922
    static let transformation: UInt32 = 34264
    static let keys: UInt32 = 34735
    static let keyDoubles: UInt32 = 34736
  }

  /// Of the page that a file is at; nothing is known where it has no such tags.
  ///
  /// - Parameters:
  ///   - file: the file.
  ///   - width: columns of the raster.
  ///   - height: rows of the raster.
  init(_ file: TIFFFile, width: Int, height: Int) {
    self.init()
    let keys = GeoKeys(file.shorts(Tag.keys), doubles: file.doubles(Tag.keyDoubles))
    let ties = file.doubles(Tag.tie)
    guard let corner = Self.transformation(file, ties) else {
      if ties.count > 6 { objection = "it has \(ties.count / 6) points of reference and no even grid" }
      return
    }
    if let reason = keys.objection ?? corner.objection {
      objection = reason
      isNorthUp = corner.yStep < 0
      isEastFirst = corner.xStep < 0
      return
    }
    let metres = keys.metres
    let shift = keys.isPoint ? 0 : 0.5
    func x(_ column: Int) -> Double { (corner.x + (Double(column) + shift) * corner.xStep) * metres }
    func y(_ row: Int) -> Double { (corner.y + (Double(row) + shift) * corner.yStep) * metres }
    spacing = abs(corner.xStep) * metres
    origin = SIMD2(min(x(0), x(width - 1)), min(y(0), y(height - 1)))
    isNorthUp = corner.yStep < 0
    isEastFirst = corner.xStep < 0
  }

  /// The raster's first corner, and the steps from pixel to pixel.
  private struct Corner {
    var x: Double
    var y: Double
    var xStep: Double
    var yStep: Double
    var isTurned = false

    /// Why no square grid comes of it; nil where one does.
    var objection: String? {
      if isTurned { return "it is turned against its coordinates" }
      guard [x, y, xStep, yStep].allSatisfy(\.isFinite), xStep != 0, yStep != 0 else {
        return "its steps are no numbers"
      }
      guard abs(abs(xStep) - abs(yStep)) <= 1e-3 * abs(xStep) else {
        return "its pixels are \(abs(xStep)) wide and \(abs(yStep)) high"
      }
      return nil
    }
  }

  private static func transformation(_ file: TIFFFile, _ ties: [Double]) -> Corner? {
    let matrix = file.doubles(Tag.transformation)
    if matrix.count == 16 {
      return Corner(
        x: matrix[3], y: matrix[7], xStep: matrix[0], yStep: matrix[5], isTurned: matrix[1] != 0 || matrix[4] != 0)
    }
    let scale = file.doubles(Tag.scale)
    guard scale.count >= 2, ties.count >= 6 else { return nil }
    // The scale in y is that of a raster whose first row has the greatest y, whatever its sign: so does GDAL.
    let yStep = -abs(scale[1])
    return Corner(x: ties[3] - ties[0] * scale[0], y: ties[4] - ties[1] * yStep, xStep: scale[0], yStep: yStep)
  }
}

/// The keys of a GeoTIFF (OGC 19-008r4, annex B).
private struct GeoKeys {
  private let numbers: [UInt16: UInt16]
  private let unitSize: Double?

  init(_ directory: [UInt16], doubles: [Double]) {
    var numbers: [UInt16: UInt16] = [:]
    var unitSize: Double?
    for start in stride(from: 4, to: directory.count - 3, by: 4) {
      let (key, location, index) = (directory[start], directory[start + 1], Int(directory[start + 3]))
      if location == 0 { numbers[key] = directory[start + 3] }
      if key == 3077, location == 34736, doubles.indices.contains(index) { unitSize = doubles[index] }
    }
    (self.numbers, self.unitSize) = (numbers, unitSize)
  }

  /// Whether coordinates are those of pixels' centres.
  var isPoint: Bool { numbers[1025] == 2 }

  /// Metres of a unit of the coordinates.
  var metres: Double {
    switch numbers[3076] {
    case 9002: 0.3048
    case 9003: 1200.0 / 3937
    case 32767: unitSize ?? 1
    default: 1
    }
  }

  /// Why the coordinates cannot be taken for metres in a plane; nil where they can.
  var objection: String? {
    switch numbers[1024] {
    case 2:
      let name = numbers[2048].map { $0 == 32767 ? "" : " (EPSG:\($0))" } ?? ""
      return
        "its places lie in degrees\(name): gdalwarp -t_srs EPSG:32633 (the zone that is theirs) makes metres of them"
    case 3: return "its coordinates are geocentric"
    default: break
    }
    let known: [UInt16?] = [nil, 0, 9001, 9002, 9003, 32767]
    guard known.contains(numbers[3076]), metres > 0, metres.isFinite else {
      return "its unit of length (EPSG:\(numbers[3076] ?? 0)) is not known here"
    }
    return nil
  }
}
