import Essentials
import Foundation
import MapStorage
import Testing
import TestSupport

@Suite struct MalformedNumPyTests {
  let scratch = Scratch()

  private func array(_ header: String, version: UInt8 = 1, data: Int = 480) -> [UInt8] {
    let text = Array(header.utf8)
    let length = version == 1 ? 2 : 4
    let size = (0..<length).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + size + text + [UInt8](repeating: 0, count: data)
  }

  private func open(_ bytes: [UInt8]) throws -> ImportedMaps {
    try ImportedMaps(path: scratch.write("array.npy", bytes), options: ImportOptions(units: .decibel))
  }

  @Test(arguments: [UInt8(1), 2, 3])
  func versionsAreRead(version: UInt8) throws {
    let header = "{\"shape\": (6, 4, 5), 'fortran_order': False, 'descr': '<f4', }   \n"
    #expect(try open(array(header, version: version)).read(0..<6).count == 6)
  }

  @Test(arguments: [
    "{'descr': '<f4', 'fortran_order': False, 'shape': (500000, 1000, 500), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 4, 5), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4, 5), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-6, 4, 5), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 4, 5), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 4, 5)",
    "{'descr': '<f4', 'fortran_order': False, 'shape': [6, 4, 5], }",
    "{'descr': '<f4', 'fortran_order': 0, 'shape': (6, 4, 5), }",
    "{'descr': '<f4', 'shape': (6, 4, 5), }",
    "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6, 4, 5), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 4, 5), 'more': 'x', }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 4, 5), } more",
    "{'descr': '|O', 'fortran_order': False, 'shape': (6, 4, 5), }",
    "{'descr': '|f4', 'fortran_order': False, 'shape': (6, 4, 5), }",
    "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6, 4, 5), }",
    "", "{", "{'descr",
  ])
  func headersThatLie(header: String) {
    let found = fault { _ = try open(array(header)) }
    #expect(found?.place.contains("array.npy") == true)
  }

  @Test func everyPrefixIsRefused() throws {
    let whole = try Array(Data(contentsOf: URL(fileURLWithPath: fixture("maps/c.npy"))))
    for length in 0..<whole.count { _ = fault { _ = try open(Array(whole[..<length])) } }
  }

  @Test func headerLengthThatLies() {
    for claim in [UInt8](arrayLiteral: 0x7F, 0xFF) {
      let bytes = [0x93] + Array("NUMPY".utf8) + [2, 0, 0xFF, 0xFF, 0xFF, claim]
      _ = fault { _ = try open(bytes) }
    }
  }

  @Test(arguments: ["stored.npz", "packed.npz"])
  func archivesWithOneChangedByte(name: String) throws {
    let whole = try Array(Data(contentsOf: URL(fileURLWithPath: fixture("maps/\(name)"))))
    let options = ImportOptions(maps: "maps")
    for position in whole.indices {
      var bytes = whole
      bytes[position] ^= 0xFF
      let path = scratch.write("array.npz", bytes)
      // A fault, or maps that are whole: no crash, no hang.
      do {
        let maps = try ImportedMaps(path: path, options: options)
        _ = try maps.read(0..<maps.count)
      } catch {
        #expect(error is Fault)
      }
    }
    for length in stride(from: 0, to: whole.count, by: 7) {
      let path = scratch.write("array.npz", whole[..<length])
      _ = fault { _ = try ImportedMaps(path: path, options: options) }
    }
  }

  @Test func archiveThatClaimsATerabyte() throws {
    var bytes = try Array(Data(contentsOf: URL(fileURLWithPath: fixture("maps/packed.npz"))))
    let signature: [UInt8] = [0x50, 0x4B, 0x01, 0x02]
    let directory = try #require(bytes.indices.last { bytes[$0...].starts(with: signature) })
    bytes.replaceSubrange(directory + 24..<directory + 28, with: [0xFE, 0xFF, 0xFF, 0xFF])
    let found = fault { _ = try ImportedMaps(path: scratch.write("array.npz", bytes)) }
    #expect(found?.what == "the archive claims more than it can hold")
  }
}
