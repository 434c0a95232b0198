import Foundation
import Tensors
import Testing

@Suite struct BatchNormTests {
  private let shape = [3, 3, 5, 4], channels = 4
  private let x = randomValues(180, 61).map { 2 * $0 + 3 }
  private let gamma = randomValues(4, 62), beta = randomValues(4, 63)
  private let cotangent = randomValues(180, 64)

  /// Each channel's mean and biased variance.
  private func moments(_ x: [Double]) -> [(mean: Double, variance: Double)] {
    (0..<channels).map { c in
      let own = stride(from: c, to: x.count, by: channels).map { x[$0] }
      let mean = own.reduce(0, +) / Double(own.count)
      return (mean, own.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(own.count))
    }
  }

  private func normed(_ v: [[Double]], _ moments: [(mean: Double, variance: Double)]) -> [Double] {
    v[0].indices.map { i in
      let c = i % channels
      return (v[0][i] - moments[c].mean) / (moments[c].variance + 1e-5).squareRoot() * v[1][c] + v[2][c]
    }
  }

  /// With the batch's statistics, and with running ones.
  @Test(arguments: [true, false]) func derivative(learns: Bool) {
    let means = randomValues(4, 65), variances = randomValues(4, 66).map { 0.5 + $0 * $0 }
    expectDerivative(
      of: [x, gamma, beta], cotangent: cotangent,
      reference: { v in
        let running = zip(means, variances).map { (mean: Double($0), variance: Double($1)) }
        return normed(v, learns ? moments(v[0]) : running)
      },
      operation: {
        let engine = Engine(threads: 2), tape = Tape(engine: engine, isRecording: true)
        if learns { tape.batchStatistics = BatchStatistics() }
        let input = tape.input(engine.tensor(shape, x))
        let parameters = [gamma, beta, means, variances].map { boundParameter(engine, [channels], $0) }
        let y = tape.batchNorm(
          input, weight: parameters[0], bias: parameters[1], mean: parameters[2], variance: parameters[3])
        tape.backward(from: y, gradient: engine.tensor(shape, cotangent))
        return Differentiated(
          output: y.value.values(),
          gradients: [input.gradientValues, parameters[0].gradientValues, parameters[1].gradientValues])
      })
  }

  /// Running statistics move by a tenth for each pass, by the unbiased variance, and not before they are asked to.
  @Test func runningStatistics() {
    let engine = Engine(threads: 1), statistics = BatchStatistics()
    let parameters = [gamma, beta, [0, 0, 0, 0], [1, 1, 1, 1]].map { boundParameter(engine, [channels], $0) }
    func pass(_ values: [Float]) {
      let tape = Tape(engine: engine, isRecording: false)
      tape.batchStatistics = statistics
      _ = tape.batchNorm(
        tape.constant(engine.tensor(shape, values)), weight: parameters[0], bias: parameters[1], mean: parameters[2],
        variance: parameters[3])
    }
    let second = x.map { 3 - $0 }
    pass(x)
    pass(second)
    #expect(parameters[2].value!.values() == [0, 0, 0, 0])
    statistics.updateRunningStatistics()
    var expected = [(mean: Double, variance: Double)](repeating: (0, 1), count: channels)
    for values in [x, second] {
      for (c, own) in moments(values.map(Double.init)).enumerated() {
        expected[c].mean += 0.1 * (own.mean - expected[c].mean)
        expected[c].variance += 0.1 * (own.variance * 45 / 44 - expected[c].variance)
      }
    }
    #expect(relativeDifference(parameters[2].value!.values().map(Double.init), expected.map(\.mean)) < 1e-6)
    #expect(relativeDifference(parameters[3].value!.values().map(Double.init), expected.map(\.variance)) < 1e-6)
    let before = parameters[3].value!.values()
    statistics.updateRunningStatistics()
    #expect(parameters[3].value!.values() == before)
  }

  /// A mean a thousand times the deviation must not cancel; the number of threads makes no difference.
  @Test func farFromZero() {
    let values = randomValues(2 * 4096 * 4, 67).map { $0 + 1000 }
    let outputs = [1, 3].map { threads in
      let engine = Engine(threads: threads), tape = Tape(engine: engine, isRecording: false)
      tape.batchStatistics = BatchStatistics()
      let parameters = [[1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]].map {
        boundParameter(engine, [channels], $0)
      }
      return tape.batchNorm(
        tape.constant(engine.tensor([2, 64, 64, 4], values)), weight: parameters[0], bias: parameters[1],
        mean: parameters[2], variance: parameters[3]
      ).value.values()
    }
    #expect(outputs[0] == outputs[1])
    let doubles = values.map(Double.init)
    let expected = normed([doubles, [1, 1, 1, 1], [0, 0, 0, 0]], moments(doubles))
    #expect(relativeDifference(outputs[0].map(Double.init), expected) < 1e-4)
  }
}
