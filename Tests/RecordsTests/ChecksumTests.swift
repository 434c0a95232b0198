import Records
import Testing
import TestSupport

@Suite struct ChecksumTests {
  // From the reference implementation of XXH64, seed 0.
  @Test(arguments: [
    ([UInt8](), "ef46db3751d8e999"), (Array("a".utf8), "d24ec4f1a98c6e5b"),
    (Array("abc".utf8), "44bc2cf5ad770999"),
    (Array("0123456789abcdefghijklmnopqrstuvwxyz".utf8), "69196c1b3af0bff9"),
    ((0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }, "25275608a9cfc168"),
  ])
  func meetsPublishedValues(bytes: [UInt8], sum: String) {
    #expect(Checksum.of(bytes) == sum)
  }

  @Test func filesAreSummedInPieces() throws {
    let bytes = (0..<600_001).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let scratch = Scratch()
    let found = try Checksum.of(file: scratch.write("a", bytes), what: "cannot read")
    #expect(found.byteCount == bytes.count)
    #expect(found.sum == Checksum.of(bytes))
  }
}
