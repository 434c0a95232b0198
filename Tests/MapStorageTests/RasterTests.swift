import Essentials
import Foundation
@testable import MapStorage
import Testing
import TestSupport

/// Rasters as GDAL, rasterio, tifffile and Pillow write them (`Fixtures/rasters/make.py`).
@Suite struct RasterTests {
  let scratch = Scratch()

  private func raster(_ name: String) -> String { fixture("rasters/\(name)") }

  private func truth(_ sample: Int, _ row: Int, _ column: Int) -> Float {
    -60 - 3 * Float(sample) - Float(row) - 0.5 * Float(column)
  }

  private func isHole(_ row: Int, _ column: Int) -> Bool { (2..<4).contains(row) && (1..<3).contains(column) }

  private func refusal(_ name: String) -> Fault? {
    fault { _ = try ImportedMaps(path: raster(name)).read(0..<1) }
  }

  @Test(arguments: [
    ("float32.tif", true, false), ("lerc.tif", true, false), ("zstd_int32.tif", true, false),
    ("south_up.tif", true, false),
    ("folder", true, false), ("complex.tif", true, false), ("pages.tif", false, false),
    ("half_pages.tif", false, false),
    ("int16_packed.tif", true, true), ("nan_big.tif", true, true),
  ])
  func numbersAndPlaces(name: String, isPlaced: Bool, hasHoles: Bool) throws {
    let maps = try ImportedMaps(path: raster(name))
    try #require(maps.count == 3 && maps.rows == 8 && maps.columns == 6)
    let area = isPlaced ? Area(spacing: 10, originX: 500_005, originY: 5_800_005) : Area(originX: 0, originY: 0)
    #expect(maps.area == area)
    for (sample, map) in try maps.read(0..<3).enumerated() {
      for row in 0..<8 {
        for column in 0..<6 {
          let isValid = !(hasHoles && isHole(row, column))
          #expect(map.mask?[row * 6 + column] ?? true == isValid)
          #expect(!isValid || abs(map.map[row, column] - truth(sample, row, column)) <= 1e-5)
        }
      }
    }
  }

  @Test func tilesOfInterleavedBandsInAnyOrder() throws {
    let source = try TIFFSource(raster("float64_lzw_tiled.tif"))
    #expect(source.shape == [3, 24, 24] && source.facts.type == "float64")
    for sample in [2, 0, 1, 1] {
      var values = [Float](repeating: 0, count: 24 * 24)
      try values.withUnsafeMutableBufferPointer { try source.read(rows: sample..<sample + 1, into: $0) }
      for row in 0..<24 {
        for column in 0..<24 { #expect(values[row * 24 + column] == truth(sample, 7 - row % 8, column % 6)) }
      }
    }
  }

  @Test func whatTheFileSaysOfItsBands() throws {
    let packed = try TIFFSource(raster("int16_packed.tif"))
    #expect(packed.facts.scale == 0.01 && packed.facts.offset == -90 && packed.facts.units == "dB")
    #expect(packed.facts.fills == [-32768])
    #expect(packed.name(ofSample: 1) == "1 (band 2: sector 1 <north>)")
    let feet = try TIFFSource(raster("feet.tif")).facts.place
    #expect(abs((feet.spacing ?? 0) - 10 * 1200 / 3937) < 1e-9 && feet.isNorthUp)
    #expect(try TIFFSource(raster("folder")).name(ofSample: 2) == "2 (map11.tif)")
  }

  /// Blocks that GDAL leaves out hold nothing.
  @Test func sparseRasters() throws {
    let map = try ImportedMaps(path: raster("sparse.tif")).read(0..<1)[0]
    let valid = (0..<64 * 64).filter { map.mask?[$0] == true }
    #expect(valid.count == 48 && map.map.values[valid[0]] == truth(0, 0, 0))
  }

  @Test(arguments: [
    ("degrees.tif", "its places lie in degrees (EPSG:4326)"), ("oblong.tif", "10.0 wide and 20.0 high"),
    ("turned.tif", "it is turned against its coordinates"), ("uneven_scales.tif", "0.02 for band 3"),
    ("colours.tif", "red, green and blue"), ("palette.tif", "a palette"), ("jpeg.tif", "TIFF compression 7"),
    ("masked.tif", "one as page 1"), ("mixed", "6 x 7 of float32"), ("grey.tif", "hardly gains in dB"),
  ])
  func refusals(name: String, found: String) {
    #expect(refusal(name)?.found?.contains(found) == true, "\(String(describing: refusal(name)))")
  }

  @Test func greyLevelsAndMasks() throws {
    var options = ImportOptions()
    options.greyRange = .init(black: -90, white: -39)
    let grey = try ImportedMaps(path: raster("grey.tif"), options: options)
    #expect(abs(try grey.read(0..<1)[0].map[7, 0] - truth(0, 0, 0)) < 1e-3)
    #expect(fault { try ImportedMaps(path: raster("float32.tif"), options: options) }?.found == "float32")
  }

  @Test func foldersOfTwoKinds() throws {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: raster("pillow.tif")))
    _ = scratch.write("a.tif", bytes)
    _ = scratch.write("b.png", [0])
    #expect(fault { try ImportedMaps(path: scratch.path) }?.what == "the folder holds two kinds of maps")
  }

  /// Whatever strangers send: an error or some maps, never a crash, and no room that the file does not warrant.
  @Test(arguments: [
    "float32.tif", "float64_lzw_tiled.tif", "int16_packed.tif", "nan_big.tif", "lerc.tif", "half_pages.tif",
  ])
  func damagedFiles(name: String) throws {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: raster(name)))
    func look(_ damaged: Data) {
      let path = scratch.write("damaged.tif", damaged)
      guard let source = try? TIFFSource(path), source.shape.reduce(4, *) < 1 << 30 else { return }
      var values = [Float](repeating: 0, count: source.shape.reduce(1, *))
      _ = values.withUnsafeMutableBufferPointer { room in
        fault { try source.read(rows: 0..<source.shape[0], into: room) }
      }
    }
    for length in stride(from: 0, to: bytes.count, by: 23) { look(bytes.prefix(length)) }
    for position in stride(from: 0, to: bytes.count, by: 7) {
      var damaged = bytes
      damaged[position] ^= UInt8(1 << (position % 8))
      look(damaged)
      damaged[position] = position % 2 == 0 ? 0xFF : 0
      look(damaged)
    }
    #expect(fault { try TIFFSource(scratch.write("cut.tif", bytes.prefix(200))) } != nil)
  }

  @Test func declaredSizesAreHeldAgainstTheFile() throws {
    var bytes = try Data(contentsOf: URL(fileURLWithPath: raster("pillow.tif")))
    // Width and height are the first two entries of the only directory.
    let directory = bytes[4..<8].enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
    for entry in 0..<2 {
      let value = directory + 2 + 12 * entry + 8
      bytes.replaceSubrange(value - 6..<value - 4, with: [4, 0])
      bytes.replaceSubrange(value..<value + 4, with: [0, 0, 1, 0])
    }
    let found = fault { try TIFFSource(scratch.write("large.tif", bytes)) }
    #expect(found?.what == "the TIFF file declares more than it holds", "\(String(describing: found))")
  }
}
