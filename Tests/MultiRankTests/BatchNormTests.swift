import Computing
import MessagePassing
import NeuralNetworks
import Records
import Tensors
import Testing

@testable import Models

extension MultiRank {
  /// Batch norms over samples that the ranks share, where one may have none.
  @Suite struct BatchNormTests {
    private let communicator: Communicator
    private let engine = Engine(threads: 1)
    private let shape = [3, 4, 5, 6]

    init() throws { communicator = try Communicator.world() }

    private struct Results {
      var output: [Float], inputGradient: [Float], weightGradients: [Float], running: [Float]
    }

    /// Two norms, one behind the other, on some of the samples.
    private func run(_ samples: Range<Int>, _ statistics: BatchStatistics) throws -> Results {
      let stream = RandomStream(seed: 3, purpose: .test)
      let norms = [BatchNorm("a", 6), BatchNorm("b", 6)]
      let arena = ParameterArena(norms.flatMap(\.parameters), isTrained: true)
      for parameter in arena.parameters {
        let values = stream.gaussian(6, sample: parameter.index).map { 1 + 0.3 * $0 }
        parameter.value?.base.update(from: values, count: 6)
      }
      let x = engine.tensor(shape, stream.gaussian(360, sample: 20).map { 50 + $0 }).samples(samples)
      let tape = Tape(engine: engine, training: arena)
      tape.batchStatistics = statistics
      let input = tape.input(x), y = norms.reduce(input) { tape.swish($1($0, tape)) }
      tape.backward(from: y, gradient: engine.tensor(shape, stream.gaussian(360, sample: 21)).samples(samples))
      statistics.updateRunningStatistics()
      return Results(
        output: y.value.values(), inputGradient: input.gradient?.values() ?? [],
        weightGradients: arena.parameters.flatMap { $0.gradient?.values() ?? [] },
        running: arena.parameters.flatMap { $0.kind.isStatistic ? $0.value?.values() ?? [] : [] })
    }

    @Test func ranksComputeWhatOneWould() throws {
      let alone = try run(0..<3, BatchStatistics())
      let share = Share.range(of: 3, rank: communicator.rank, size: communicator.size)
      let mine = try run(share, BatchStatistics(communicator))
      let sums = try communicator.allReduce(mine.weightGradients, .sum)
      let part = share.lowerBound * 120..<share.upperBound * 120
      func isNear(_ a: [Float], _ b: [Float]) -> Bool {
        let size = b.map(abs).max() ?? 0
        return a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= 2e-5 * size }
      }
      #expect(isNear(mine.output, Array(alone.output[part])))
      #expect(isNear(mine.inputGradient, Array(alone.inputGradient[part])))
      #expect(isNear(sums, alone.weightGradients))
      #expect(isNear(mine.running, alone.running))
      // To the bit the same on every rank: weights are compared before they are saved.
      let bits = mine.running.withUnsafeBytes { Checksum.value(of: $0) }
      #expect(try communicator.allEqual(bits))
    }
  }
}
