import Computing
import Testing

@Suite struct RandomStreamTests {
  /// Computed by a plain statement of Philox4x32-10 that gives Random123's known answer for zeros
  /// (6627e8d5 e169c58d bc57ac4c 9b00dbd8): counter (0, 255 << 24 | 5, 7, 9), key 0123456789abcdef.
  @Test func knownAnswer() {
    let stream = RandomStream(seed: 0x0123_4567_89ab_cdef, purpose: .test, layer: 5)
    #expect(
      stream.bits(4, sample: 7, step: 9) == [0x4ffe_be56, 0x4b6c_d132, 0x08aa_6f3f, 0x85ed_71d2])
  }

  /// Any part of a sequence is drawn without the rest of it.
  @Test func partsAgree() {
    let stream = RandomStream(seed: 9, purpose: .noise, layer: 3)
    let whole = stream.gaussian(1000, sample: 5, step: 7)
    var part = [Float](repeating: 0, count: 300)
    part.withUnsafeMutableBufferPointer { stream.fillGaussian($0, sample: 5, step: 7, firstBlock: 25) }
    #expect(part == Array(whole[100..<400]))
  }

  /// Moments of 4 million draws within five standard errors.
  @Test func gaussianMoments() {
    let x = RandomStream(seed: 1, purpose: .noise).gaussian(4_000_000).map(Double.init)
    let n = Double(x.count)
    let mean = x.reduce(0, +) / n
    let variance = x.reduce(0) { $0 + $1 * $1 } / n
    let fourth = x.reduce(0) { $0 + $1 * $1 * $1 * $1 } / n
    #expect(abs(mean) < 5 / n.squareRoot())
    #expect(abs(variance - 1) < 5 * (2 / n).squareRoot())
    #expect(abs(fourth - 3) < 5 * (96 / n).squareRoot())
    let neighbours = zip(x, x.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 } / n
    #expect(abs(neighbours) < 5 / n.squareRoot())
  }

  @Test func uniformIsOpenAndFlat() {
    let x = RandomStream(seed: 2, purpose: .noise).uniform(1_000_000)
    #expect(x.allSatisfy { $0 > 0 && $0 < 1 })
    var bins = [Double](repeating: 0, count: 64)
    for value in x { bins[Int(value * 64)] += 1 }
    let chiSquare = bins.reduce(0) { $0 + ($1 - 15625) * ($1 - 15625) / 15625 }
    #expect(chiSquare < 63 + 6 * 11.2)  // 63 degrees of freedom, deviation sqrt(126)
  }

  @Test func permutationsAreFair() {
    let stream = RandomStream(seed: 3, purpose: .shuffle)
    var firsts = [Int](repeating: 0, count: 5)
    for epoch in 0..<5000 {
      let order = stream.permutation(5, step: epoch)
      #expect(order.sorted() == [0, 1, 2, 3, 4])
      firsts[order[0]] += 1
    }
    #expect(firsts.allSatisfy { abs($0 - 1000) < 170 })  // 6 deviations of 28.3
  }
}
