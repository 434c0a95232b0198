import Foundation
import Records
import Testing
import TestSupport

@testable import Pictures

@Suite struct GreyImageTests {
  let scratch: Scratch

  init() throws { scratch = Scratch() }

  // A 4x2 picture with two bits a sample, from another PNG writer.
  static let twoBitGrey =
    "iVBORw0KGgoAAAANSUhEUgAAAAQAAAACAgAAAAAQczoeAAAADElEQVR4nGOQZngCAAE5AQBFZJGbAAAAAElFTkSuQmCC"

  private func place(_ base64: String, _ name: String) throws -> String {
    let path = scratch.file(name)
    try #require(Data(base64Encoded: base64)).write(to: URL(fileURLWithPath: path))
    return path
  }

  @Test(arguments: [8, 16])
  func writesAndReadsBack(bitDepth: Int) throws {
    let limit = bitDepth == 8 ? 255 : 65535
    let samples = (0..<35).map { UInt16($0 * 977 % (limit + 1)) }
    let image = GreyImage(width: 7, height: 5, bitDepth: bitDepth, samples: samples)
    let path = scratch.file("grey.png")
    try image.write(to: path)
    #expect(try GreyImage.read(path) == image)
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["grey.png"])
  }

  @Test func spreadsNarrowSamplesOverEightBits() throws {
    let image = try GreyImage.read(place(Self.twoBitGrey, "narrow.png"))
    #expect(image.bitDepth == 8)
    #expect(image.samples == [0, 85, 170, 255, 255, 170, 85, 0])
  }

  @Test func namesWhatIsNotGrey() throws {
    let path = scratch.file("colour.png")
    try ColourImage(width: 3, height: 2, fill: Colour(0x102030)).write(to: path)
    let message = try #require(fault { try GreyImage.read(path) })
    #expect(message.place == path)
    #expect(message.found == "red 16, green 32, blue 48 at row 0, column 0")
  }

  @Test func anySingleDamageIsAFaultOrAWholeImage() throws {
    let image = GreyImage(width: 16, height: 16, bitDepth: 16, samples: (0..<256).map { UInt16($0 * 211) })
    let path = scratch.file("whole.png")
    try image.write(to: path)
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    let damaged = scratch.file("damaged.png")
    for index in bytes.indices {
      var copy = bytes
      copy[index] ^= 0x41
      try Data(copy).write(to: URL(fileURLWithPath: damaged))
      if let read = try? GreyImage.read(damaged) { #expect(read == image) }
      try Data(bytes[..<index]).write(to: URL(fileURLWithPath: damaged))
      // The last chunk carries no pixel; before it a cut file is an error.
      #expect(fault { try GreyImage.read(damaged) } != nil)
    }
  }

  @Test func refusesAHeaderThatClaimsMoreThanTheFileHolds() throws {
    let path = scratch.file("bomb.png")
    try GreyImage(width: 1, height: 1, bitDepth: 16, samples: [1]).write(to: path)
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    bytes.replaceSubrange(16..<24, with: [0, 0, 0x7F, 0, 0, 0, 0x7F, 0])
    let check = crc32(bytes[12..<29])
    bytes.replaceSubrange(29..<33, with: (0..<4).map { UInt8(check >> (24 - 8 * $0) & 255) })
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    #expect(fault { try GreyImage.read(path) }?.expected?.contains("32512 x 32512") == true)
    bytes[16] = 1
    let large = crc32(bytes[12..<29])
    bytes.replaceSubrange(29..<33, with: (0..<4).map { UInt8(large >> (24 - 8 * $0) & 255) })
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    #expect(fault { try GreyImage.read(path) } != nil)
  }

  @Test func missingFilesDirectoriesAndOtherFilesAreFaults() throws {
    #expect(fault { try GreyImage.read(scratch.file("none.png")) }?.found == "No such file or directory")
    #expect(fault { try GreyImage.read(scratch.path) }?.found == "a directory")
    let text = scratch.write("P5 1 1 255 x", to: "text.png")
    #expect(fault { try GreyImage.read(text) }?.found == "not a PNG file")
    let image = GreyImage(width: 1, height: 1, bitDepth: 8, samples: [0])
    #expect(fault { try image.write(to: scratch.file("no/where.png")) } != nil)
  }

  /// PNG's own check sum (ISO 3309), the plain way.
  private func crc32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var value = ~UInt32(0)
    for byte in bytes {
      value ^= UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? (value >> 1) ^ 0xEDB8_8320 : value >> 1 }
    }
    return ~value
  }
}

@Suite struct ColourMapTests {
  @Test func viridisMeetsThePublishedTable() {
    // Entries 0, 64, 128, 191 and 255 of the published table; one level of rounding is allowed.
    let published: [(Double, UInt32)] = [
      (0, 0x440154), (64, 0x3B528B), (128, 0x21918C), (191, 0x5CC863), (255, 0xFDE725),
    ]
    for (entry, code) in published {
      let (got, want) = (ColourMap.viridis.colour(at: entry / 255), Colour(code))
      #expect(abs(Int(got.red) - Int(want.red)) <= 1)
      #expect(abs(Int(got.green) - Int(want.green)) <= 1)
      #expect(abs(Int(got.blue) - Int(want.blue)) <= 1)
    }
    #expect(ColourMap.viridis.colour(at: -3) == Colour(0x440154))
    #expect(ColourMap.viridis.colour(at: 7) == Colour(0xFDE725))
  }

  @Test func divergingIsNeutralInTheMiddle() {
    #expect(ColourMap.diverging.colour(at: 0.5) == Colour(0xF7F7F7))
    #expect(Colour(0x00FF0A).hexadecimal == "#00ff0a")
  }
}

@Suite struct UnitsTests {
  @Test func amountsReadAsPeopleWriteThem() {
    #expect(Units.bytes(0) == "0 B")
    #expect(Units.bytes(1023) == "1023 B")
    #expect(Units.bytes(1536) == "1.5 KiB")
    #expect(Units.bytes(1024 * 1024 - 1) == "1.0 MiB")
    #expect(Units.count(221_268_611) == "221.3 M")
    #expect(Units.count(999) == "999")
    #expect(Units.duration(0.4231) == "0.42 s")
    #expect(Units.duration(59.97) == "1:00")
    #expect(Units.duration(245) == "4:05")
    #expect(Units.duration(3723) == "1:02:03")
    #expect(Units.duration(3 * 86400 + 4 * 3600 + 300) == "3 d 04:05")
    #expect(Units.duration(.infinity) == "?")
  }
}
