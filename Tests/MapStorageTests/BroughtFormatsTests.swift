import Essentials
import Foundation
@testable import MapStorage
import Testing
import TestSupport

/// Files as people bring them (`Fixtures/brought/make.py`): each kind is read as what it is, or refused with a way out.
@Suite struct BroughtFormatsTests: BroughtFiles {
  let scratch = Scratch()

  // MARK: - Pictures

  private func grey(_ name: String, _ nodata: [ImportOptions.NoData] = []) throws -> ImportedMaps {
    try bring(name) {
      $0.greyRange = .init(black: -255, white: 0)
      $0.limits = ValueRange(minimum: -255, maximum: 0)
      $0.nodata = nodata
    }
  }

  @Test(arguments: [
    "rgb.png", "rgba.png", "grey_alpha.png", "palette.png", "unused_transparent_level.png",
  ])
  func greysInAnyDress(name: String) throws {
    let map = try grey(name).read(0..<1)[0].map
    for row in 0..<8 { for column in 0..<6 { #expect(abs(map[row, column] + Float(10 * row + column)) < 1e-4) } }
  }

  @Test func fewGreys() throws {
    let sixteen = try grey("palette_16.png").read(0..<1)[0].map
    #expect(abs(sixteen[0, 0] - (240 - 255)) < 1e-4 && abs(sixteen[7, 5] - (176 - 255)) < 1e-4)
    let two = try grey("one_bit.png").read(0..<1)[0].map
    #expect(two[0, 0] == 0 && two[7, 5] == -255)
  }

  @Test func pixelsThatNobodySees() throws {
    #expect(
      refusal("transparent.png") { $0.greyRange = .init(black: -255, white: 0) }?.hint?.contains("transparent") == true)
    let map = try grey("transparent.png", [.transparent]).read(0..<1)[0]
    let flags = map.mask?.flags ?? []
    #expect(flags.indices.allSatisfy { flags[$0] == !isHole($0 / 6, $0 % 6) } && flags.count == 48)
    let half = try grey("half_transparent.png", [.transparent]).read(0..<1)[0]
    #expect(half.mask?[4 * 6 + 5] == false && half.mask?[4 * 6 + 4] == true)
    let level = try grey("transparent_level.png", [.transparent]).read(0..<1)[0]
    #expect(level.mask?.flags.filter { !$0 }.count == 1 && level.mask?[7 * 6 + 5] == false)
    // A mask has no place that nobody sees.
    let mask = refusal("rgb.png") {
      $0.greyRange = .init(black: -255, white: 0)
      $0.valid = fixture("brought/transparent.png")
    }
    #expect(mask?.what == "the picture has pixels that are not opaque")
  }

  @Test(arguments: ["colour_map.png", "colour_palette.png"])
  func coloursAreNoNumbers(name: String) {
    let found = refusal(name) { $0.greyRange = .init(black: -255, white: 0) }
    #expect(found?.what == "the picture has colours" && found?.found?.hasSuffix("at row 0, column 0") == true)
    #expect(found?.hint?.hasPrefix("no conversion is right") == true)
  }

  // MARK: - Element types, filters, other formats

  @Test func filesThatSomebodyWrites() throws {
    let path = scratch.file("held.h5")
    try FileManager.default.copyItem(atPath: brought("half.h5"), toPath: path)
    let descriptor = Foundation.open(path, O_RDWR)
    defer { close(descriptor) }
    #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
    let held = fault { _ = try ImportedMaps(path: path) }
    #expect(held?.what == "another process writes the file" && held?.hint?.contains("wait") == true)
    #expect(held?.hint?.contains("LOCKING") == false)
    // Its writer has died: only a flag in the file is left.
    #expect(refusal("unclosed.h5")?.hint?.contains("h5clear") == true)
  }

  @Test(arguments: ["half.npy", "half_big.npy", "half.h5", "lzf.h5", "double_big.h5"])
  func typesAndFilters(name: String) throws { try requireTruth(try bring(name)) }

  @Test func checkedAndPackedByLZF() throws {
    let map = try bring("lzf_checked.h5").read(2..<3)[0].map
    #expect(map.values.allSatisfy { $0 == -80 } && map.values.count == 4096)
  }

  /// Damaged LZF never passes the guard: it is refused, or unpacks to as many bytes as before.
  @Test func damagedLZF() throws {
    let whole = try Array(Data(contentsOf: URL(fileURLWithPath: brought("lzf_checked.h5"))))
    for position in stride(from: 0, to: whole.count, by: 37) {
      var changed = whole
      changed[position] ^= 0x5A
      let path = scratch.write("lzf.h5", changed)
      do { _ = try ImportedMaps(path: path).read(0..<3) } catch { #expect(error is Fault) }
    }
  }

  @Test(arguments: [
    ("latest.h5", "the file was written for a newer HDF5", "h5py"),
    ("scaleoffset.h5", "the data set uses a filter that is refused", "h5repack -f GZIP=4"),
    ("compound.h5", "the data set holds no plain numbers", ""),
    ("table.csv", "this kind of file is not read", "numpy.loadtxt"),
    ("matlab_v5.mat", "this kind of file is not read", "scipy.io.loadmat"),
    ("three.nc", "this kind of file is not read", "nccopy -k nc4"),
    ("maps.pkl", "this kind of file is not read", "pickle.load"),
    ("picture.jpg", "this kind of file is not read", "export the numbers"),
    ("make.py", "this kind of file is not read", ""),
  ])
  func whatIsNotReadSaysWhatItIs(name: String, what: String, way: String) {
    let found = refusal(name) { if name == "compound.h5" { $0.maps = "power" } }
    #expect(found?.what == what, "\(String(describing: found))")
    #expect(way.isEmpty || found?.hint?.contains(way) == true, "\(String(describing: found?.hint))")
    #expect(found?.found?.isEmpty == false)
  }
}
