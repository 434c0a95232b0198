import CKernels
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

  @Test func doesNotDependOnHowTheBytesAreCut() {
    let bytes = (0..<300).map { UInt8(truncatingIfNeeded: $0 * 31) }
    for cut in [1, 3, 7, 31, 32, 33, 64, 299] {
      var sum = ck_checksum()
      ck_checksum_begin(&sum)
      for start in stride(from: 0, to: bytes.count, by: cut) {
        let part = Array(bytes[start..<min(bytes.count, start + cut)])
        ck_checksum_add(&sum, part, part.count)
      }
      var whole = ck_checksum()
      ck_checksum_begin(&whole)
      ck_checksum_add(&whole, bytes, bytes.count)
      #expect(ck_checksum_value(&sum) == ck_checksum_value(&whole))
    }
  }
}
