import Essentials

/// Where a coarse map's samples lie on the fine grid: sample (i, j) sits **exactly** on fine pixel
/// (offset + magnification · i, offset + magnification · j).
///
/// Samples are not centred in cells of magnification × magnification pixels: treating them as if they were shifts
/// the map by (magnification - 1) / 2 pixels.
public struct SamplingGrid: Equatable, Sendable {
  /// The magnifications that are asked for: 1 is a map whose holes alone are filled.
  public static let magnifications = 1...4096

  /// Fine pixels from one coarse sample to the next, in each axis.
  public let magnification: Int
  /// Rows of the fine map.
  public let rows: Int
  /// Columns of the fine map.
  public let columns: Int
  /// The fine row and column of the first sample, in `0..<magnification`.
  public let offset: Int

  /// - Parameters:
  ///   - rows: rows of the fine map.
  ///   - columns: columns of the fine map.
  ///   - magnification: fine pixels from one sample to the next.
  ///   - offset: the fine row and column of the first sample.
  /// - Throws: `Fault` when the magnification is not positive or does not divide both sides, or when the offset
  ///   is outside `0..<magnification`.
  public init(rows: Int, columns: Int, magnification: Int, offset: Int = 0) throws {
    guard magnification >= 1 else {
      throw Fault(
        "a magnification is a positive whole number", at: "magnification", expected: "1, 2, 4, 8, 16, ...",
        found: "\(magnification)")
    }
    guard rows >= 1, columns >= 1, rows % magnification == 0, columns % magnification == 0 else {
      throw Fault(
        "the magnification does not divide the map", at: "magnification",
        expected: "a common divisor of \(rows) rows and \(columns) columns", found: "\(magnification)",
        hint: Self.divisorHint(rows: rows, columns: columns))
    }
    guard (0..<magnification).contains(offset) else {
      throw Fault(
        "the first sample lies outside the first cell", at: "offset", expected: "0..<\(magnification)",
        found: "\(offset)")
    }
    self.magnification = magnification
    self.rows = rows
    self.columns = columns
    self.offset = offset
  }

  /// The grid whose coarse map has so many rows and columns.
  ///
  /// - Throws: `Fault` when a number is not positive or the fine map would have more than 2^31 - 1 pixels.
  public init(coarseRows: Int, coarseColumns: Int, magnification: Int, offset: Int = 0) throws {
    let (rows, tall) = coarseRows.multipliedReportingOverflow(by: magnification)
    let (columns, wide) = coarseColumns.multipliedReportingOverflow(by: magnification)
    let (pixels, large) = rows.multipliedReportingOverflow(by: columns)
    guard !tall, !wide, !large, pixels <= Int(Int32.max) else {
      throw Fault(
        "the fine map would be too large", at: "magnification", expected: "at most 2^31 - 1 pixels",
        found: "\(coarseRows)x\(coarseColumns) samples at x\(magnification)")
    }
    try self.init(rows: rows, columns: columns, magnification: magnification, offset: offset)
  }

  /// Rows of the coarse map.
  public var coarseRows: Int { rows / magnification }
  /// Columns of the coarse map.
  public var coarseColumns: Int { columns / magnification }
  /// Pixels of the fine map.
  public var pixels: Int { rows * columns }
  /// Samples of the coarse map.
  public var samples: Int { coarseRows * coarseColumns }

  /// The number of each sample's pixel in the fine map, row after row.
  public var samplePixels: [Int] {
    (0..<samples).map { sample in
      let (row, column) = sample.quotientAndRemainder(dividingBy: coarseColumns)
      return (offset + row * magnification) * columns + offset + column * magnification
    }
  }

  /// The coarse samples of what is given per pixel: values or flags, row after row.
  public func decimate<Element>(_ fine: [Element]) -> [Element] {
    precondition(fine.count == pixels, "a value for each pixel")
    return samplePixels.map { fine[$0] }
  }

  /// The coarse samples of a fine map.
  public func decimate(_ fine: ChannelFingerprint) -> ChannelFingerprint {
    ChannelFingerprint(rows: coarseRows, columns: coarseColumns, values: decimate(fine.values))
  }

  /// The coarse samples of a fine map that hold a value.
  public func decimate(_ fine: Mask) -> Mask { Mask(decimate(fine.flags)) }

  /// What would be measured of a fine map.
  public func decimate(_ fine: StationMap) -> StationMap {
    var coarse = fine
    coarse.map = decimate(fine.map)
    coarse.mask = fine.mask.map { decimate($0) }
    return coarse
  }

  /// Throws a `Fault` unless a coarse map has this grid's shape.
  func requireShape(of coarse: ChannelFingerprint) throws {
    guard coarse.rows == coarseRows, coarse.columns == coarseColumns else {
      throw Fault(
        "the coarse map has the wrong shape", at: "coarse map", expected: "\(coarseRows)x\(coarseColumns) samples",
        found: "\(coarse.rows)x\(coarse.columns)")
    }
  }

  private static func divisorHint(rows: Int, columns: Int) -> String? {
    guard rows >= 1, columns >= 1 else { return nil }
    var (a, b) = (rows, columns)
    while b != 0 { (a, b) = (b, a % b) }
    let divisors = (1...min(a, 64)).filter { a % $0 == 0 }
    return "these divide it: " + divisors.map(String.init).joined(separator: ", ")
  }
}

/// Every `magnification`-th sample of a fine map, from row and column `offset` on.
///
/// - Parameters:
///   - map: the fine map.
///   - magnification: fine pixels from one sample to the next; it must divide rows and columns.
///   - offset: the row and column of the first sample, in `0..<magnification`.
/// - Throws: `Fault` when the magnification does not divide the map.
public func decimate(
  _ map: ChannelFingerprint, magnification: Int, offset: Int = 0
) throws -> ChannelFingerprint {
  try SamplingGrid(rows: map.rows, columns: map.columns, magnification: magnification, offset: offset)
    .decimate(map)
}
