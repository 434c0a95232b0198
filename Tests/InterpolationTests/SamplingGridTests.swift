import Essentials
import Interpolation
import Testing
import TestSupport

@Suite struct SamplingGridTests {
  /// The value tells the pixel.
  static func numbered(_ rows: Int, _ columns: Int) -> ChannelFingerprint {
    ChannelFingerprint(
      rows: rows, columns: columns,
      values: (0..<(rows * columns)).map { Float(100 * ($0 / columns) + $0 % columns) })
  }

  @Test func decimationTakesEveryMthPixelFromTheOffsetOn() throws {
    let map = Self.numbered(6, 9)
    #expect(
      try decimate(map, magnification: 3)
        == ChannelFingerprint(rows: 2, columns: 3, values: [0, 3, 6, 300, 303, 306]))
    #expect(
      try decimate(map, magnification: 3, offset: 2)
        == ChannelFingerprint(rows: 2, columns: 3, values: [202, 205, 208, 502, 505, 508]))
    #expect(try decimate(map, magnification: 1) == map)
  }

  @Test func masksAreDecimatedLikeMaps() throws {
    let grid = try SamplingGrid(rows: 4, columns: 4, magnification: 2)
    let flags = (0..<16).map { $0 == 0 || $0 == 10 || $0 == 5 }
    #expect(grid.decimate(flags) == [true, false, false, true])
  }

  @Test(arguments: [0, -2, 3, 5, 64, Int.max, Int.min])
  func aMagnificationThatDoesNotDivideIsAFault(_ magnification: Int) {
    let fault = #expect(throws: Fault.self) {
      try decimate(Self.numbered(32, 16), magnification: magnification)
    }
    #expect(fault?.place == "magnification")
    #expect(fault?.found == "\(magnification)")
  }

  @Test func theHintNamesWhatDivides() {
    let fault = #expect(throws: Fault.self) { try SamplingGrid(rows: 12, columns: 18, magnification: 4) }
    #expect(fault?.hint == "these divide it: 1, 2, 3, 6")
  }

  @Test func anOffsetOutsideTheFirstCellIsAFault() {
    #expect(throws: Fault.self) { try decimate(Self.numbered(4, 4), magnification: 2, offset: 2) }
    #expect(throws: Fault.self) { try decimate(Self.numbered(4, 4), magnification: 2, offset: -1) }
  }

  @Test func coarseShapesGiveTheFineOne() throws {
    let grid = try SamplingGrid(coarseRows: 3, coarseColumns: 5, magnification: 4)
    #expect(grid.rows == 12 && grid.columns == 20 && grid.pixels == 240 && grid.samples == 15)
    #expect(throws: Fault.self) {
      try SamplingGrid(coarseRows: 1 << 40, coarseColumns: 1 << 40, magnification: 4)
    }
    #expect(throws: Fault.self) { try SamplingGrid(coarseRows: 2, coarseColumns: 2, magnification: Int.max) }
    #expect(throws: Fault.self) { try SamplingGrid(coarseRows: 0, coarseColumns: 2, magnification: 2) }
  }
}
