import CKernels
import Tensors
import Testing

@Suite struct LinearTests {
  private func run(
    rows: Int, from: Int, to: Int, threads: Int, passes: Int = 1
  ) -> (y: [Float], dx: [Float], dw: [Float], db: [Float]) {
    let engine = Engine(threads: threads), tape = Tape(engine: engine, isRecording: true)
    let wide = engine.tensor([rows, from + 3], randomValues(rows * (from + 3), 1))
    let x = tape.input(wide.slice(channels: 2..<from + 2))
    let weight = boundParameter(engine, [from, to], randomValues(from * to, 2))
    let bias = boundParameter(engine, [to], randomValues(to, 3))
    let uses = (0..<passes).map { _ in tape.linear(x, weight: weight, bias: bias) }
    let y = uses.dropFirst().reduce(uses[0]) { tape.add($0, $1) }
    tape.backward(from: y, gradient: engine.tensor([rows, to], randomValues(rows * to, 4)))
    return (y.value.values(), x.gradientValues, weight.gradientValues, bias.gradientValues)
  }

  /// Blocks are a function of the extents: the same bits on 1, 2 and 3 threads.
  @Test(arguments: [(65, 400, 500), (700, 130, 300), (20000, 33, 20), (65, 7, 5)])
  func threadsDoNotMatter(rows: Int, from: Int, to: Int) {
    let one = run(rows: rows, from: from, to: to, threads: 1)
    for threads in [2, 3] { #expect(run(rows: rows, from: from, to: to, threads: threads) == one) }
  }

  /// Two uses add up in all gradients.
  @Test(arguments: [8, 300]) func gradientsAccumulate(rows: Int) {
    let one = run(rows: rows, from: 9, to: 11, threads: 2),
      two = run(rows: rows, from: 9, to: 11, threads: 2, passes: 2)
    for (single, double) in zip([one.dx, one.dw, one.db], [two.dx, two.dw, two.db]) {
      #expect(relativeDifference(double.map(Double.init), single.map { 2 * Double($0) }) < 1e-6)
    }
  }

  /// Few rows are one product each, the very ones that networks have been trained with.
  @Test(arguments: [1, 64]) func fewRowsKeepTheirBits(rows: Int) {
    let (from, to) = (40, 70), wide = randomValues(rows * (from + 3), 1), w = randomValues(from * to, 2)
    let b = randomValues(to, 3), dy = randomValues(rows * to, 4), x = Array(wide.dropFirst(2)) + [0, 0]
    var y = [Float](repeating: 0, count: rows * to), dx = [Float](repeating: 0, count: rows * from)
    var dw = [Float](repeating: 0, count: from * to), db = [Float](repeating: 0, count: to)
    ck_fill_rows(&y, to, b, nil, nil, 0, rows, to)
    ck_gemm(0, 0, rows, to, from, 1, x, from + 3, w, to, 1, &y, to)
    ck_channel_sums(&db, dy, to, rows, to)
    ck_gemm(1, 0, from, to, rows, 1, x, from + 3, dy, to, 1, &dw, to)
    ck_gemm(0, 1, rows, from, to, 1, dy, to, w, to, 0, &dx, from)
    #expect(run(rows: rows, from: from, to: to, threads: 2) == (y, dx, dw, db))
  }
}
