/// 64 bits that stand for some bytes (FNV-1a): the same on every rank and in every run, unlike Swift's seeded `Hasher`.
public func stableHash(_ bytes: some Sequence<UInt8>) -> UInt64 {
  bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
}
