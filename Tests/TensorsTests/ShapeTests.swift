import Tensors
import Testing

/// Operations that only move values.
@Suite struct ShapeTests {
  /// Samples of parts with other numbers of samples, one of them some of the channels of a wider buffer.
  @Test func stacked() {
    let (first, second) = (randomValues(2 * 3 * 4, 90), randomValues(3 * 3 * 4, 91))
    let order = [3, 0, 4, 2, 1], cotangent = randomValues(5 * 3 * 4, 92)
    expectDerivative(
      of: [first, second], cotangent: cotangent,
      reference: { parts in
        let all = parts[0] + parts[1]
        return order.flatMap { all[$0 * 12..<($0 + 1) * 12] }
      },
      operation: {
        let engine = Engine(threads: 2), tape = Tape(engine: engine, isRecording: true)
        let wide = engine.zeros([2, 3, 7]).slice(channels: 2..<6)
        for i in first.indices { wide.base[i / 4 * wide.stride + i % 4] = first[i] }
        let inputs = [tape.input(wide), tape.input(engine.tensor([3, 3, 4], second))]
        let y = tape.stack(inputs, order: order)
        tape.backward(from: y, gradient: engine.tensor(y.value.shape, cotangent))
        return Differentiated(output: y.value.values(), gradients: inputs.map(\.gradientValues))
      })
  }

  /// Tokens of two maps as those of one scene, used twice.
  @Test(arguments: [0, 2]) func reshaped(margin: Int) {
    let x = randomValues(24, 93), cotangent = randomValues(24, 94)
    expectDerivative(
      of: [x], cotangent: cotangent, reference: { $0[0].map { 2 * $0 } },
      operation: {
        let engine = Engine(threads: 1), tape = Tape(engine: engine, isRecording: true)
        let view = engine.zeros([2, 3, 4 + margin]).slice(channels: 0..<4)
        for i in x.indices { view.base[i / 4 * view.stride + i % 4] = x[i] }
        let input = tape.input(view)
        let y = tape.add(tape.reshape(input, [1, 6, 4]), tape.reshape(input, [1, 6, 4]))
        tape.backward(from: y, gradient: engine.tensor(y.value.shape, cotangent))
        return Differentiated(output: y.value.values(), gradients: [input.gradientValues])
      })
  }
}
