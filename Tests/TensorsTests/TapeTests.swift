import Tensors
import Testing

/// What a tape knows is its own: several at once, and parameters that a tape leaves alone.
@Suite struct TapeTests {
  /// One of each operation with parameters: Winograd's, gathered and plain products, norm, linear.
  private struct Network {
    let first: Parameter, bias: Parameter, scale: Parameter, shift: Parameter, gathered: Parameter, direct: Parameter
    let matrix: Parameter, vector: Parameter
    var parameters: [Parameter] { [first, bias, scale, shift, gathered, direct, matrix, vector] }

    init(_ engine: Engine, seed: Int) {
      func make(_ shape: [Int], _ place: Int) -> Parameter {
        boundParameter(engine, shape, randomValues(shape.reduce(1, *), 100 * seed + place))
      }
      (first, bias) = (make([3, 3, 4, 8], 0), make([8], 1))
      (scale, shift) = (make([8], 2), make([8], 3))
      (gathered, direct) = (make([3, 3, 8, 6], 4), make([1, 1, 6, 4], 5))
      (matrix, vector) = (make([4, 4], 6), make([4], 7))
    }

    /// `[N, 8, 8, 4]` to `[N, 4, 4, 4]`.
    func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
      var y = tape.convolution(x, weight: first, bias: bias)
      y = tape.groupNorm(y, weight: scale, bias: shift, groups: 2, swish: true)
      y = tape.convolution(tape.convolution(y, weight: gathered, stride: 2), weight: direct)
      return tape.linear(y, weight: matrix, bias: vector)
    }

    var gradients: [[Float]] { parameters.map(\.gradientValues) }
  }

  private let engine = Engine(threads: 2)
  private func input(_ seed: Int) -> Tensor { engine.tensor([2, 8, 8, 4], randomValues(512, seed)) }

  private func record(_ network: Network, _ tape: Tape, _ seed: Int) -> (x: Variable, loss: Variable) {
    let x = tape.input(input(seed))
    return (x, tape.sum(tape.swish(network(x, tape))))
  }

  /// Two recordings over the same parameters, under way at the same time: the bits of one after the other, and each
  /// announces every parameter once.
  @Test func interleavedTapes() {
    let apart = Network(engine, seed: 1), together = Network(engine, seed: 1)
    for seed in [1, 2] {
      let tape = Tape(engine: engine, isRecording: true)
      tape.backward(from: record(apart, tape, seed).loss)
    }
    let tapes = (0..<2).map { _ in Tape(engine: engine, isRecording: true) }
    var announced: [[ObjectIdentifier]] = [[], []]
    for (place, tape) in tapes.enumerated() {
      tape.onParameterReady = { announced[place].append(ObjectIdentifier($0)) }
    }
    let losses = zip(tapes, [1, 2]).map { record(together, $0, $1).loss }
    for (tape, loss) in zip(tapes, losses) { tape.backward(from: loss) }
    #expect(together.gradients == apart.gradients)
    for ready in announced {
      #expect(ready.count == together.parameters.count && Set(ready).count == ready.count)
    }
  }

  /// A generator's step through a discriminator: the latter's gradients keep their bits, the former's and the input's
  /// are those of a tape where all learn.
  @Test(arguments: [ConvolutionChoice.automatic, .gathered]) func frozenParameters(_ choice: ConvolutionChoice) {
    let engine = Engine(threads: 2, convolution: choice)
    func run(freezing: Bool) -> (input: [Float], first: [[Float]], second: [[Float]], announced: [Parameter]) {
      let generator = Network(engine, seed: 2), judge = Network(engine, seed: 3)
      for (place, parameter) in judge.parameters.enumerated() {
        parameter.gradient!.base.update(repeating: Float(place) + 0.1, count: parameter.count)
      }
      let tape = Tape(engine: engine, isRecording: true, training: freezing ? generator.parameters : nil)
      var announced: [Parameter] = []
      tape.onParameterReady = { announced.append($0) }
      let x = tape.input(engine.tensor([2, 8, 8, 4], randomValues(512, 4)))
      let made = tape.upsampleNearest(generator(x, tape))
      tape.backward(from: tape.sum(tape.swish(judge(made, tape))))
      return (x.gradientValues, generator.gradients, judge.gradients, announced)
    }
    let frozen = run(freezing: true), whole = run(freezing: false)
    #expect(frozen.input == whole.input && frozen.first == whole.first)
    #expect(frozen.second.enumerated().allSatisfy { place, values in values.allSatisfy { $0 == Float(place) + 0.1 } })
    #expect(whole.second != frozen.second)
    #expect(frozen.announced.count == 8 && whole.announced.count == 16)
  }

  /// Where nothing wants a gradient nothing is recorded: buffers go back to the pool at once.
  @Test func nothingIsRecordedForFrozenParametersAlone() {
    let network = Network(engine, seed: 4)
    let tape = Tape(engine: engine, isRecording: true, training: [])
    #expect(!network(tape.constant(input(5)), tape).needsGradient)
  }

  /// A tape whose recording is never differentiated goes away with all that it kept.
  @Test func abandonedTapesLeaveNothing() {
    let network = Network(engine, seed: 5)
    weak var left: Tape?
    do {
      let tape = Tape(engine: engine, isRecording: true)
      left = tape
      _ = tape.scale(tape.softmax(tape.add(record(network, tape, 6).loss, tape.constant(engine.zeros([2, 1])))), by: 2)
    }
    #expect(left == nil)
  }
}
