import Tensors
import Testing

/// A rank whose share of a batch is empty runs the same operations on nothing: shapes hold, gradients stay as they are, and
/// all parameters are announced, so that messages within operations could be met.
@Suite struct NoSampleTests {
  private let engine = Engine(threads: 2)

  private func check(
    _ name: String, _ shapes: [[Int]], _ parameters: [[Int]] = [], to expected: [Int],
    _ operation: (Tape, [Variable], [Parameter]) -> Variable, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let tape = Tape(engine: engine, isRecording: true)
    let inputs = shapes.map { tape.input(engine.tensor($0)) }
    let own = parameters.map { boundParameter(engine, $0, [Float](repeating: 2, count: $0.reduce(1, *))) }
    var announced = 0
    tape.onParameterReady = { _ in announced += 1 }
    let y = operation(tape, inputs, own)
    #expect(y.value.shape == expected, "\(name)", sourceLocation: sourceLocation)
    tape.backward(from: y, gradient: engine.tensor(expected))
    for (input, shape) in zip(inputs, shapes) {
      #expect(input.gradient?.shape == shape, "\(name)", sourceLocation: sourceLocation)
    }
    let isUntouched = own.allSatisfy { $0.gradientValues.allSatisfy { $0 == 0 } }
    #expect(announced == own.count && isUntouched, "\(name)", sourceLocation: sourceLocation)
  }

  @Test func allOperations() {
    let maps = [0, 8, 8, 4]
    for (kernel, stride) in [(3, 1), (3, 2), (1, 1)] {
      check("convolution", [maps, [0, 6]], [[kernel, kernel, 4, 6], [6]], to: [0, 8 / stride, 8 / stride, 6]) {
        $0.convolution($1[0], weight: $2[0], bias: $2[1], stride: stride, perSample: $1[1])
      }
    }
    check("linear", [[0, 4]], [[4, 5], [5]], to: [0, 5]) { $0.linear($1[0], weight: $2[0], bias: $2[1]) }
    check("group norm", [maps], [[4], [4]], to: maps) {
      $0.groupNorm($1[0], weight: $2[0], bias: $2[1], groups: 2, swish: true)
    }
    check("batch norm", [maps], [[4], [4]], to: maps) {
      $0.batchNorm(
        $1[0], weight: $2[0], bias: $2[1], mean: boundParameter(engine, [4], [0, 0, 0, 0]),
        variance: boundParameter(engine, [4], [1, 1, 1, 1]))
    }
    check("rectifier", [maps], [[1]], to: maps) { $0.rectify($1[0], slope: $2[0]) }
    check("attention", [[0, 8, 8, 12]], to: maps) { tape, x, _ in tape.attention(x[0], heads: 2) }
    check("cross attention", [[0, 5, 4], [0, 7, 4], [0, 7, 6]], to: [0, 5, 6]) { tape, x, _ in
      tape.attention(queries: x[0], keys: x[1], values: x[2], heads: 2)
    }
    check("softmax", [maps], to: maps) { tape, x, _ in tape.softmax(x[0]) }
    check("swish", [maps], to: maps) { tape, x, _ in tape.swish(x[0]) }
    check("scale", [maps], to: maps) { tape, x, _ in tape.scale(x[0], by: 2) }
    check("add", [maps, maps], to: maps) { tape, x, _ in tape.add(x[0], x[1]) }
    check("sum", [maps], to: [0, 1]) { tape, x, _ in tape.sum(x[0]) }
    check("upsampling", [maps], to: [0, 16, 16, 4]) { tape, x, _ in tape.upsampleNearest(x[0]) }
    check("concatenation", [maps, [0, 8, 8, 3]], to: [0, 8, 8, 7]) { tape, x, _ in tape.concatenate(x[0], x[1]) }
    check("softplus", [[0, 1]], to: [0, 1]) { tape, x, _ in tape.softplus(x[0]) }
    check("slice", [maps], to: [0, 8, 8, 2]) { tape, x, _ in tape.slice(x[0], channels: 1..<3) }
    check("pixel shuffle", [maps], to: [0, 16, 16, 1]) { tape, x, _ in tape.pixelShuffle(x[0]) }
    check("pooling", [maps], to: [0, 4, 4, 4]) { tape, x, _ in tape.averagePool(x[0]) }
    check("greatest", [maps], to: [0, 4, 4, 4]) { tape, x, _ in tape.maxPool(x[0]) }
    check("mean over places", [maps], to: [0, 4]) { tape, x, _ in tape.meanOverPlaces(x[0]) }
    check("edge strength", [maps], to: [0, 7, 7, 4]) { tape, x, _ in tape.edgeStrength(x[0]) }
    check("draw", [maps], to: [0, 8, 8, 2]) { tape, x, _ in
      tape.drawGaussian(x[0], noise: tape.engine.zeros([0, 8, 8, 2]))
    }
    check("divergence", [maps, maps], to: [0, 1]) { tape, x, _ in tape.divergence(of: x[0], from: x[1]) }
    check("squared error", [maps], to: [0, 1]) { tape, x, _ in
      tape.meanSquaredError(x[0], target: tape.engine.zeros(maps))
    }
  }
}
