import CKernels
import Foundation
import Tensors
import Testing

/// softmax(scale q · k) v in double, head by head, as it is defined; masked keys are left out.
func referenceAttention(
  _ q: [Double], _ k: [Double], _ v: [Double], batch: Int, heads: Int, queries: Int, keys: Int,
  scale: Double? = nil, mask: [Bool]? = nil
) -> [Double] {
  let c = q.count / (batch * queries), outputs = v.count / (batch * keys), d = c / heads, e = outputs / heads
  let scale = scale ?? 1 / Double(d).squareRoot()
  var out = [Double](repeating: 0, count: batch * queries * outputs)
  var weights = [Double](repeating: 0, count: keys)
  for place in 0..<batch * heads * queries {
    let (n, head, i) = (place / (heads * queries), place / queries % heads, place % queries)
    var sum = 0.0
    for j in 0..<keys {
      var score = 0.0
      for x in 0..<d { score += q[(n * queries + i) * c + head * d + x] * k[(n * keys + j) * c + head * d + x] }
      weights[j] = mask.map { $0[n * keys + j] } ?? true ? exp(scale * score) : 0
      sum += weights[j]
    }
    guard sum > 0 else { continue }
    for j in 0..<keys where weights[j] > 0 {
      for x in 0..<e {
        out[(n * queries + i) * outputs + head * e + x] += weights[j] / sum * v[(n * keys + j) * outputs + head * e + x]
      }
    }
  }
  return out
}

@Suite struct AttentionTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var batch = 2, heads = 1, queries = 5, keys = 7, width = 3, valueWidth = 4
    var scale: Float?
    var isMasked = false
    var testDescription: String {
      "\(batch)x\(heads)x\(queries) to \(keys), \(width) and \(valueWidth) wide\(isMasked ? ", masked" : "")"
    }
    /// The last keys of each sample are padding; all of the first sample's where there are several samples.
    var mask: [Bool]? {
      isMasked ? (0..<batch * keys).map { $0 % keys < keys / 2 && (batch == 1 || $0 >= keys) } : nil
    }
    var operands: [[Float]] {
      [
        randomValues(batch * queries * heads * width, 1), randomValues(batch * keys * heads * width, 2),
        randomValues(batch * keys * heads * valueWidth, 3),
      ]
    }
    var cotangent: [Float] { randomValues(batch * queries * heads * valueWidth, 4) }
    func reference(_ v: [[Double]]) -> [Double] {
      referenceAttention(
        v[0], v[1], v[2], batch: batch, heads: heads, queries: queries, keys: keys, scale: scale.map(Double.init),
        mask: mask)
    }
    func run(threads: Int) -> Differentiated {
      let engine = Engine(threads: threads), tape = Tape(engine: engine, isRecording: true), x = operands
      let q = tape.input(engine.tensor([batch, queries, heads * width], x[0]))
      let k = tape.input(engine.tensor([batch, keys, heads * width], x[1]))
      let v = tape.input(engine.tensor([batch, keys, heads * valueWidth], x[2]))
      let y = tape.attention(queries: q, keys: k, values: v, heads: heads, scale: scale, keyMask: mask)
      tape.backward(from: y, gradient: engine.tensor(y.value.shape, cotangent))
      return Differentiated(output: y.value.values(), gradients: [q, k, v].map(\.gradientValues))
    }
  }

  static let small: [Case] = [
    Case(), Case(heads: 3), Case(queries: 6, keys: 6, width: 4), Case(heads: 2, keys: 1, scale: 0.3),
    Case(isMasked: true), Case(batch: 1, heads: 2, queries: 1, keys: 9, isMasked: true),
  ]

  @Test(arguments: small) func derivative(_ c: Case) {
    expectDerivative(
      of: c.operands, cotangent: c.cotangent, reference: c.reference, operation: { c.run(threads: 2) })
  }

  /// Several blocks of queries and keys, and more of them than backward has in flight: along a random direction against
  /// double, the same bits for any number of threads.
  @Test(arguments: [
    Case(batch: 2, heads: 2, queries: 300, keys: 270, width: 5, valueWidth: 6, isMasked: true),
    Case(batch: 1, heads: 66, queries: 1000, keys: 1024, width: 2, valueWidth: 1),
  ])
  func manyBlocks(_ c: Case) {
    let one = c.run(threads: 1), three = c.run(threads: 3)
    #expect(one.output == three.output && one.gradients == three.gradients)
    let points = c.operands.map { $0.map(Double.init) }
    #expect(relativeDifference(one.output.map(Double.init), c.reference(points)) < 1e-5)
    let directions = points.enumerated().map { randomValues($1.count, 10 + $0).map(Double.init) }
    func moved(_ step: Double) -> Double {
      let there = zip(points, directions).map { zip($0, $1).map { $0 + step * $1 } }
      return zip(c.reference(there), c.cotangent).reduce(0) { $0 + $1.0 * Double($1.1) }
    }
    let numeric = (moved(1e-4) - moved(-1e-4)) / 2e-4
    let slope = zip(one.gradients.joined(), directions.joined()).reduce(0) { $0 + Double($1.0) * $1.1 }
    let norm = one.gradients.joined().reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    #expect(abs(slope - numeric) < 2e-5 * norm)
  }

  /// One packed head of up to 256 tokens: the very products that networks have been trained with, in one piece each.
  @Test(arguments: [64, 130, 256]) func packedKeepsItsBits(pixels: Int) {
    let (n, c) = (2, 24), engine = Engine(threads: 2)
    let x = randomValues(n * pixels * 3 * c, 5), cotangent = randomValues(n * pixels * c, 6)
    let tape = Tape(engine: engine, isRecording: true)
    let input = tape.input(engine.tensor([n, pixels, 1, 3 * c], x))
    let y = tape.attention(input)
    tape.backward(from: y, gradient: engine.tensor([n, pixels, 1, c], cotangent))
    let (out, slope) = uncut(x, cotangent, samples: n, pixels: pixels, channels: c)
    #expect(y.value.values() == out && input.gradientValues == slope)
  }

  /// The output, and the gradient of the packed operands.
  private func uncut(
    _ x: [Float], _ cotangent: [Float], samples n: Int, pixels: Int, channels c: Int
  ) -> (out: [Float], slope: [Float]) {
    var out = [Float](repeating: 0, count: n * pixels * c), slope = [Float](repeating: 0, count: x.count)
    let scale = 1 / Float(c).squareRoot()
    for sample in 0..<n {
      let q = Array(x[sample * pixels * 3 * c..<(sample + 1) * pixels * 3 * c])
      let dy = Array(cotangent[sample * pixels * c..<(sample + 1) * pixels * c])
      var p = [Float](repeating: 0, count: pixels * pixels), s = p
      q.withUnsafeBufferPointer { q in
        let q = q.baseAddress!
        out.withUnsafeMutableBufferPointer { out in
          p.withUnsafeMutableBufferPointer { p in
            for first in stride(from: 0, to: pixels, by: 128) {
              let rows = min(128, pixels - first), to = p.baseAddress! + first * pixels
              ck_gemm(0, 1, rows, pixels, c, scale, q + first * 3 * c, 3 * c, q + c, 3 * c, 0, to, pixels)
              ck_softmax_rows(to, rows, pixels)
              ck_gemm(
                0, 0, rows, c, pixels, 1, to, pixels, q + 2 * c, 3 * c, 0,
                out.baseAddress! + (sample * pixels + first) * c, c)
            }
          }
        }
        slope.withUnsafeMutableBufferPointer { slope in
          let g = slope.baseAddress! + sample * pixels * 3 * c
          ck_gemm(1, 0, pixels, c, pixels, 1, p, pixels, dy, c, 0, g + 2 * c, 3 * c)
          ck_gemm(0, 1, pixels, pixels, c, 1, dy, c, q + 2 * c, 3 * c, 0, &s, pixels)
          ck_softmax_rows_gradient(&s, p, pixels, pixels)
          ck_gemm(0, 0, pixels, c, pixels, scale, s, pixels, q + c, 3 * c, 0, g, 3 * c)
          ck_gemm(1, 0, pixels, c, pixels, scale, s, pixels, q, 3 * c, 0, g + c, 3 * c)
        }
      }
    }
    return (out, slope)
  }

  /// Packed and separate operands are one operation.
  @Test func packedEqualsSeparate() {
    let (n, tokens, c) = (2, 40, 12), engine = Engine(threads: 2)
    let x = engine.tensor([n, tokens, 3 * c], randomValues(n * tokens * 3 * c, 7))
    let tape = Tape(engine: engine, isRecording: true)
    let packed = tape.input(x), parts = (0..<3).map { tape.input(x.slice(channels: $0 * c..<($0 + 1) * c)) }
    let outputs = [
      tape.attention(packed, heads: 3),
      tape.attention(queries: parts[0], keys: parts[1], values: parts[2], heads: 3),
    ]
    #expect(outputs[0].value.values() == outputs[1].value.values())
    tape.backward(from: tape.sum(tape.swish(tape.add(outputs[0], tape.scale(outputs[1], by: 2)))))
    let whole = packed.gradient!, separate = parts.map { $0.gradientValues.map { Double($0) } }
    for place in 0..<3 {
      let own = whole.slice(channels: place * c..<(place + 1) * c).values().map { 2 * Double($0) }
      #expect(relativeDifference(separate[place], own) < 1e-5)
    }
  }

  /// 4096 tokens: 64 MiB of scores a head that are never there at once, nor are they where a gradient is wanted.
  @Test func memoryIsLinearInTokens() {
    let engine = Engine(threads: 2), tokens = 4096, width = 16
    let x = engine.tensor([1, tokens, 3 * width], randomValues(tokens * 3 * width, 8))
    let before = engine.pool.heldBytes
    let silent = Tape(engine: engine, isRecording: false)
    _ = silent.attention(silent.constant(x), heads: 2)
    #expect(engine.pool.heldBytes - before < 2 * 128 * tokens * 4 * 5 / 4)
    let tape = Tape(engine: engine, isRecording: true), y = tape.attention(tape.input(x), heads: 2)
    #expect(engine.pool.heldBytes - before < 2 * 128 * tokens * 4 * 5 / 4)
    tape.backward(from: y)
    #expect(engine.pool.heldBytes - before < 80 << 20, "two heads' scores and slopes would be 256 MiB")
  }
}
